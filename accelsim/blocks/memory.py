"""On-chip memories: banked arrays of the technology table, and the operand buffers."""

from __future__ import annotations

from accelsim.blocks.block import Block
from accelsim.memory.regions import Region
from accelsim.program import Use
from accelsim.units import Tick, ceil_div, to_ticks


class Memory(Block):
    """A clocked memory with one port: an access takes whole cycles, banks take turns.

    A word occupies its bank for the array's read or write latency, rounded up to whole cycles;
    consecutive words lie in consecutive banks.
    """

    def __init__(self, name: str, region: Region, period: Tick) -> None:
        super().__init__(name)
        array = region.array
        self._banks = region.banks
        self._period = period
        self.word_cycles = {
            "read": ceil_div(to_ticks(array.read_latency), period),
            "write": ceil_div(to_ticks(array.write_latency), period),
        }

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of ``amount`` words."""
        # One word a cycle is the most the port takes, however many banks stand behind it.
        cycles = max(use.amount, ceil_div(use.amount, self._banks) * self.word_cycles[use.action])
        return cycles * self._period


class BufferPort(Block):
    """One port of an operand buffer or of the auxiliary memory: one vector a cycle.

    A use without a shape moves whole vectors; an operand read gives its vectors as the shape.
    Loads go to the half that is not read, so reads and writes have a port each.
    """

    def __init__(self, name: str, vector_bytes: int, period: Tick) -> None:
        super().__init__(name)
        self._vector_bytes = vector_bytes
        self._period = period

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of ``amount`` bytes."""
        vectors = use.shape[0] if use.shape else ceil_div(use.amount, self._vector_bytes)
        return vectors * self._period
