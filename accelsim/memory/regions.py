"""The arrays of a machine: each memory region and buffer as a point of the technology table."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.config.hardware import HardwareConfig
from accelsim.errors import AccelsimError
from accelsim.memory.arrays import Array, find_array
from accelsim.memory.technology import load_technology
from accelsim.units import format_bytes


@dataclass(frozen=True)
class Region:
    """A memory of the machine made of ``banks`` equal arrays.

    ``kind`` is ``parameters``, ``activations`` or ``buffer``; ``word_bytes`` is the width of one
    array access.
    """

    name: str
    kind: str
    array: Array
    banks: int
    capacity: int

    @property
    def area(self) -> float:
        """Area of all banks [m2]."""
        return self.array.area * self.banks

    @property
    def leakage(self) -> float:
        """Leakage of all banks [W]."""
        return self.array.leakage * self.banks

    @property
    def word_bytes(self) -> float:
        """Bytes of one access."""
        return self.array.word / 8


def regions(hardware: HardwareConfig) -> dict[str, Region]:
    """Return all on-chip arrays of a machine by block name. Raises ConfigError for a bad query."""
    return {**_memories(hardware), **_buffers(hardware)}


def _memories(hardware: HardwareConfig) -> dict[str, Region]:
    found = {}
    for name, memory in hardware.memories.items():
        array = _array(
            hardware,
            f"memories.{name}",
            memory.technology,
            memory.capacity // memory.banks,
            memory.word,
            memory.target,
            bits_per_cell=memory.bits_per_cell,
            roadmap=memory.roadmap,
            extrapolate=memory.extrapolate,
        )
        kind = "activations" if name == hardware.placement.activations else "parameters"
        found[name] = Region(name, kind, array, memory.banks, memory.capacity)
    return found


def _buffers(hardware: HardwareConfig) -> dict[str, Region]:
    """Buffers next to the datapath: one vector wide, data and masks in one array.

    They are smaller than the table's smallest array, so the table is extended below it.
    """
    word = 8 * hardware.pe_array.vector_size
    found = {}
    for name in ("weight_buffer", "activation_buffer", "auxiliary_memory"):
        buffer = getattr(hardware, name)
        is_auxiliary = name == "auxiliary_memory"
        capacity = buffer.capacity if is_auxiliary else buffer.data + buffer.masks
        wide = min(max(word, 64), 512)
        array = _array(
            hardware, name, buffer.technology, capacity, wide, buffer.target, extrapolate=True
        )
        found[name] = Region(name, "buffer", array, 1, capacity)
    return found


def _array(
    hardware: HardwareConfig,
    where: str,
    technology: str,
    capacity: int,
    word: int,
    target: str,
    *,
    bits_per_cell: int = 1,
    roadmap: str | None = None,
    extrapolate: bool = False,
) -> Array:
    process = hardware.process
    try:
        return find_array(
            load_technology(technology),
            capacity=capacity,
            word=word,
            target=target,
            bits_per_cell=bits_per_cell,
            node=process.node,
            roadmap=roadmap,
            temperature=process.temperature,
            grade=process.grade,
            extrapolate=extrapolate,
        )
    except AccelsimError as error:
        size = format_bytes(capacity)
        message = f"machine '{hardware.name}': {where} ({technology}, {size}): {error}"
        raise type(error)(message) from None
