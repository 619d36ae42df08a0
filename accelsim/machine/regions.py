"""The arrays of a machine: each memory region and buffer as a point of the technology table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from accelsim.errors import AccelsimError
from accelsim.machine.schema import HardwareConfig, MemoryConfig
from accelsim.memory.arrays import Array, find_array
from accelsim.memory.logic import Logic, scaled_logic
from accelsim.memory.technology import MemoryTechnology, load_technology
from accelsim.units import format_bytes


@dataclass(frozen=True)
class Region:
    """A memory of the machine made of ``banks`` equal banks of ``lanes`` equal arrays.

    Banks take turns; the lanes of a bank work in lock step, where the table knows no array as
    wide as the word. ``kind`` is ``parameters``, ``activations`` or ``buffer``.
    """

    name: str
    kind: str
    array: Array
    banks: int
    lanes: int
    capacity: int

    @property
    def area(self) -> float:
        """Area of all arrays [m2]."""
        return self.array.area * self.banks * self.lanes

    @property
    def leakage(self) -> float:
        """Leakage of all arrays [W]."""
        return self.array.leakage * self.banks * self.lanes

    @property
    def read_energy(self) -> float:
        """Energy of reading one word [J]."""
        return self.array.read_energy * self.lanes

    @property
    def write_energy(self) -> float:
        """Energy of writing one word [J]."""
        return self.array.write_energy * self.lanes

    @property
    def word_bytes(self) -> float:
        """Bytes of one access."""
        return self.array.word * self.lanes / 8


def regions(hardware: HardwareConfig) -> dict[str, Region]:
    """Return all on-chip arrays of a machine by block name. Raises ConfigError for a bad query."""
    return dict(_regions(_Same(hardware)))


class _Same:
    """A machine that equals itself alone: configurations hold mappings and have no hash."""

    def __init__(self, hardware: HardwareConfig) -> None:
        self.hardware = hardware

    def __hash__(self) -> int:
        return id(self.hardware)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.hardware is self.hardware


# A machine is asked for its arrays some ten times a run, a sweep has some tens of machines.
@lru_cache(maxsize=64)
def _regions(machine: _Same) -> dict[str, Region]:
    return {**_memories(machine.hardware), **_buffers(machine.hardware)}


def _memories(hardware: HardwareConfig) -> dict[str, Region]:
    found = {}
    for name, memory in hardware.memories.items():
        kind = "activations" if name == hardware.placement.activations else "parameters"
        found[name] = _region(hardware, name, kind, memory, f"memories.{name}")
    return found


def _buffers(hardware: HardwareConfig) -> dict[str, Region]:
    """Buffers next to the datapath: one vector wide, data and masks in one array.

    They may be smaller than the table's smallest array, so the table is extended below it.
    """
    found = {}
    for name in ("weight_buffer", "activation_buffer", "auxiliary_memory"):
        buffer = getattr(hardware, name)
        size = buffer.capacity if name == "auxiliary_memory" else buffer.data + buffer.masks
        memory = MemoryConfig.model_construct(
            technology=buffer.technology,
            capacity=size,
            word=max(_NARROWEST, 8 * hardware.pe_array.vector_size),
            target=buffer.target,
            extrapolate=True,
        )
        found[name] = _region(hardware, name, "buffer", memory, name)
    return found


# The narrowest array of the table; a narrower vector uses a part of its word.
_NARROWEST = 64


def _region(
    hardware: HardwareConfig, name: str, kind: str, memory: MemoryConfig, where: str
) -> Region:
    process, lanes = hardware.process, 1
    try:
        technology = load_technology(memory.technology)
        lanes = _lanes(technology, memory, hardware)
        array = find_array(
            technology,
            capacity=memory.capacity // memory.banks // lanes,
            word=memory.word // lanes,
            target=memory.target,
            bits_per_cell=memory.bits_per_cell,
            node=process.node,
            roadmap=memory.roadmap,
            temperature=process.temperature,
            grade=process.grade,
            extrapolate=memory.extrapolate,
        )
    except AccelsimError as error:
        size = format_bytes(memory.capacity)
        built = f"{size} as {memory.banks} banks" if memory.banks > 1 else size
        built += f" of {lanes} arrays in lock step" if lanes > 1 else ""
        message = f"machine '{hardware.name}': {where} ({memory.technology}, {built}): {error}"
        raise type(error)(message) from None
    return Region(name, kind, array, memory.banks, lanes, memory.capacity)


def _lanes(technology: MemoryTechnology, memory: MemoryConfig, hardware: HardwareConfig) -> int:
    """Return how many arrays of the table's widest word make up the memory's word."""
    for conditions, targets in technology.tables.items():
        same_node = math.isclose(conditions.node, hardware.process.node)
        same_heat = math.isclose(conditions.temperature, hardware.process.temperature)
        same_cells = conditions.bits_per_cell == memory.bits_per_cell
        roadmap = memory.roadmap or technology.default_roadmap
        if same_node and same_heat and same_cells and conditions.roadmap == roadmap:
            widest = max(targets.get(memory.target, {memory.word: ()}))
            return memory.word // widest if memory.word % widest == 0 else 1
    return 1


def logic_of(hardware: HardwareConfig) -> Logic:
    """Return the machine's logic technology, scaled. Raises ConfigError for a bad file."""
    process = hardware.process
    return scaled_logic(
        process.logic,
        node=process.node,
        temperature=process.temperature,
        voltage=hardware.clock.voltage,
    )
