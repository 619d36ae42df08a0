"""What the importers have in common: fields of a text, exact units, one array that a tool found."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from accelsim.errors import ConfigError
from accelsim.memory.tables import ANY

# Columns of a technology's table -> the unit that a tool prints -> its power of ten in the table's.
_TIME = {"ps": -3, "ns": 0, "us": 3, "ms": 6, "s": 9}
_ENERGY = {"fJ": -3, "pJ": 0, "nJ": 3, "uJ": 6, "mJ": 9, "J": 12}
UNITS: Mapping[str, Mapping[str, int]] = {
    "area_mm2": {"nm^2": -12, "um^2": -6, "mm^2": 0, "m^2": 6},
    "read_latency_ns": _TIME,
    "write_latency_ns": _TIME,
    "read_energy_pJ": _ENERGY,
    "write_energy_pJ": _ENERGY,
    "leakage_mW": {"pW": -9, "nW": -6, "uW": -3, "mW": 0, "W": 3},
}
COLUMNS = tuple(UNITS)

_MOST_ROWS = 30_000
# Bounded: digits beyond these are no figure of a memory.
_NUMBER = re.compile(r"[-+]?[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE][-+]?[0-9]{1,2})?")


@dataclass(frozen=True)
class Point:
    """One array as a tool found it; ``figures`` by column, in the units of a technology's table.

    ``node``, ``roadmap`` and ``temperature`` are texts of a technology file, None where the tool
    does not tell.
    """

    capacity: int
    word: int
    figures: Mapping[str, Decimal]
    target: str = ANY
    bits_per_cell: int = 1
    node: str | None = None
    roadmap: str | None = None
    temperature: str | None = None


@dataclass(frozen=True)
class Found:
    """What a file of a tool holds: arrays, their cell, and what was passed over or is to be known.

    ``volatile`` is None where the file does not tell; ``devices`` are rows of a technology file.
    """

    tool: str
    points: tuple[Point, ...]
    volatile: bool | None
    cell: str
    cell_area: Decimal | None = None
    notes: tuple[str, ...] = ()
    devices: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    unused: tuple[str, ...] = ()


class Entry(NamedTuple):
    """A value of a text with its line, counted from one."""

    text: str
    line: int


@dataclass
class Fields:
    """The named values of a text; which were asked for, and which were missing, is noted."""

    file: str
    entries: Mapping[str, Entry]
    asked: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)

    def text(self, *names: str) -> str | None:
        """Return the value of the first name that is there."""
        name = next((each for each in names if each in self.entries), None)
        self.asked |= {name} if name else set()
        return self.entries[name].text if name else None

    def number(self, *names: str, whole: bool = False) -> Decimal:
        """Return a positive number; one that is missing is noted and taken as 1."""
        name = next((each for each in names if each in self.entries), names[0])
        return self._positive(name, whole=whole)[0]

    def count(self, name: str) -> int:
        """Return a positive whole number in the same way."""
        return int(self.number(name, whole=True))

    def quantity(self, column: str, name: str) -> Decimal:
        """Return a positive quantity in the unit of a table's column, in the same way."""
        value, unit = self._positive(name)
        if unit is None:
            return value
        if unit not in UNITS[column]:
            known = ", ".join(UNITS[column])
            raise self.wrong(name, f"expected a unit of {known}, got '{self.text(name)!s:.60}'")
        return value.scaleb(UNITS[column][unit])

    def _positive(self, name: str, *, whole: bool = False) -> tuple[Decimal, str | None]:
        text = self.text(name)
        if text is None:
            self.missing.append(name)
            return Decimal(1), None
        found = _NUMBER.match(text)
        value = Decimal(found[0]) if found else Decimal(0)
        if value <= 0 or (whole and value != value.to_integral_value()):
            kind = "positive whole number" if whole else "positive number"
            raise self.wrong(name, f"expected a {kind}, got '{text[:60]}'")
        assert found is not None
        return value, text[found.end() :].split(" ")[0].strip()

    def wrong(self, name: str, message: str) -> ConfigError:
        """Return the error for the value of a name."""
        return ConfigError(f"{self.file}:{self.entries[name].line}: {name}: {message}")

    def check(self, tool: str, unused: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the names that nobody asked for. Raises ConfigError that names all missing."""
        if self.missing:
            wrong = f"{self.file}: no {', no '.join(dict.fromkeys(self.missing))}"
            raise ConfigError(f"{wrong}; expected the whole output of {tool}")
        return tuple(name for name in self.entries if name not in self.asked) + tuple(unused)


def plain(value: Decimal) -> str:
    """Return the shortest text of a number, exact and without a power of ten."""
    return f"{value.normalize():f}"


def table_rows(text: str, file: str) -> Iterator[Fields]:
    """Yield the fields of each row of a table with a header, separated by commas.

    A header that is repeated is passed over. Raises ConfigError for what is no such table.
    """
    lines = csv.reader(text.splitlines(), skipinitialspace=True)
    try:
        header = [name.strip() for name in next(lines)]
        for cells in islice(lines, _MOST_ROWS + 1):
            if lines.line_num > _MOST_ROWS:
                raise ConfigError(f"{file}: more than {_MOST_ROWS:,} rows; import a part of them")
            named = dict(zip(header, map(str.strip, cells), strict=False))
            if any(named.values()) and list(named.values()) != list(named):
                entries = {
                    name: Entry(cell, lines.line_num) for name, cell in named.items() if name
                }
                yield Fields(file, entries)
    except csv.Error as error:
        raise ConfigError(f"{file}:{lines.line_num}: {error}") from None
