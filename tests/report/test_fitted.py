"""Tables on a terminal: no line is too long, nothing is lost, names break only at their marks."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from accelsim.report.fitted import fitted
from accelsim.report.table import Column, Table

NAMES = st.from_regex(r"[a-z]{1,9}([._/ ][a-z]{1,9}){0,4}", fullmatch=True)
NUMBERS = st.floats(1e-6, 1e6)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    names = draw(st.lists(NAMES, min_size=1, max_size=9, unique=True))
    columns = (Column("of", "block"), *(Column(name, name, "J") for name in names))
    labels = draw(st.lists(NAMES, min_size=1, max_size=4))
    rows = tuple((label, *(draw(NUMBERS) for _ in names)) for label in labels)
    return Table("", columns, rows)


def lines(table: Table, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(*fitted(table, width), sep="\n", highlight=False)
    return capture.get().splitlines()


@given(tables(), st.integers(40, 160))
def test_nothing_is_lost_and_no_line_is_too_long(table: Table, width: int) -> None:
    shown = lines(table, width)
    assert max(map(len, shown)) <= width
    words = " ".join(shown).split()
    for row in table.rows:
        cells = [c.text(v) for c, v in zip(table.columns[1:], row[1:], strict=True)]
        assert all(cell in " ".join(words) for cell in cells)
    # A name breaks after a blank or a mark, never within a word.
    pieces = {piece for each in words for piece in re.findall("[a-z]+", each)}
    wanted = {
        word
        for text in (*(c.title for c in table.columns), *(str(row[0]) for row in table.rows))
        for word in re.findall("[a-z]+", text)
    }
    assert wanted <= pieces


@pytest.mark.parametrize("width", [80, 60])
def test_what_is_too_wide_goes_on_below_with_its_first_column(width: int) -> None:
    names = [f"figure{number}" for number in range(12)]
    columns = (Column("of", "block"), *(Column(name, name, "J") for name in names))
    table = Table("", columns, (("weight_buffer", *(1.0 for _ in names)),))
    shown = lines(table, width)
    heads = [line.split() for line in shown if "figure" in line]
    assert len(heads) > 1
    assert all(head[0] == "block" for head in heads)
    assert [name for head in heads for name in head[1:]] == names


def test_no_column_goes_on_alone_and_every_part_names_its_rows() -> None:
    figures = tuple(
        Column(name, name, "J") for name in ("aaaaaaa", "bbbbbbb", "ccccccc", "ddddddd")
    )
    columns = (Column("chip", "chip"), Column("network", "network"), *figures)
    table = Table("", columns, (("GAP9", "resnet", 1.0, 1.0, 1.0, 1.0),), names=2)
    assert len(fitted(table, 44)) == 1
    heads = [line.split() for line in lines(table, 42) if "chip" in line]
    assert heads == [
        ["chip", "network", "aaaaaaa", "bbbbbbb"],
        ["chip", "network", "ccccccc", "ddddddd"],
    ]


def test_names_break_at_dots_before_they_break_within_a_part() -> None:
    name = "encoder.query_lora.down"
    operator = Table("", (Column("o", "operator"), Column("n", "n")), ((name, "x"),))
    assert [line.split()[0] for line in lines(operator, 16)[2:]] == [
        "encoder.",
        "query_lora.",
        "down",
    ]
    columns = (Column("o", "operator", dotted=True), *(Column(n, n, "J") for n in ("aaa", "bbb")))
    shown = lines(Table("", columns, ((name, 1.0, 2.0),)), 18)
    assert sum("query_lora." in line for line in shown) == 2
