"""On-chip memories: banked arrays of the technology table, and the operand buffers."""

from __future__ import annotations

from accelsim.machine.components.clocked import ClockedBlock
from accelsim.machine.regions import Region
from accelsim.program import Use
from accelsim.units import Tick, ceil_div, to_ticks


class Memory(ClockedBlock):
    """A clocked memory with one port: an access takes whole cycles, banks take turns.

    A word occupies its bank for the array's read or write latency, rounded up to whole cycles;
    consecutive words lie in consecutive banks. An array that ``scales`` with the logic's supply
    takes the same cycles at every operating point; any other has a supply, and so latencies, of
    its own.
    """

    def __init__(self, name: str, region: Region, period: Tick, *, scales: bool = False) -> None:
        super().__init__(name, period)
        array = region.array
        self._banks = region.banks
        self._scales = scales
        self._latencies = {
            "read": to_ticks(array.read_latency),
            "write": to_ticks(array.write_latency),
        }
        self.word_cycles = self._cycles()

    def retime(self, period: Tick) -> None:
        """Follow the clock to another period [ticks]."""
        super().retime(period)
        if not self._scales:
            self.word_cycles = self._cycles()

    def _cycles(self) -> dict[str, int]:
        return {action: ceil_div(t, self.period) for action, t in self._latencies.items()}

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of ``amount`` words, or the cycles of its shape for those of a codec."""
        if use.action not in self._latencies:
            # A codec works at the pace of the memory and takes its own cycles longer.
            return use.shape[0] * self.period
        # One word a cycle is the most the port takes, however many banks stand behind it.
        cycles = max(use.amount, ceil_div(use.amount, self._banks) * self.word_cycles[use.action])
        return cycles * self.period


class BufferPort(ClockedBlock):
    """One port of an operand buffer or of the auxiliary memory: one vector a cycle.

    A use without a shape moves whole vectors; an operand read gives its vectors as the shape.
    Loads go to the half that is not read, so reads and writes have a port each.
    """

    def __init__(self, name: str, vector_bytes: int, period: Tick) -> None:
        super().__init__(name, period)
        self._vector_bytes = vector_bytes

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of ``amount`` bytes."""
        vectors = use.shape[0] if use.shape else ceil_div(use.amount, self._vector_bytes)
        return vectors * self.period
