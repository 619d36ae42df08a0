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

A file that is used ``as_stated`` holds figures that somebody else has worked out or measured, for
the conditions that their source tells. They are taken for any others and any target, and arrays of
any capacity are composed of them; each array says so.

Without device rows the tables' figures stand as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document
from accelsim.inputs.paths import KeyPath
from accelsim.inputs.quantities import CellArea, Joules, Seconds, Writes
from accelsim.inputs.validation import ConfigModel, RuleError, validate
from accelsim.memory.banks import BankWires, load_wires
from accelsim.memory.faults.levels import CellLevels
from accelsim.memory.faults.measured import MeasuredCells
from accelsim.memory.files import load_file, shipped_technologies
from accelsim.memory.nvsim_search import Nvsim, NvsimTechnology, cell_value, open_nvsim
from accelsim.memory.tables import (
    VOLATILE_CELLS,
    ArrayBlock,
    Columns,
    Conditions,
    Stated,
    read_tables,
)

Grade = Literal["low", "typical", "high"]
# Whose figures of arrays: simulated ones, or those of what was built.
Source = Literal["nvsim", "silicon"]

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


_AS_IT_IS = Graded(low=1.0, typical=1.0, high=1.0, source="the table's figures as they are")


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
    read_latency_multiplier: Graded[Multiplier] = _AS_IT_IS
    read_energy_multiplier: Graded[Multiplier] = _AS_IT_IS
    write_pulse: Graded[Seconds] | None = None
    verify_steps: Graded[Steps] | None = None
    write_energy: Graded[Joules] | None = None
    endurance: Graded[Writes] | None = None
    retention: Graded[Seconds] | None = None


class _Described(ConfigModel):
    """What a file says of a technology as a whole. ``cell_area`` is in squares of the node.

    ``default_roadmap`` is that of the wires where the figures are of none.
    """

    name: str
    description: str
    volatile: bool
    cell_area: CellArea | None = None
    default_roadmap: str = "LOP"
    notes: list[str] = Field(default=[])
    simulated_cell: SimulatedCell | None = None


class TechnologyFile(_Described):
    """A technology's YAML file; an ``estimate`` is used by name alone, in no list or check."""

    kind: Literal["array", "estimate"]
    as_stated: bool = False
    devices: list[Device] = Field(default=[])
    arrays: list[ArrayBlock] = Field(min_length=1)
    cell_levels: list[CellLevels] = Field(default=[])
    measured_cells: list[MeasuredCells] = Field(default=[])

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
        for name in ("devices", "cell_levels", "measured_cells"):
            entries, noun = getattr(self, name), "devices" if name == "devices" else "entries"
            if len({entry.bits_per_cell for entry in entries}) < len(entries):
                wrong.append(((name,), f"two {noun} have the same bits_per_cell; keep one"))
        for index, block in enumerate(self.arrays):
            if left_out := [] if self.as_stated else block.left_out:
                message = f"{' and '.join(left_out)} must be stated, or the file used as_stated"
                wrong.append((("arrays", index), message))
            if devices and block.bits_per_cell not in devices and not self.as_stated:
                message = f"no device has {block.bits_per_cell} bits per cell; add it under devices"
                wrong.append((("arrays", index, "bits_per_cell"), message))
        if wrong:
            raise RuleError(*wrong)
        return self


class MemoryTechnology(_Described):
    """A memory technology: its devices by bits per cell and its array figures.

    ``tables`` leads from conditions and optimisation target to the rows by word, ``stated`` from
    what is known of the conditions, where the figures are used as they are stated; ``nvsim``
    computes what is asked for;
    ``cell_levels`` and ``measured_cells`` by bits in a cell, where they are known.
    """

    devices: Mapping[int, Device]
    tables: Mapping[Conditions, Mapping[str, Columns]] = Field(default_factory=dict)
    stated: Mapping[Stated, Mapping[str, Columns]] = Field(default_factory=dict)
    cell_levels: Mapping[int, CellLevels] = Field(default_factory=dict)
    measured_cells: Mapping[int, MeasuredCells] = Field(default_factory=dict)
    path: Path
    nvsim: Nvsim | None = None
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


def load_technology(
    name_or_path: str | Path | NvsimTechnology, wires: str = "bank_wires"
) -> MemoryTechnology:
    """Return the technology of a name such as ``RRAM`` (in any case), a YAML file, or a program.

    ``wires`` names the file of what joins its banks. Raises ConfigError for an unknown name and for
    every problem of the files. Equal contents are one technology.
    """
    if isinstance(name_or_path, NvsimTechnology):
        return _wired(_on_demand(open_nvsim(name_or_path.nvsim)), load_wires(wires))
    kinds = ("array", "estimate", "macro")
    file = load_file(name_or_path, read_technology, "memory technology", *kinds)
    return _wired(file, load_wires(wires))


@lru_cache(maxsize=64)
def _wired(technology: MemoryTechnology, wires: BankWires) -> MemoryTechnology:
    return technology.model_copy(update={"wires": wires})


def list_technologies(kind: Literal["array", "estimate"] = "array") -> list[str]:
    """Return the sorted names of shipped array technologies: all but estimates, or these alone."""
    return sorted(shipped_technologies(kind).values())


def technologies_with(bits_per_cell: int) -> list[str]:
    """Return the shipped technologies, estimates too, that have cells with so many bits."""
    names = [*list_technologies(), *list_technologies("estimate")]
    return [name for name in names if bits_per_cell in load_technology(name).devices]


def read_technology(document: Document) -> MemoryTechnology:
    """Return the technology of a document, its wires not yet known. Raises ConfigError."""
    if document.data["kind"] == "macro":
        return _read_macro(document)
    file = validate(document, TechnologyFile)
    stated, tables = (file.arrays, []) if file.as_stated else ([], file.arrays)
    # A cell of which the file has figures and no device costs what they say.
    devices = {device.bits_per_cell: device for device in file.devices}
    for block in file.arrays:
        devices.setdefault(block.bits_per_cell, Device(bits_per_cell=block.bits_per_cell))
    return _unwired(
        **{name: getattr(file, name) for name in _Described.model_fields},
        devices=devices,
        tables=read_tables(tables, document, lambda block: block.conditions),
        stated=read_tables(stated, document, lambda block: block.stated),
        cell_levels={levels.bits_per_cell: levels for levels in file.cell_levels},
        measured_cells={cells.bits_per_cell: cells for cells in file.measured_cells},
        path=document.path,
    )


def _unwired(**known: Any) -> MemoryTechnology:
    return MemoryTechnology.model_construct(**known)


def _read_macro(document: Document) -> MemoryTechnology:
    from accelsim.memory.macro import MacroFile

    file = validate(document, MacroFile)
    kept = {
        name: Graded[float](low=value, typical=value, high=value, source=file.source)
        for name in ("endurance", "retention")
        if (value := getattr(file, name)) is not None
    }
    device = Device(bits_per_cell=file.bits_per_cell).model_copy(update=kept)
    return _unwired(
        name=file.name or document.path.stem,
        description=file.description,
        volatile=file.volatile,
        cell_area=file.cell_area,
        devices={file.bits_per_cell: device},
        stated={file.stated: {file.row.target: {file.word: (file.row,)}}},
        path=document.path,
    )


@lru_cache(maxsize=64)
def _on_demand(nvsim: Nvsim) -> MemoryTechnology:
    kind, path = cell_value(nvsim, "-MemCellType"), Path(nvsim.settings.cell)
    if kind is None:
        raise ConfigError(f"nvsim.cell: {path}: no line '-MemCellType: ...'; expected NVSim's cell")
    return _unwired(
        name=f"{path.stem} of NVSim",
        description=f"{kind}, arrays searched by {nvsim.program}",
        volatile=kind in VOLATILE_CELLS,
        devices={1: Device(bits_per_cell=1)},
        path=path,
        nvsim=nvsim,
    )
