"""On-chip memories: banked arrays of the technology table, and the operand buffers."""

from __future__ import annotations

from accelsim.machine.components.clocked import ClockedBlock
from accelsim.machine.regions import Region
from accelsim.program import CodeWords, Use, Vectors, Words
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
        """Return the ticks of words read or written, or of code words."""
        if use.action not in self._latencies:
            # A codec works at the pace of the memory and takes its own cycles longer.
            return use.expect(CodeWords).cycles * self.period
        # One word a cycle is the most the port takes, however many banks stand behind it.
        words = use.expect(Words).amount
        cycles = max(words, ceil_div(words, self._banks) * self.word_cycles[use.action])
        return cycles * self.period


class BufferPort(ClockedBlock):
    """One port of an operand buffer or of the auxiliary memory: one vector a cycle.

    Loads go to the half that is not read, so reads and writes have a port each.
    """

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of the vectors that hold the bytes."""
        return use.expect(Vectors).vectors * self.period
