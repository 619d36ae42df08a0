"""What a report is made of, whatever shows it: headings, sentences, tables, charts.

A figure's name, heading and unit stand once, in its Column; every output medium reads them there.
Nothing here or above calculates: values come from the rooms below.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

from accelsim.report.text import Value, heads_column, in_unit, value_text

# What stands for a unit where there is none.
_BARE = ("", "1", "#", "%", "x", "year")

Row = tuple[Value, ...]
# Stands between two rows of a table where a line is drawn.
RULE: Row = ()


class Alert(str):
    """A cell's text that the reader must not miss."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    ``key`` names it for programs, "" where it is for people alone; ``title`` heads it for people.
    Values are SI. ``unit`` is "" for text and "1" for bare numbers; one without a prefix (``J``)
    is printed with the prefix that suits each number, and so is a count, ``#``; one with a prefix
    (``mm2``) heads the column; ``%`` is of a share, ``x`` of a ratio. ``digits`` are significant
    ones. Where there is little room only the ``brief`` columns are shown. Names in a ``dotted``
    column break behind dots alone.
    """

    key: str
    title: str
    unit: str = ""
    digits: int = 3
    brief: bool = True
    dotted: bool = False

    @property
    def name(self) -> str:
        """The name for programs, unit included: ``area_mm2``; shares and ratios have none."""
        if self.unit in _BARE:
            return self.key
        factors = re.findall(r"\w+", self.unit.replace("/", "_per_"))
        return "_".join((self.key, *factors))

    @property
    def heading(self) -> str:
        """The heading, with the unit below it unless each cell has its own."""
        return f"{self.title}\n{self.unit}" if heads_column(self.unit) else self.title

    @property
    def numeric(self) -> bool:
        """Whether the column holds numbers."""
        return self.unit != ""

    def text(self, value: Value) -> str:
        """Return a cell for people."""
        return value_text(value, self.unit, self.digits)

    def plain(self, value: Value) -> Value:
        """Return a cell for programs, in the column's unit; None for what is not finite."""
        if isinstance(value, float) and not math.isfinite(value):
            return None
        if isinstance(value, (str, bool)) or value is None or self.unit in _BARE:
            return value
        return in_unit(value, self.unit)


@dataclass(frozen=True)
class Table:
    """Rows of values by column; RULE among them is a line.

    With ``total`` the last row sums up the others. ``notes`` stand below. The first ``names``
    columns name a row.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    total: bool = False
    names: int = 1

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if row and len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f"{self.title}: {len(self.columns)} columns, but a row {wrong[0]}")

    @property
    def records(self) -> list[dict[str, Value]]:
        """The rows for programs, by the names of the columns that have one."""
        return [
            {
                column.name: column.plain(value)
                for column, value in zip(self.columns, row, strict=True)
                if column.key
            }
            for row in self.rows
            if row
        ]


Item = TypeVar("Item")
# A column and what gives its value of an item.
Field = tuple[Column, Callable[[Item], Value]]


def listed(title: str, fields: Sequence[Field[Item]], items: Iterable[Item]) -> Table:
    """Return a table with a row for each item."""
    rows = (tuple(of(item) for _, of in fields) for item in items)
    return Table(title, tuple(column for column, _ in fields), tuple(rows))


def recorded(fields: Sequence[Field[Item]], item: Item) -> dict[str, Value]:
    """Return one item for programs, by the names of the columns."""
    return {column.name: column.plain(of(item)) for column, of in fields if column.key}


@dataclass(frozen=True)
class Heading:
    """The name of what follows; ``detail`` says more, on the same line and below."""

    text: str
    detail: str = ""


@dataclass(frozen=True)
class Prose:
    """A paragraph: ``strong`` for results, ``note`` for what to know, ``warning`` for doubts."""

    text: str
    tone: Literal["plain", "strong", "note", "warning"] = "plain"


class Guide(NamedTuple):
    """A line that a chart draws behind its marks, from one point to another, with its name."""

    name: str
    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(frozen=True)
class Chart:
    """A picture of a table, for media that draw; all else names its columns by their keys.

    ``bars``      a bar for each value of ``x`` (of two columns, the first groups the second) as
                  long as the sum of ``y``, in parts by ``series``
    ``points``    a mark a row at ``x`` and ``y``, named by ``label``, with an interval from ``low``
                  to ``high``, coloured by ``series``; ``joined`` draws lines between them
    ``areas``     steps of ``y`` over ``x``, those of each ``series`` on top of one another
    ``heat``      steps of ``y`` over ``x``, a row for each ``series``, as dark as they are high
    ``parallel``  a line a row across an axis for each of ``x``

    Of several ``y`` the reader takes one; of the values of ``choice`` too. A medium that can do so
    lets what is chosen in one chart filter the others that have its columns. ``logarithmic`` are
    columns; an axis that has one has a place for zero. ``brief`` points are drawn where there is
    little room too.
    """

    title: str
    kind: Literal["bars", "points", "areas", "heat", "parallel"]
    table: Table
    x: tuple[str, ...]
    y: tuple[str, ...] = ()
    series: str = ""
    label: str = ""
    low: str = ""
    high: str = ""
    choice: str = ""
    joined: bool = False
    brief: bool = False
    logarithmic: tuple[str, ...] = ()
    guides: tuple[Guide, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = {column.key for column in self.table.columns}
        named = (self.series, self.label, self.low, self.high, self.choice)
        if missing := [key for key in (*self.x, *self.y, *named) if key and key not in known]:
            raise ValueError(f"{self.title}: its table has no columns {', '.join(missing)}")


Section = Heading | Prose | Table | Chart


@dataclass(frozen=True)
class Report:
    """What a command found, for any medium.

    ``name`` is that of its files, ``about`` says what was done. The ``verdict``, with which every
    medium begins, is what it comes to and what to beware of. ``sections`` are for everybody,
    ``pictures`` for media with room for charts and the tables behind them, ``details`` for who asks
    for more. ``notes`` say what to know of the figures. ``data`` is the
    one table that stands for the report where only one has room; the ``document`` is all of it for
    programs, ready for JSON.
    """

    name: str
    title: str
    sections: tuple[Section, ...]
    data: Table
    document: Mapping[str, Any]
    about: tuple[str, ...] = ()
    verdict: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    pictures: tuple[Section, ...] = ()
    details: tuple[Section, ...] = ()
