"""Tables of array figures as technology files hold them: reading them, row by row."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, cast

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document
from accelsim.inputs.quantities import Kelvin, Meters
from accelsim.inputs.validation import ConfigModel

# What a table without the column ``target`` is optimised for: whatever is asked.
ANY = ""
# What NVSim's configurations and CACTI's cells call what our tables have.
TARGETS = {
    "ReadLatency": "ReadLatency",
    "WriteLatency": "WriteLatency",
    "ReadDynamicEnergy": "ReadEnergy",
    "WriteDynamicEnergy": "WriteEnergy",
    "ReadEDP": "ReadEDP",
    "WriteEDP": "WriteEDP",
    "LeakagePower": "Leakage",
    "Area": "Area",
}
VOLATILE_CELLS = ("SRAM", "DRAM", "eDRAM", "Embedded DRAM")
Key = TypeVar("Key")


class ArrayBlock(ConfigModel):
    """Array figures under one set of conditions; ``table`` is text, see ``technology``.

    Where the file is used ``as_stated`` a condition that its source does not tell may be left out.
    """

    bits_per_cell: int = Field(ge=1)
    node: Meters | None = None
    roadmap: str | None = None
    temperature: Kelvin | None = None
    source: str
    table: str

    @property
    def stated(self) -> Stated:
        """The conditions as far as they are stated."""
        return Stated(self.bits_per_cell, self.node, self.roadmap, self.temperature)

    @property
    def conditions(self) -> Conditions:
        """The conditions, all of which must be stated."""
        assert not self.left_out
        return Conditions(*cast(Conditions, self.stated))

    @property
    def left_out(self) -> list[str]:
        """The conditions that are not stated."""
        return [name for name in Stated._fields if getattr(self, name) is None]


class Stated(NamedTuple):
    """What an array was computed or measured for, as far as its source tells; see Conditions."""

    bits_per_cell: int
    node: float | None
    roadmap: str | None
    temperature: float | None

    def __str__(self) -> str:
        told = [f"{self.bits_per_cell} b/cell"]
        told += [f"{self.node * 1e9:g} nm"] if self.node else []
        told += [self.roadmap] if self.roadmap else []
        told += [f"{self.temperature:g} K"] if self.temperature else []
        return ", ".join(told)


class Conditions(NamedTuple):
    """What an array was computed for: bits per cell, node [m], device roadmap, temperature [K]."""

    bits_per_cell: int
    node: float
    roadmap: str
    temperature: float

    def __str__(self) -> str:
        return (
            f"{self.bits_per_cell} b/cell at {self.node * 1e9:g} nm, {self.roadmap}, "
            f"{self.temperature:g} K"
        )


class Row(NamedTuple):
    """One computed array, in SI units: capacity [B] of data, word [b], energies per access.

    ``interpolated`` names the latencies that the source declares to be interpolated between
    neighbours: they are no measure of anything.
    """

    target: str
    capacity: int
    word: int
    area: float
    read_latency: float
    write_latency: float
    read_energy: float
    write_energy: float
    leakage: float
    source: str
    interpolated: tuple[str, ...]


Columns = Mapping[int, tuple[Row, ...]]
"""Rows by word [b], in rising order of word and of capacity."""


Cells = tuple[str, int, int]
"""What tells the rows of the same conditions apart: target, word [b], capacity [B]."""


def read_tables(
    blocks: Sequence[ArrayBlock], document: Document, key: Callable[[ArrayBlock], Key]
) -> dict[Key, dict[str, Columns]]:
    """Return the rows of the blocks by their ``key``, target and word. Raises ConfigError."""
    found: dict[Key, dict[Cells, Row]] = {}
    for index, block in enumerate(blocks):
        rows = found.setdefault(key(block), {})
        place = document.place(("arrays", index, "table"))
        lines = [
            (f"{place.file}:{line}: arrays[{index}].table", text.split())
            for line, text in enumerate(block.table.splitlines(), (place.line or 0) + 1)
            if text.strip() and not text.lstrip().startswith("#")
        ]
        header: list[str] = []
        for where, cells in lines:
            try:
                if header:
                    _add(rows, _read_row(header, cells, block.source))
                elif len(lines) > 1:
                    header = _checked_header(cells, untargeted=document.data.get("as_stated"))
                else:
                    raise ValueError("expected a header line and at least one row")
            except ValueError as error:
                raise ConfigError(f"{where}: {error}") from None
    return {conditions: _by_target(rows) for conditions, rows in found.items()}


def _by_target(rows: Mapping[Cells, Row]) -> dict[str, Columns]:
    found: dict[str, dict[int, tuple[Row, ...]]] = {}
    for target, word, capacity in sorted(rows):
        columns = found.setdefault(target, {})
        columns[word] = (*columns.get(word, ()), rows[target, word, capacity])
    return dict(found)


def _add(rows: dict[Cells, Row], row: Row) -> None:
    if rows.setdefault((row.target, row.word, row.capacity), row) is not row:
        first = f"{row.target} {row.capacity // _KIB} {row.word}"
        raise ValueError(f"this row stands twice: {first}; keep one")


_KIB = 1024
# Column of a table -> (figure of Row, power of ten of its unit).
FIGURES = {
    "area_mm2": ("area", -6),
    "read_latency_ns": ("read_latency", -9),
    "write_latency_ns": ("write_latency", -9),
    "set_latency_ns": ("set_latency", -9),
    "reset_latency_ns": ("reset_latency", -9),
    "read_energy_pJ": ("read_energy", -12),
    "write_energy_pJ": ("write_energy", -12),
    "leakage_mW": ("leakage", -3),
}
_COUNTS = {"capacity_KiB": ("capacity", _KIB), "word_b": ("word", 1)}
_COLUMNS = _COUNTS | FIGURES
_SWITCHES = {"set_latency_ns", "reset_latency_ns"}
_COMMON = {"target", *_COUNTS, *FIGURES} - _SWITCHES - {"write_latency_ns"}


def _checked_header(names: list[str], *, untargeted: object) -> list[str]:
    given = set(names)
    wanted = _COMMON | (_SWITCHES if given & _SWITCHES else {"write_latency_ns"})
    if untargeted is True and "target" not in given:
        wanted -= {"target"}
    if given == wanted and len(names) == len(given):
        return names
    raise ValueError(
        f"expected the columns {', '.join(sorted(wanted))} once each in any order "
        "(set_latency_ns and reset_latency_ns may stand for write_latency_ns); "
        f"missing: {', '.join(sorted(wanted - given)) or 'none'}; "
        f"not expected: {', '.join(sorted(given - wanted)) or 'none'}"
    )


def _read_row(header: list[str], cells: list[str], source: str) -> Row:
    if len(cells) != len(header):
        raise ValueError(f"expected {len(header)} columns as in the header, got {len(cells)}")
    text = dict(zip(header, cells, strict=True))
    values: dict[str, Any] = {"target": text.pop("target", ANY), "source": source}
    for column, cell in text.items():
        figure, scale = _COLUMNS[column]
        values[figure] = _read_cell(column, cell, scale)
    if "set_latency" in values:
        values["write_latency"] = max(values.pop("set_latency"), values.pop("reset_latency"))
    return Row(**values, interpolated=_interpolated(source))


@lru_cache(maxsize=100)
def _interpolated(source: str) -> tuple[str, ...]:
    kinds = ("read", "write")
    return tuple(f"{each}_latency" for each in kinds if f"{each} latency interpolated" in source)


def _read_cell(column: str, cell: str, scale: int) -> float | int:
    try:
        if column in _COUNTS:
            # A capacity may be a part of a KiB, but no part of a byte.
            exact = Decimal(cell) * scale
            value: float | int = int(exact) if exact % 1 == 0 else math.nan
        else:
            # Moving the decimal point rounds once: 0.1 mm2 becomes the float 1e-7.
            plain = "e" not in cell.lower()
            value = float(f"{cell}e{scale}" if plain else Decimal(cell).scaleb(scale))
    except (ValueError, ArithmeticError):
        value = math.nan
    if not 0 < value < math.inf:
        kind = "whole number" if column in _COUNTS else "number"
        raise ValueError(f"{column}: expected a positive {kind}, got '{cell}'")
    return value
