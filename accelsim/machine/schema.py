"""The schema of a machine: ``hwconfigs/*.yaml``.

A machine names its blocks, memories, DRAM and placement. ``base:`` takes over another machine
file and lays this one over it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from accelsim.inputs.document import Document, describe, merge, override, read_document
from accelsim.inputs.paths import KeyPath, suggest
from accelsim.inputs.quantities import (
    Bits,
    Bytes,
    Hertz,
    Kelvin,
    Meters,
    Volts,
)
from accelsim.inputs.shipped import find_input, is_file
from accelsim.inputs.validation import ConfigModel, RuleError, validate
from accelsim.machine.power import OperatingPoint, PowerConfig, ScalingConfig

# Cycles, beats and the like: more than a million is a slip.
PositiveInt = Annotated[int, Field(gt=0, le=1_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
ArraySide = Annotated[int, Field(gt=0, le=1024)]
Target = Literal[
    "ReadLatency", "WriteLatency", "ReadEnergy", "WriteEnergy",
    "ReadEDP", "WriteEDP", "Leakage", "Area",
]  # fmt: skip
Grade = Literal["optimistic", "reference", "pessimistic"]


class ProcessConfig(ConfigModel):
    """The silicon all on-chip arrays and the logic are made of."""

    node: Meters
    temperature: Kelvin
    grade: Grade = "reference"
    logic: str = "logic"


class ClockConfig(ConfigModel):
    """The clock and supply of the logic domain."""

    frequency: Hertz
    voltage: Volts


class PeArrayConfig(ConfigModel):
    """n vector MACs of width n, output stationary, as EdgeBERT's processing unit; or systolic.

    ``tile_schedule``: ``serial`` receives the n vectors of a tile, then computes (2n + 1 cycles,
    EdgeBERT's code); ``overlapped`` receives the next tile meanwhile (n cycles).
    ``write_port``: sums are written through the port that operands are read from (``shared``,
    EdgeBERT's code) or through one of their ``own``. ``command_cycles``: from the start write to
    the unit and from its completion to the interrupt.
    ``dataflow``: ``vector_mac`` is EdgeBERT's. The others are a systolic array of ``rows`` x
    ``columns`` elements (n x n unless told otherwise) that never stalls: each tile pays its own
    fill and drain, as SCALE-Sim counts.
    """

    vector_size: Annotated[int, Field(gt=0, le=256)]
    tile_schedule: Literal["serial", "overlapped"]
    write_port: Literal["shared", "own"]
    command_cycles: Count
    dataflow: Literal[
        "vector_mac", "weight_stationary", "output_stationary", "input_stationary"
    ] = "vector_mac"
    rows: ArraySide | None = None
    columns: ArraySide | None = None

    @model_validator(mode="after")
    def _only_systolic_arrays_have_a_shape(self) -> PeArrayConfig:
        if self.dataflow == "vector_mac" and (self.rows or self.columns):
            raise ValueError(
                "rows and columns shape a systolic array; set dataflow, or size vector_mac by "
                "vector_size"
            )
        return self

    @property
    def array_rows(self) -> int:
        """Rows of processing elements."""
        return self.rows or self.vector_size

    @property
    def array_columns(self) -> int:
        """Columns of processing elements."""
        return self.columns or self.vector_size


class SfuConfig(ConfigModel):
    """Special-function unit: n lanes, one outstanding read, nothing pipelined unless said.

    ``pipelined``: a row's reads follow one another each cycle and pay the round trip once a pass.
    ``initiation_intervals``: cycles of an iteration of a function's state machine, by function;
    one where none is given.
    """

    read_round_trip_cycles: PositiveInt
    auxiliary_read_cycles: PositiveInt
    setup_cycles: Count
    pipelined: bool = False
    initiation_intervals: dict[str, PositiveInt] = Field(default_factory=dict)


class OperandBufferConfig(ConfigModel):
    """A PE operand memory: banked data memory and mask memory (one mask word a vector)."""

    data: Bytes
    masks: Bytes
    technology: str
    target: Target = "ReadEDP"


class AuxiliaryMemoryConfig(ConfigModel):
    """Holds layer-norm parameters and small tables next to the special-function unit."""

    capacity: Bytes
    technology: str
    target: Target = "ReadEDP"


class BusConfig(ConfigModel):
    """The AXI path from the parameter memories and DRAM to the buffers."""

    width: Bits
    masks_per_cycle: PositiveInt
    setup_cycles: Count
    store_setup_cycles: Count
    burst_beats: PositiveInt
    burst_gap_cycles: Count
    store_gap_cycles: Count
    length: Meters


class HostConfig(ConfigModel):
    """The controller that programs every command through configuration registers.

    ``command_queue``: registers of the next command are written while the present one runs.
    """

    register_writes_per_command: Count
    register_write_cycles: PositiveInt
    command_queue: bool


class MemoryConfig(ConfigModel):
    """One on-chip memory region: an array of the technology table."""

    technology: str
    capacity: Bytes
    word: Bits
    bits_per_cell: PositiveInt = 1
    banks: Annotated[int, Field(gt=0, le=1024)] = 1
    target: Target = "ReadEDP"
    roadmap: str | None = None
    extrapolate: bool = False

    @model_validator(mode="after")
    def _whole_banks(self) -> MemoryConfig:
        if self.capacity % self.banks:
            raise ValueError(
                f"capacity of {self.capacity} B does not divide into {self.banks} equal banks; "
                "change one of the two"
            )
        return self


class DramConfig(ConfigModel):
    """The off-chip channel: a part of the technology table, in lock step if several."""

    technology: str
    devices: Annotated[int, Field(gt=0, le=64)] = 1
    idle_state: Literal["self_refresh", "power_down", "standby"] = "self_refresh"


class HomeConfig(ConfigModel):
    """Where the tensors of one role lie: non-zeros and masks in named memories, or ``dram``.

    ``high`` is the memory of the values' leading bits, where storage puts them into cells of their
    own.
    """

    values: str
    masks: str
    high: str | None = None


class PlacementConfig(ConfigModel):
    """The home of each role, of activations, and of what does not fit beside them.

    ``activation_spill`` is None in a machine without DRAM, whatever its file says.
    """

    embedding: HomeConfig
    backbone: HomeConfig
    task: HomeConfig
    activations: str
    activation_spill: Literal["dram"] | None = None


class OverlapConfig(ConfigModel):
    """What may run at the same time; each is off in EdgeBERT's published code."""

    double_buffering: bool
    special_functions: bool


class HardwareConfig(ConfigModel):
    """One machine."""

    name: str
    description: str = ""
    process: ProcessConfig
    clock: ClockConfig
    pe_array: PeArrayConfig
    sfu: SfuConfig
    weight_buffer: OperandBufferConfig
    activation_buffer: OperandBufferConfig
    auxiliary_memory: AuxiliaryMemoryConfig
    bus: BusConfig
    host: HostConfig
    memories: dict[str, MemoryConfig]
    dram: DramConfig | None
    placement: PlacementConfig
    power: PowerConfig
    scaling: ScalingConfig | None = None
    overlap: OverlapConfig

    @field_validator("memories")
    @classmethod
    def _plain_names(cls, memories: dict[str, MemoryConfig]) -> dict[str, MemoryConfig]:
        blocks = {*cls.model_fields, "codec"}
        wrong = [((name,), _BLOCK_NAME.format(name)) for name in memories if name in blocks]
        wrong += [((name,), _NO_NAME) for name in memories if not _NAME.fullmatch(name)]
        if wrong:
            raise RuleError(*wrong)
        return memories

    @model_validator(mode="before")
    @classmethod
    def _without_dram_nothing_spills(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("dram", "missing") is not None:
            return data
        placement = data.get("placement")
        if not isinstance(placement, dict) or placement.get("activation_spill") != "dram":
            return data
        return {**data, "placement": {**placement, "activation_spill": None}}

    @model_validator(mode="after")
    def _placement_names_memories(self) -> HardwareConfig:
        wrong = list(_wrong_homes(self))
        if wrong:
            raise RuleError(*wrong)
        return self

    @property
    def lower_points(self) -> tuple[OperatingPoint, ...]:
        """Operating points below the nominal one in voltage and frequency, lowest first."""
        nominal, points = self.clock, self.scaling.points if self.scaling else ()
        return tuple(
            point
            for point in points
            if point.voltage < nominal.voltage and point.frequency < nominal.frequency
        )


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NO_NAME = "expected a name of letters, digits, '_' and '-' that does not begin with a digit"
_BLOCK_NAME = "'{}' is the name of a block; rename this memory"


def _wrong_homes(machine: HardwareConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path of each placement that names no memory, and what to do."""
    homes = machine.placement
    named: dict[KeyPath, str] = {
        (role, part): getattr(getattr(homes, role), part)
        for role in ("embedding", "backbone", "task")
        for part in ("values", "masks", "high")
        if getattr(getattr(homes, role), part) is not None
    }
    parameter_homes = [*machine.memories, *(["dram"] if machine.dram else [])]
    for path, memory in named.items():
        if memory not in parameter_homes:
            hint = suggest(memory, parameter_homes, "known memories")
            yield ("placement", *path), f"there is no memory '{memory}'; {hint}"
    if homes.activations not in machine.memories:
        hint = suggest(homes.activations, machine.memories, "known memories")
        yield (
            ("placement", "activations"),
            f"there is no on-chip memory '{homes.activations}'; {hint}",
        )


def load_hardware(path: Path | str, overrides: tuple[str, ...] = ()) -> HardwareConfig:
    """Return the machine of a YAML file with ``path=value`` overrides applied.

    Raises ConfigError with one line for each problem.
    """
    return validate(hardware_document(Path(path), overrides), HardwareConfig)


def hardware_document(path: Path, overrides: tuple[str, ...] = ()) -> Document:
    """Return the merged document of a machine, its ``base`` chain resolved."""
    document = _read_chain(find_input(path), ())
    for assignment in overrides:
        document = override(document, assignment)
    return document


def _read_chain(path: Path, seen: tuple[Path, ...]) -> Document:
    document = read_document(path)
    resolved = path.resolve()
    if resolved in seen:
        chain = " -> ".join(p.name for p in (*seen[seen.index(resolved) :], resolved))
        raise document.error(("base",), f"machines form a circle: {chain}; remove one base")
    if "base" not in document.data:
        return document
    parent = _base_of(document)
    own = {key: value for key, value in document.data.items() if key != "base"}
    places = {key: at for key, at in document.places.items() if key[:1] != ("base",)}
    over = Document(own, places, document.path, document.inputs)
    return merge(_read_chain(parent, (*seen, resolved)), over)


def _base_of(document: Document) -> Path:
    base = document.data["base"]
    if not isinstance(base, str):
        message = f"expected the path of another machine file, got {describe(base)}"
        raise document.error(("base",), message)
    parent = document.path.parent / base
    if not is_file(parent):
        message = f"no such file '{parent}'; the path is relative to this file"
        raise document.error(("base",), message)
    return parent
