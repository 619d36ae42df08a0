"""The AXI path from DRAM and the parameter memories to the buffers, and back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Literal

from accelsim.inputs.quantities import Bits
from accelsim.machine.components.base import ANY, Datasheet, Interconnect, Part, Price
from accelsim.machine.components.clocked import ClockedServer
from accelsim.machine.components.server import Server
from accelsim.machine.numbers import Count, PositiveInt
from accelsim.machine.site import Site
from accelsim.machine.timing.bus_timing import BusTiming
from accelsim.program import Transfer, Use
from accelsim.units import Tick


class BusConfig(Interconnect):
    """The AXI path from the parameter memories and DRAM to the buffers."""

    kind: Literal["axi_bus"]
    width: Bits
    masks_per_cycle: PositiveInt
    setup_cycles: Count
    store_setup_cycles: Count
    burst_beats: PositiveInt
    burst_gap_cycles: Count
    store_gap_cycles: Count

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the bus's server: one command at a time."""
        return {ANY: Bus(name, self, site.lanes, site.period)}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """A byte charges eight wires of the bus's length; the area of wires is not modelled."""
        byte = Price("bytes", 8 * (site.logic.wire * self.length))
        return Datasheet(Part.BUS, {"transfer": byte, "store": byte})

    def timing(self, name: str, site: Site) -> Hashable:
        """All but the length, which costs energy alone."""
        return (self.model_dump_json(exclude={"length"}), site.lanes)


class Bus(ClockedServer):
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
