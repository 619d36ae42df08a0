"""The DRAM channel as a block of the machine."""

from __future__ import annotations

from accelsim.blocks.block import Block
from accelsim.blocks.dram import DramChannel
from accelsim.config.hardware import DramConfig
from accelsim.memory.dram import load_dram
from accelsim.program import Use
from accelsim.units import Tick


class Dram(Block):
    """Serves one sequential access at a time; commands and refreshes are counted as they happen."""

    def __init__(self, name: str, config: DramConfig) -> None:
        super().__init__(name)
        technology = load_dram(config.technology)
        self.channel = DramChannel(technology, config.devices, config.idle_state)
        self._reported = dict.fromkeys(self.channel.counts, 0)

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of ``amount`` bytes at the address ``shape[0]``."""
        end = self.channel.access(start, use.shape[0], use.amount, use.action == "write")
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
