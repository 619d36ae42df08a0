"""Memory technologies of on-chip arrays: what their files hold, and reading them.

A technology file has the device's own rows (what reading and writing a cell costs beyond the
simulated array, in three grades) and blocks of array figures, each a table of text:

    arrays:
      - bits_per_cell: 1
        node: 22 nm
        roadmap: LOP
        temperature: 350 K
        source: where the rows come from
        table: |
          target  capacity_KiB word_b area_mm2 read_latency_ns write_latency_ns ...
          ReadEDP 1024         64     0.654    4.3343          4.3286           ...

Blocks of the same conditions add up, so that rows of different origin keep their own source.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document, read_document
from accelsim.inputs.files import is_file, read_bytes
from accelsim.inputs.quantities import Joules, Kelvin, Meters, Seconds
from accelsim.inputs.shipped import find_input, shipped_folder
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.memory.faults.levels import CellLevels
from accelsim.units import UnitError, parse_quantity

Grade = Literal["optimistic", "reference", "pessimistic"]
Kind = Literal["array", "estimate"]


def _positive(dimension: str, example: str) -> Any:
    def read(value: object) -> float:
        try:
            return parse_quantity(str(value), dimension)
        except UnitError as error:
            raise PydanticCustomError(
                "quantity",
                "{reason} (write for instance '{example}')",
                {"reason": str(error), "example": example},
            ) from None

    schema = WithJsonSchema({"type": "string", "examples": [example]})
    return (BeforeValidator(read), schema, Field(gt=0))


Writes = Annotated[float, *_positive("write", "1e6 writes")]
CellArea = Annotated[float, *_positive("F2", "53 F2")]
Multiplier = Annotated[float, Field(gt=0)]
Steps = Annotated[int, Field(ge=1)]

Value = TypeVar("Value")


class Graded(ConfigModel, Generic[Value]):
    """One figure of a device in three grades, and where the three come from."""

    optimistic: Value
    reference: Value
    pessimistic: Value
    source: str

    def at(self, grade: Grade) -> Value:
        """Return the value of a grade."""
        value: Value = getattr(self, grade)
        return value


class SimulatedCell(ConfigModel):
    """What the write figures of the array tables already contain, for one cell.

    ``write_pulse`` [s] is part of every write latency, ``write_energy`` [J] of every write energy,
    once for each cell of the word.
    """

    write_pulse: Seconds
    write_energy: Joules
    source: str


class Device(ConfigModel):
    """What a cell with some bits costs, by grade; a missing figure leaves the table's own.

    The multipliers apply to the table's read latency and read energy. ``write_pulse`` [s] is the
    length and ``write_energy`` [J] the energy of one programming pulse of one cell,
    ``verify_steps`` the pulses that a write takes. ``endurance`` is in writes of a cell,
    ``retention`` in seconds; without them there is no limit, or none is known. ``warning`` goes
    with every array that is looked up.
    """

    bits_per_cell: int = Field(ge=1)
    warning: str | None = None
    read_latency_multiplier: Graded[Multiplier]
    read_energy_multiplier: Graded[Multiplier]
    write_pulse: Graded[Seconds] | None = None
    verify_steps: Graded[Steps] | None = None
    write_energy: Graded[Joules] | None = None
    endurance: Graded[Writes] | None = None
    retention: Graded[Seconds] | None = None


class ArrayBlock(ConfigModel):
    """Array figures under one set of conditions; ``table`` is text, see the module."""

    bits_per_cell: int = Field(ge=1)
    node: Meters
    roadmap: str
    temperature: Kelvin
    source: str
    table: str


class TechnologyFile(ConfigModel):
    """A memory technology as its YAML file states it.

    ``kind``: an ``estimate`` is used by its name alone and is left out of lists and checks.
    """

    name: str
    kind: Kind
    description: str
    volatile: bool
    cell_area: CellArea
    default_roadmap: str
    notes: list[str] = Field(default_factory=list)
    simulated_cell: SimulatedCell | None = None
    devices: list[Device] = Field(min_length=1)
    arrays: list[ArrayBlock] = Field(min_length=1)
    cell_levels: list[CellLevels] = Field(default_factory=list)

    @model_validator(mode="after")
    def _pulses_replace_something(self) -> TechnologyFile:
        writes = any(device.write_pulse or device.write_energy for device in self.devices)
        if writes and self.simulated_cell is None:
            raise ValueError(
                "a device states write_pulse or write_energy, so simulated_cell must say "
                "what the tables already contain"
            )
        return self


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


@dataclass(frozen=True, slots=True)
class Row:
    """One computed array, in SI units: capacity [B] of data, word [b], energies per access."""

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


Columns = Mapping[int, tuple[Row, ...]]
"""Rows by word [b], in rising order of word and of capacity."""


@dataclass(frozen=True, eq=False)
class MemoryTechnology:
    """A memory technology: its devices by bits per cell and its array figures.

    ``cell_area`` is in F2 (squares of the node), ``tables`` leads from conditions and optimisation
    target to the rows by word; ``cell_levels`` by bits in a cell, where they are known.
    """

    name: str
    description: str
    volatile: bool
    cell_area: float
    default_roadmap: str
    notes: tuple[str, ...]
    simulated_cell: SimulatedCell | None
    devices: Mapping[int, Device]
    tables: Mapping[Conditions, Mapping[str, Columns]]
    cell_levels: Mapping[int, CellLevels]
    path: Path


def load_technology(name_or_path: str | Path) -> MemoryTechnology:
    """Return the technology of a name such as ``RRAM`` (in any case), or of a YAML file.

    Raises ConfigError for an unknown name and for every problem of the file. Equal contents of a
    file are one technology.
    """
    path = find_input(Path(name_or_path))
    if path.suffix not in (".yaml", ".yml"):
        path = _folder() / f"{str(name_or_path).lower()}.yaml"
        if not is_file(path):
            raise ConfigError(_unknown_name(str(name_or_path)))
    return _read_technology(path, read_bytes(path) if is_file(path) else b"")


def list_technologies(kind: Kind = "array") -> list[str]:
    """Return the names of the array technologies that travel with accelsim, sorted.

    Estimates are left out, or listed alone.
    """
    documents = [read_document(path).data for path in _folder().glob("*.yaml")]
    return sorted(str(data["name"]) for data in documents if data.get("kind") == kind)


def _folder() -> Path:
    return shipped_folder("hwconfigs") / "technologies"


def _unknown_name(name: str) -> str:
    known = list_technologies()
    close = difflib.get_close_matches(name.lower(), [item.lower() for item in known], n=1)
    hint = next((f"did you mean {item}? " for item in known if [item.lower()] == close), "")
    return (
        f"unknown memory technology '{name}': {hint}"
        f"known: {', '.join(known)}, or the path of a .yaml file"
    )


@lru_cache(maxsize=64)
def _read_technology(path: Path, content: bytes) -> MemoryTechnology:
    """Read a file; ``content`` is there to tell what it holds from what it held."""
    document = read_document(path)
    if document.data.get("kind") not in get_args(Kind):
        raise document.error(
            ("kind",),
            f"expected a technology of kind 'array', got {document.data.get('kind')!r}; "
            "on-chip arrays and DRAM parts are described differently",
        )
    return _technology(validate(document, TechnologyFile), document)


def _technology(file: TechnologyFile, document: Document) -> MemoryTechnology:
    devices = {device.bits_per_cell: device for device in file.devices}
    levels = {entry.bits_per_cell: entry for entry in file.cell_levels}
    if len(devices) < len(file.devices):
        raise document.error(("devices",), "two devices have the same bits_per_cell; keep one")
    if len(levels) < len(file.cell_levels):
        raise document.error(("cell_levels",), "two entries have the same bits_per_cell; keep one")
    return MemoryTechnology(
        name=file.name,
        description=file.description,
        volatile=file.volatile,
        cell_area=file.cell_area,
        default_roadmap=file.default_roadmap,
        notes=tuple(file.notes),
        simulated_cell=file.simulated_cell,
        devices=devices,
        tables=_read_tables(file, devices, document),
        cell_levels=levels,
        path=document.path,
    )


def _read_tables(
    file: TechnologyFile, devices: Mapping[int, Device], document: Document
) -> dict[Conditions, dict[str, Columns]]:
    rows: dict[Conditions, dict[tuple[str, int, int], Row]] = {}
    for index, block in enumerate(file.arrays):
        if block.bits_per_cell not in devices:
            raise document.error(
                ("arrays", index, "bits_per_cell"),
                f"no device has {block.bits_per_cell} bits per cell; add it under devices",
            )
        conditions = Conditions(block.bits_per_cell, block.node, block.roadmap, block.temperature)
        _TableReader(document, index, block).read_into(rows.setdefault(conditions, {}))
    return {conditions: _by_target(found) for conditions, found in rows.items()}


def _by_target(rows: Mapping[tuple[str, int, int], Row]) -> dict[str, Columns]:
    found: dict[str, dict[int, list[Row]]] = {}
    for target, word, capacity in sorted(rows):
        column = found.setdefault(target, {}).setdefault(word, [])
        column.append(rows[target, word, capacity])
    return {
        target: {word: tuple(column) for word, column in columns.items()}
        for target, columns in found.items()
    }


# Column of a table -> (figure of Row, power of ten of its unit).
_FIGURES = {
    "area_mm2": ("area", -6),
    "read_latency_ns": ("read_latency", -9),
    "write_latency_ns": ("write_latency", -9),
    "set_latency_ns": ("set_latency", -9),
    "reset_latency_ns": ("reset_latency", -9),
    "read_energy_pJ": ("read_energy", -12),
    "write_energy_pJ": ("write_energy", -12),
    "leakage_mW": ("leakage", -3),
}
_COUNTS = {"capacity_KiB": ("capacity", 1024), "word_b": ("word", 1)}
_SWITCHES = {"set_latency_ns", "reset_latency_ns"}
_COMMON = {"target", *_COUNTS, *_FIGURES} - _SWITCHES - {"write_latency_ns"}


class _TableReader:
    """Reads the text table of one block; every problem is reported with its line."""

    def __init__(self, document: Document, index: int, block: ArrayBlock) -> None:
        place = document.place(("arrays", index, "table"))
        self._file = place.file
        self._first_line = (place.line or 0) + 1
        self._name = f"arrays[{index}].table"
        self._block = block

    def read_into(self, rows: dict[tuple[str, int, int], Row]) -> None:
        lines = [
            (self._first_line + offset, text.split())
            for offset, text in enumerate(self._block.table.splitlines())
            if text.strip() and not text.lstrip().startswith("#")
        ]
        if len(lines) < 2:
            raise self._error(self._first_line, "expected a header line and at least one row")
        header = self._check_header(*lines[0])
        for line, cells in lines[1:]:
            row = self._row(line, header, cells)
            key = (row.target, row.word, row.capacity)
            if key in rows:
                raise self._error(line, f"this row stands twice: {' '.join(cells[:3])}; keep one")
            rows[key] = row

    def _check_header(self, line: int, names: list[str]) -> list[str]:
        given = set(names)
        wanted = _COMMON | (_SWITCHES if given & _SWITCHES else {"write_latency_ns"})
        if given == wanted and len(names) == len(given):
            return names
        raise self._error(
            line,
            "expected the columns " + ", ".join(sorted(wanted)) + " once each in any order "
            "(set_latency_ns and reset_latency_ns may stand for write_latency_ns); "
            f"missing: {', '.join(sorted(wanted - given)) or 'none'}; "
            f"not expected: {', '.join(sorted(given - wanted)) or 'none'}",
        )

    def _row(self, line: int, header: list[str], cells: list[str]) -> Row:
        if len(cells) != len(header):
            raise self._error(
                line, f"expected {len(header)} columns as in the header, got {len(cells)}"
            )
        text = dict(zip(header, cells, strict=True))
        values: dict[str, Any] = {"target": text.pop("target"), "source": self._block.source}
        for column, cell in text.items():
            figure, value = self._value(line, column, cell)
            values[figure] = value
        if "set_latency" in values:
            slower = max(values.pop("set_latency"), values.pop("reset_latency"))
            values["write_latency"] = slower
        return Row(**values)

    def _value(self, line: int, column: str, cell: str) -> tuple[str, float | int]:
        try:
            if column in _COUNTS:
                figure, factor = _COUNTS[column]
                value: float | int = int(cell) * factor
            else:
                # Moving the decimal point rounds once: 0.1 mm2 becomes the float 1e-7.
                figure, exponent = _FIGURES[column]
                value = float(Decimal(cell).scaleb(exponent))
        except (ValueError, ArithmeticError):
            value = math.nan
        if not 0 < value < math.inf:
            kind = "whole number" if column in _COUNTS else "number"
            raise self._error(line, f"{column}: expected a positive {kind}, got '{cell}'")
        return figure, value

    def _error(self, line: int, message: str) -> ConfigError:
        return ConfigError(f"{self._file}:{line}: {self._name}: {message}")
