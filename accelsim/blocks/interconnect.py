"""Bus, bit-mask codec, host and supply: blocks with one simple rule each."""

from __future__ import annotations

from accelsim.blocks.block import Block
from accelsim.config.hardware import BusConfig, HostConfig
from accelsim.program import Use
from accelsim.units import Tick, ceil_div


class Bus(Block):
    """The AXI path: a load is a mask command and a data command, one after the other.

    Data move one beat a cycle in bursts with a gap between them; masks on their way into a mask
    memory move ``masks_per_cycle`` words of n bits a cycle. Source: EdgeBERT's SystemC,
    w + 12 + 5 (ceil(w / 256) - 1) cycles for w beats, v + 12 + 5 (ceil(v / 1024) - 1) for v masks.
    """

    def __init__(self, name: str, config: BusConfig, vector_size: int, period: Tick) -> None:
        super().__init__(name)
        self._config = config
        self._masks_per_beat = max(1, config.width // vector_size)
        self._period = period

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a transfer with the shape (data bytes, mask vectors)."""
        data_bytes, mask_vectors = use.shape
        beats = ceil_div(8 * data_bytes, self._config.width)
        cycles = self._command(beats, beats)
        mask_beats = ceil_div(mask_vectors, self._masks_per_beat)
        mask_cycles = ceil_div(mask_vectors, self._config.masks_per_cycle)
        return (cycles + self._command(mask_beats, mask_cycles)) * self._period

    def _command(self, beats: int, cycles: int) -> int:
        if not beats:
            return 0
        bursts = ceil_div(beats, self._config.burst_beats)
        return self._config.setup_cycles + cycles + (bursts - 1) * self._config.burst_gap_cycles


class Codec(Block):
    """The bit-mask decoder: one vector a cycle whatever its mask."""

    def __init__(self, name: str, period: Tick) -> None:
        super().__init__(name)
        self._period = period

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of ``amount`` vectors."""
        return use.amount * self._period


class Host(Block):
    """The controller that writes configuration registers."""

    def __init__(self, name: str, config: HostConfig, period: Tick) -> None:
        super().__init__(name)
        self._cycles = config.register_write_cycles
        self._period = period

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of ``amount`` register writes."""
        return use.amount * self._cycles * self._period


class Supply(Block):
    """The switchable supply of the chip."""

    def __init__(self, name: str, wake_up_time: Tick) -> None:
        super().__init__(name)
        self._wake_up_time = wake_up_time

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a wake-up."""
        return self._wake_up_time
