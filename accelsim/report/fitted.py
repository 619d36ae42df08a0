"""Tables as wide as a terminal: they give up space, break at blanks, in names, then continue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich import box
from rich.cells import cell_len
from rich.table import Table as RichTable
from rich.text import Text

from accelsim.report.table import Alert, Column, Table
from accelsim.report.text import Value, printable

# [ours] Longer words, such as paths, may be broken.
_LONGEST_WORD = 24
_WORD, _PIECE = re.compile(r"\S+"), re.compile(r"[^\s./:_]*[\s./:_]*")
# What is kept together as long as there is room for it.
_NAME = re.compile(r"[^\s./:]*[\s./:]*")


def fitted(table: Table, width: int) -> list[RichTable]:
    """Return a table that gives up space, then lines, then whole names before it breaks a word.

    Names break at dots rather than within what lies between them. What is wider even so goes on
    below, with the columns that name a row again.
    """
    columns = [_Texts(table, place) for place, each in enumerate(table.columns) if each.brief]
    for kind in ("words", "names", "pieces"):
        least = [getattr(each, kind) for each in columns]
        gap = 2 if sum(least) + 2 * len(least) - 2 <= width else 1
        if sum(least) + gap * (len(least) - 1) <= width:
            widths = _shrunk([each.wide for each in columns], least, width - gap * (len(least) - 1))
            return [_drawn(table, columns, widths, gap)]
    names = min(table.names, len(columns) - 1) or 1
    kept = _kept(least, width, names)
    if kept == len(columns):
        return [_drawn(table, columns, least, 1)]
    places = [each.place for each in columns]
    parts = (places[:kept], places[:names] + places[kept:])
    return [one for places in parts for one in fitted(_of(table, places), width)]


class _Texts:
    """The texts of a column: how wide they are, and with words or names broken."""

    def __init__(self, table: Table, place: int) -> None:
        self.place, self.column = place, table.columns[place]
        self.heading = printable(self.column.heading)
        self.cells = [self.column.text(row[place]) for row in table.rows if row]
        whole = self.cells if self.column.numeric else []
        self.wide = _widest(_lines([self.heading, *self.cells]))
        own = _widest(_lines([self.heading, *whole])) if whole else 0
        loose = [self.heading, *([] if whole else self.cells)]
        words = _widest(word for text in loose for word in _WORD.findall(text))
        least = _widest(_lines(whole))
        self.words = max(own, min(_LONGEST_WORD, words))
        self.names, self.pieces = (
            max(least, min(_LONGEST_WORD, _widest(p.strip() for t in loose for p in of.findall(t))))
            for of in (_NAME, _NAME if self.column.dotted else _PIECE)
        )


def _lines(texts: Sequence[str]) -> Iterator[str]:
    return (line for text in texts for line in text.split("\n"))


def _widest(texts: Iterator[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _shrunk(widths: list[int], least: Sequence[int], room: int) -> list[int]:
    """Return widths that are as much as there is room for, the widest giving up first."""
    while sum(widths) > room and widths != least:
        spare = [n for n, width in enumerate(widths) if width > least[n]]
        widths[max(spare, key=widths.__getitem__)] -= 1
    return widths


def _kept(least: Sequence[int], width: int, names: int) -> int:
    """Return how many columns there is room for, those that name a row and one more at least.

    None is left to go on alone if the others can spare one.
    """
    total, count = sum(least[:names]) + names - 1, names
    while count < len(least) and (count <= names or total + 1 + least[count] <= width):
        total, count = total + 1 + least[count], count + 1
    return count - 1 if len(least) - count == 1 and count > names + 2 else count


def _of(table: Table, places: Sequence[int]) -> Table:
    """Return some columns of a table."""
    return replace(
        table,
        columns=tuple(table.columns[place] for place in places),
        rows=tuple(tuple(row[place] for place in places) if row else row for row in table.rows),
    )


def _pieces(line: str, width: int) -> list[str]:
    """Return what a line may be broken between: within names only where these are too wide."""
    if cell_len(line) <= width:
        return [line]
    return [
        piece
        for name in _NAME.findall(line)
        for piece in (_PIECE.findall(name) if cell_len(name.rstrip()) > width else [name])
    ]


def _folded(text: str, width: int) -> str:
    """Return a text in lines, broken at a blank or after a mark inside of a name."""
    lines = []
    for line in text.split("\n"):
        current = ""
        for piece in _pieces(line, width):
            if current and cell_len((current + piece).rstrip()) > width:
                lines.append(current.rstrip())
                current = ""
            current += piece
        lines.append(current.rstrip())
    return "\n".join(lines)


def _drawn(table: Table, columns: Sequence[_Texts], widths: Sequence[int], gap: int) -> RichTable:
    drawn = RichTable(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, gap - 1),
        collapse_padding=True,
    )  # fmt: skip
    headings = [_folded(one.heading, width) for one, width in zip(columns, widths, strict=True)]
    lines = max(heading.count("\n") for heading in headings)
    for one, heading, width in zip(columns, headings, widths, strict=True):
        drawn.add_column(
            Text("\n" * (lines - heading.count("\n")) + heading),
            justify="right" if one.column.numeric else "left",
            no_wrap=one.column.numeric,
            overflow="fold",
            width=width,
        )
    for number, row in enumerate(table.rows, 1):
        if not row:
            drawn.add_section()
            continue
        cells = [
            _cell(one.column, row[one.place], width)
            for one, width in zip(columns, widths, strict=True)
        ]
        last = table.total and number == len(table.rows)
        drawn.add_row(*cells, style="bold" if last else None)
    return drawn


def _cell(column: Column, value: Value, width: int) -> Text:
    text = column.text(value)
    shown = text if column.numeric else _folded(text, width)
    return Text(shown, style="bold red" if isinstance(value, Alert) else "")
