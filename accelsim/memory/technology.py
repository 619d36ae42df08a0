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

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document
from accelsim.inputs.paths import KeyPath
from accelsim.inputs.quantities import CellArea, Joules, Kelvin, Meters, Seconds, Writes
from accelsim.inputs.validation import ConfigModel, RuleError, validate
from accelsim.memory.bank_wires import BankWires, load_wires
from accelsim.memory.faults.levels import CellLevels
from accelsim.memory.faults.measured import MeasuredCells
from accelsim.memory.files import load_file, shipped_technologies

Grade = Literal["low", "typical", "high"]

Multiplier = Annotated[float, Field(gt=0)]
Steps = Annotated[int, Field(ge=1)]
Value = TypeVar("Value")


class Graded(ConfigModel, Generic[Value]):
    """One figure of a device in three grades, and where the three come from.

    ``low`` costs least and lasts longest, ``high`` costs most; ``typical`` is the default.
    """

    low: Value
    typical: Value
    high: Value
    source: str

    def at(self, grade: Grade) -> Value:
        """Return the value of a grade."""
        value: Value = getattr(self, grade)
        return value

    def __reduce__(self) -> tuple[Any, ...]:
        """Let pickle find the class by its name, which the one for a type of values has not."""
        return partial(Graded.model_construct, **dict(self)), ()


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


class _Described(ConfigModel):
    """What a file says of a technology as a whole. ``cell_area`` is in squares of the node."""

    name: str
    description: str
    volatile: bool
    cell_area: CellArea
    default_roadmap: str
    notes: list[str] = Field(default_factory=list)
    simulated_cell: SimulatedCell | None = None


class TechnologyFile(_Described):
    """A memory technology as its YAML file states it.

    ``kind``: an ``estimate`` is used by its name alone and is left out of lists and checks.
    """

    kind: Literal["array", "estimate"]
    devices: list[Device] = Field(min_length=1)
    arrays: list[ArrayBlock] = Field(min_length=1)
    cell_levels: list[CellLevels] = Field(default_factory=list)
    measured_cells: list[MeasuredCells] = Field(default_factory=list)

    @model_validator(mode="after")
    def _pulses_replace_something(self) -> TechnologyFile:
        writes = any(device.write_pulse or device.write_energy for device in self.devices)
        if writes and self.simulated_cell is None:
            raise ValueError(
                "a device states write_pulse or write_energy, so simulated_cell must say "
                "what the tables already contain"
            )
        return self

    @model_validator(mode="after")
    def _one_device_for_each_cell(self) -> TechnologyFile:
        wrong: list[tuple[KeyPath, str]] = []
        devices = {device.bits_per_cell for device in self.devices}
        if len(devices) < len(self.devices):
            message = "two devices have the same bits_per_cell; keep one"
            wrong.append((("devices",), message))
        for name in ("cell_levels", "measured_cells"):
            entries = getattr(self, name)
            if len({entry.bits_per_cell for entry in entries}) < len(entries):
                message = "two entries have the same bits_per_cell; keep one"
                wrong.append(((name,), message))
        for index, block in enumerate(self.arrays):
            if block.bits_per_cell not in devices:
                message = f"no device has {block.bits_per_cell} bits per cell; add it under devices"
                wrong.append((("arrays", index, "bits_per_cell"), message))
        if wrong:
            raise RuleError(*wrong)
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


class MemoryTechnology(_Described):
    """A memory technology: its devices by bits per cell and its array figures.

    ``tables`` leads from conditions and optimisation target to the rows by word; ``cell_levels``
    and ``measured_cells`` by bits in a cell, where they are known.
    """

    devices: Mapping[int, Device]
    tables: Mapping[Conditions, Mapping[str, Columns]]
    cell_levels: Mapping[int, CellLevels]
    measured_cells: Mapping[int, MeasuredCells]
    path: Path
    wires: BankWires

    # Large, and one object for one content: it is compared by identity.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def find_conditions(self, wanted: Conditions) -> tuple[Conditions, ...]:
        """Return the conditions of the tables that are the wanted ones but for rounding.

        Where the temperature lies between those of two tables, the colder and the hotter one
        nearest to it; none where the tables do not reach so far.
        """
        known = [
            found
            for found in sorted(self.tables, key=lambda each: each.temperature)
            if found.bits_per_cell == wanted.bits_per_cell
            and found.roadmap == wanted.roadmap
            and math.isclose(found.node, wanted.node)
        ]
        for found in known:
            if math.isclose(found.temperature, wanted.temperature):
                return (found,)
        colder = [found for found in known if found.temperature < wanted.temperature]
        hotter = [found for found in known if found.temperature > wanted.temperature]
        return (colder[-1], hotter[0]) if colder and hotter else ()


def load_technology(name_or_path: str | Path, wires: str = "bank_wires") -> MemoryTechnology:
    """Return the technology of a name such as ``RRAM`` (in any case), or of a YAML file.

    ``wires`` names the file of what joins its banks. Raises ConfigError for an unknown name and for
    every problem of the files. Equal contents are one technology.
    """
    file = load_file(name_or_path, _read_technology, "memory technology", "array", "estimate")
    return _wired(file, load_wires(wires))


@lru_cache(maxsize=64)
def _wired(technology: MemoryTechnology, wires: BankWires) -> MemoryTechnology:
    return technology.model_copy(update={"wires": wires})


def list_technologies(kind: Literal["array", "estimate"] = "array") -> list[str]:
    """Return the names of the array technologies that travel with accelsim, sorted.

    Estimates are left out, or listed alone.
    """
    return sorted(shipped_technologies(kind).values())


def technologies_with(bits_per_cell: int) -> list[str]:
    """Return the shipped technologies, estimates too, that have cells with so many bits."""
    names = [*list_technologies(), *list_technologies("estimate")]
    return [name for name in names if bits_per_cell in load_technology(name).devices]


def _read_technology(document: Document) -> MemoryTechnology:
    file = validate(document, TechnologyFile)
    return MemoryTechnology.model_construct(
        **{name: getattr(file, name) for name in _Described.model_fields},
        devices={device.bits_per_cell: device for device in file.devices},
        tables=_read_tables(file, document),
        cell_levels={levels.bits_per_cell: levels for levels in file.cell_levels},
        measured_cells={cells.bits_per_cell: cells for cells in file.measured_cells},
        path=document.path,
    )


Cells = tuple[str, int, int]
"""What tells the rows of the same conditions apart: target, word [b], capacity [B]."""


def _read_tables(file: TechnologyFile, document: Document) -> dict[Conditions, dict[str, Columns]]:
    found: dict[Conditions, dict[Cells, Row]] = {}
    for index, block in enumerate(file.arrays):
        conditions = Conditions(block.bits_per_cell, block.node, block.roadmap, block.temperature)
        rows = found.setdefault(conditions, {})
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
                    header = _checked_header(cells)
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
    key = (row.target, row.word, row.capacity)
    if key in rows:
        first = f"{row.target} {row.capacity // _KIB} {row.word}"
        raise ValueError(f"this row stands twice: {first}; keep one")
    rows[key] = row


_KIB = 1024
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
_COUNTS = {"capacity_KiB": ("capacity", _KIB), "word_b": ("word", 1)}
_SWITCHES = {"set_latency_ns", "reset_latency_ns"}
_COMMON = {"target", *_COUNTS, *_FIGURES} - _SWITCHES - {"write_latency_ns"}


def _checked_header(names: list[str]) -> list[str]:
    given = set(names)
    wanted = _COMMON | (_SWITCHES if given & _SWITCHES else {"write_latency_ns"})
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
    values: dict[str, Any] = {"target": text.pop("target"), "source": source}
    for column, cell in text.items():
        figure, scale = (_COUNTS | _FIGURES)[column]
        values[figure] = _read_cell(column, cell, scale)
    if "set_latency" in values:
        slower = max(values.pop("set_latency"), values.pop("reset_latency"))
        values["write_latency"] = slower
    switches = ("read_latency", "write_latency")
    stated = (name for name in switches if f"{name.replace('_', ' ')} interpolated" in source)
    return Row(**values, interpolated=tuple(stated))


def _read_cell(column: str, cell: str, scale: int) -> float | int:
    try:
        if column in _COUNTS:
            value: float | int = int(cell) * scale
        else:
            # Moving the decimal point rounds once: 0.1 mm2 becomes the float 1e-7.
            value = float(Decimal(cell).scaleb(scale))
    except (ValueError, ArithmeticError):
        value = math.nan
    if not 0 < value < math.inf:
        kind = "whole number" if column in _COUNTS else "number"
        raise ValueError(f"{column}: expected a positive {kind}, got '{cell}'")
    return value
