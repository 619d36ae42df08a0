"""One report in every medium: values, units, and nothing that commands its reader."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from accelsim.errors import ConfigError
from accelsim.report.console import shown
from accelsim.report.media import MEDIA, chosen_media
from accelsim.report.media.json import _finite, _indented
from accelsim.report.page import page
from accelsim.report.table import (
    RULE,
    Alert,
    Chart,
    Column,
    Guide,
    Heading,
    Prose,
    Report,
    Table,
    listed,
    recorded,
)

NAME = Column("name", "name")
COLUMNS = (
    NAME,
    Column("energy", "energy", "J"),
    Column("area", "area", "mm2"),
    Column("share", "share", "%"),
    Column("", "for people", "1"),
    Column("sound", "sound", brief=False),
)
HARMFUL = '[/red]<b>\x1b]0;owned\x07\x9b31m,"=1\u202e'


def report_of(*rows: tuple[object, ...], names: str = "r", **more: object) -> Report:
    table = Table("all", COLUMNS, rows, total=True)  # type: ignore[arg-type]
    values = Table("", (NAME, *COLUMNS[1:3]), ((names, 1.0, 0.0), (f"{names}2", 2.0, 0.1)))
    chart = Chart(
        names, "points", values, ("energy",), ("area",), "name", label="name",
        logarithmic=("area",), guides=(Guide(names, (1.0, 1.0), (2.0, 2.0)),), notes=(names,),
    )  # fmt: skip
    return Report(
        name="toy",
        title=names,
        about=(f"about {names}",),
        notes=(f"know {names}",),
        sections=(
            Heading(names, f"{names}\n{names}"),
            Prose(names),
            table,
            chart,
        ),
        verdict=(Prose(f"so {names}", "strong"),),
        data=table,
        document={"rows": table.records, "name": names},
        **more,  # type: ignore[arg-type]
    )


ROWS = (("a", 1.25e-6, 2.5e-6, 0.125, 7, True), RULE, ("b", None, 0.0, 1.0, "none", False))


def drawn(medium: str, report: Report) -> str:
    if medium == "html":
        pytest.importorskip("jinja2", reason="pages are made by jinja2, of the extra plot")
        return page(report, b"")
    return "".join(MEDIA.find(medium)().render(report))


def test_media_are_found_and_named() -> None:
    assert {"csv", "html", "json", "svg", "txt"} <= set(MEDIA.all())
    assert [medium.name for medium in chosen_media("txt, csv,txt")] == ["txt", "csv"]
    with pytest.raises(
        ConfigError, match=r"^there is no output medium 'htm'; did you mean 'html'\?$"
    ):
        chosen_media("json,htm")


def test_programs_get_units_in_names_and_values_in_units() -> None:
    first, last = json.loads(drawn("json", report_of(*ROWS)))["rows"]
    assert first == {
        "name": "a", "energy_J": 1.25e-6, "area_mm2": 2.5, "share": 0.125, "sound": True,
    }  # fmt: skip
    assert last["energy_J"] is None
    rows = list(csv.DictReader(io.StringIO(drawn("csv", report_of(*ROWS)))))
    assert rows[0] == {key: str(value) for key, value in first.items()}
    assert rows[1]["energy_J"] == ""


def test_people_get_prefixes_and_one_unit_a_column() -> None:
    lines = drawn("txt", report_of(*ROWS)).splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith("name"))
    assert lines[at].split() == ["name", "energy", "mm2", "share", "for", "people"]
    assert lines[at - 1].split() == ["area"]
    assert re.fullmatch(r"a +1\.25 uJ +2\.50 +12\.5 % +7", lines[at + 2])
    assert re.fullmatch(r"b +- +0 +100 % +none", lines[at + 4])
    assert lines[:4] == ["r", "so r", "", "about r"]
    assert lines[-1] == "know r"


class Page(HTMLParser):
    """Collects cells and checks that what must be closed is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.seen: set[str] = set()
        self.feed(text)
        assert not self.tags

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "link"):
            self.tags.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.tags.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.tags and self.tags[-1] == "td":
            self.cells[-1] += data


def test_a_page_shows_all_columns_and_loads_nothing() -> None:
    text = drawn("html", report_of(*ROWS))
    assert Page(text).cells == [
        "a", "1.25 uJ", "2.50", "12.5 %", "7", "yes", "b", "-", "0", "100 %", "none", "no",
    ]  # fmt: skip
    assert "http" not in text
    order = [text.index(part) for part in ("so r", "about r", "<table", "know r")]
    assert order == sorted(order)


@pytest.mark.parametrize("medium", ["txt", "html", "json", "csv", "svg"])
@given(name=st.text(min_size=1, max_size=12) | st.just(HARMFUL))
def test_names_are_data_in_every_medium(medium: str, name: str) -> None:
    text = drawn(medium, report_of((name, 1.0, 1.0, 0.5, Alert(name), True), names=name))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    if medium == "html":
        assert Page(text).seen <= {
            "html", "head", "meta", "title", "link", "style", "body", "h1", "h2", "small", "p",
            "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "figcaption",
            "details", "summary", "pre", "script",
        }  # fmt: skip
    elif medium == "svg":
        assert {each.tag.partition("}")[2] for each in ElementTree.fromstring(text).iter()} <= {
            "svg", "style", "defs", "clipPath", "rect", "text", "g", "circle",
        }  # fmt: skip
    elif medium == "json":
        assert json.loads(text)["name"] == name
    elif medium == "csv":
        ((cell, *_),) = list(csv.reader(io.StringIO(text, newline="")))[1:]
        assert cell == name or not name.isprintable()


@pytest.mark.parametrize("colours", [False, True])
def test_a_terminal_prints_markup_as_it_stands(colours: bool) -> None:
    console = Console(
        file=io.StringIO(), width=80, force_terminal=colours,
        color_system="standard" if colours else None,
    )  # fmt: skip
    text = shown(report_of((HARMFUL, *ROWS[0][1:]), names=HARMFUL), console)
    assert "[/red]<b>\\x1b]0;owned\\x07" in text
    assert ("\x1b[" in text) is colours
    assert "\x1b]" not in text
    assert "\x07" not in text


@pytest.mark.parametrize("width", [80, 160])
def test_wide_texts_wrap_and_numbers_stay_whole(width: int) -> None:
    long = "one two three " * 12
    console = Console(file=io.StringIO(), width=width)
    text = shown(report_of((long, *ROWS[0][1:]), names="x" * 200), console)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "1.25 uJ" in text
    assert text.replace("\n", "").count("x" * 100) >= 4


def test_a_wide_table_gives_up_space_before_it_breaks_words() -> None:
    columns = (NAME, *(Column("", f"{n}" * 6, "1") for n in range(9)))
    table = Table("", columns, (("technology", *[0.123] * 9),))
    report = replace(report_of(*ROWS), sections=(table,), verdict=())
    text = shown(report, Console(file=io.StringIO(), width=74))
    assert f"technology{'  0.123' * 9}" in text
    assert max(map(len, text.splitlines())) <= 74


def test_short_words_stay_whole_where_long_texts_give_way() -> None:
    columns = (NAME, Column("", "told"), *(Column("", f"{n}" * 6, "1") for n in range(7)))
    rows = (("adapter_slc", "some words " * 6, *[0.123] * 7),)
    report = replace(report_of(*ROWS), sections=(Table("", columns, rows),), verdict=())
    text = shown(report, Console(file=io.StringIO(), width=74))
    assert max(map(len, text.splitlines())) <= 74
    assert ("adapter_slc" in text, text.count("some"), text.count("words")) == (True, 6, 6)
    assert text.count("0.123") == 7


def test_details_are_for_those_who_ask() -> None:
    report = report_of(*ROWS, details=(Prose("more to say"),))
    console = Console(file=io.StringIO(), width=80)
    assert "more to say" not in shown(report, console)
    assert "more to say" in shown(report, console, details=True)
    assert "more to say" in drawn("html", report)


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="6 columns, but a row"):
        report_of(("a", 1.0))


def test_a_column_is_written_once_for_lists_and_records() -> None:
    fields = ((NAME, str.upper), (Column("length", "length", "1"), len))
    assert listed("", fields, ["ab", "c"]).rows == (("AB", 2), ("C", 1))
    assert recorded(fields, "ab") == {"name": "AB", "length": 2}


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


@given(DOCUMENTS)
def test_a_document_is_indented_as_json_does(document: object) -> None:
    assert _indented(document) == json.dumps(_finite(document), indent=1, allow_nan=False)


def test_a_picture_draws_names_without_series() -> None:
    columns = (Column("what", "what"), Column("gain", "gain", "x"))
    table = Table("", columns, (("a", 2.0), ("b", 4.0)))
    chart = Chart("Factors", "points", table, ("gain",), ("what",), logarithmic=("gain",))
    text = drawn("svg", Report("r", "r", (chart,), table, {}))
    assert "Factors" in text
    assert "4.00x" in text
