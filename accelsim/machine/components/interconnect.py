"""Bus, bit-mask codec, host and supply: blocks with one simple rule each."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.machine.components.bus_timing import BusTiming
from accelsim.machine.components.clocked import ClockedBlock
from accelsim.machine.components.server import Block
from accelsim.machine.schema import BusConfig, HostConfig
from accelsim.program import Command, Transfer, Use, Vectors
from accelsim.units import Tick


class Bus(ClockedBlock):
    """The AXI path: a load is a mask command and a data command, one after the other.

    ``transfer`` moves data towards the buffers, ``store`` back; ``bus_timing`` gives the cycles.
    """

    def __init__(self, name: str, config: BusConfig, vector_size: int, period: Tick) -> None:
        super().__init__(name, period)
        self._vector_size = vector_size
        self._timing = BusTiming(
            width=config.width,
            burst=config.burst_beats,
            load_setup=config.setup_cycles,
            store_setup=config.store_setup_cycles,
            load_gap=config.burst_gap_cycles,
            store_gap=config.store_gap_cycles,
            masks=config.masks_per_cycle,
        )

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a transfer or store."""
        moved = use.expect(Transfer)
        data_bytes, mask_vectors = moved.data_bytes, moved.mask_vectors
        timing, size, cycles = self._timing, self._vector_size, 0
        if use.action == "store":
            cycles += timing.store_cycles(data_bytes) if data_bytes else 0
            cycles += timing.mask_store_cycles(mask_vectors, size) if mask_vectors else 0
        else:
            cycles += timing.load_cycles(data_bytes) if data_bytes else 0
            cycles += timing.mask_load_cycles(mask_vectors, size) if mask_vectors else 0
        return cycles * self.period


class Codec(ClockedBlock):
    """The bit-mask decoder: one vector a cycle whatever its mask."""

    def __init__(self, name: str, period: Tick) -> None:
        super().__init__(name, period)

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of the vectors; two decoders may share those that are counted."""
        return use.expect(Vectors).vectors * self.period


class Host(ClockedBlock):
    """The controller that writes configuration registers."""

    def __init__(self, name: str, config: HostConfig, period: Tick) -> None:
        super().__init__(name, period)
        self._cycles = config.register_write_cycles

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of register writes."""
        return use.expect(Command).amount * self._cycles * self.period


class Supply(Block):
    """The supplies and the clock of the chip: each action is a change that takes its own time."""

    def __init__(self, name: str, times: Mapping[str, Tick]) -> None:
        super().__init__(name)
        self._times = times

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a change: a wake-up, or a new operating point."""
        return use.expect(Command).amount * self._times[use.action]
