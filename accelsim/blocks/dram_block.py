"""The DRAM channel as a block of the machine."""

from __future__ import annotations

from accelsim.blocks.block import Block
from accelsim.blocks.dram import DramChannel
from accelsim.config.hardware import DramConfig
from accelsim.memory.dram import load_dram
from accelsim.program import Use
from accelsim.units import Tick, ceil_div


class Dram(Block):
    """Serves one access at a time; commands and refreshes are counted as they happen.

    The shape of a use is (address,) for one sequential range, or (address, pieces, stride) for
    equal pieces that start ``stride`` bytes apart: scattered rows, or one range read again.
    """

    def __init__(self, name: str, config: DramConfig) -> None:
        super().__init__(name)
        technology = load_dram(config.technology)
        self.channel = DramChannel(technology, config.devices, config.idle_state)
        self._reported = dict.fromkeys(self.channel.counts, 0)

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of ``amount`` bytes from the address ``shape[0]`` on."""
        address, pieces, stride = use.shape if len(use.shape) > 1 else (*use.shape, 1, 0)
        end, size = start, ceil_div(use.amount, pieces)
        for piece in range(pieces):
            end = self.channel.access(end, address + piece * stride, size, use.action == "write")
        return end - start

    def extra_amounts(self) -> dict[str, int]:
        """Return commands since the last call: activate, read_burst, write_burst, refresh."""
        counts = self.channel.counts
        new = {name: count - self._reported[name] for name, count in counts.items()}
        self._reported = dict(counts)
        return {name: count for name, count in new.items() if count}

    def finish(self, now: Tick) -> None:
        """Settle refreshes and states of the channel at the end of a run."""
        self.channel.settle(now)
