"""The AXI path from DRAM and the parameter memories to the buffers, and back."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from accelsim.inputs.quantities import Bits, Count, PositiveInt
from accelsim.machine.components.base import ANY, ClockedBlock, Datasheet, Interconnect, Part, Price
from accelsim.machine.components.clocked import CycleServer
from accelsim.machine.components.server import Server
from accelsim.machine.site import Site
from accelsim.program import Transfer, Use
from accelsim.units import Tick, ceil_div

# AMBA AXI, ARM IHI 0022: a burst has at most 256 beats and crosses no boundary of 4 KiB.
_PAGE = 4096
# [ours] AXI ends at 1024 b; ONNXim's network is modelled as wider. No array here fills more.
_WIDEST = 4096


class BusConfig(ClockedBlock, Interconnect):
    """The AXI path from the parameter memories and DRAM to the buffers.

    A command moves beats of ``width`` in bursts of at most ``burst_beats``, one outstanding.
    Masks are narrower than a beat and pass ``masks_per_cycle``, as the mask memory takes one word
    a cycle. ``setup_cycles`` are those of a command beside its words, ``burst_gap_cycles`` those
    between two bursts, each of which waits for whom it asks; ``store_setup_cycles`` and
    ``store_gap_cycles`` are those of the way back, which waits for the response of each burst.
    ``arbitration`` says whether masters take turns by ``burst``, here, at the memory of activations
    and at the DRAM, or by ``use`` in order of arrival. Source of the machine files' values:
    harvard-acc/EdgeBERT, hw/cmod (InputAxi, MaskAxi, AuxAxi), simulated with a slave that answers
    with a beat a cycle.
    """

    kind: Literal["axi_bus"]
    width: Annotated[Bits, Field(ge=8, le=_WIDEST)]
    masks_per_cycle: PositiveInt
    setup_cycles: Count
    store_setup_cycles: Count
    burst_beats: Annotated[PositiveInt, Field(le=256)]
    burst_gap_cycles: Count
    store_gap_cycles: Count
    arbitration: Literal["burst", "use"] = "burst"

    @property
    def burst_bytes(self) -> int:
        """Bytes of the longest burst."""
        return min(self.burst_beats * self.width // 8, _PAGE)

    def cycles(self, use: Use, site: Site) -> int:
        """A command for the data, one for the masks; ``transfer`` goes to the buffers."""
        moved, store = use.expect(Transfer), use.action == "store"
        beats = ceil_div(8 * moved.data_bytes, self.width)
        cycles = self._command_cycles(beats, beats, moved.wait, store=store) if beats else 0
        if moved.mask_vectors:
            beats = ceil_div(moved.mask_vectors * site.lanes, self.width)
            # A beat is taken in one cycle at best, however many masks the memory could take.
            words = max(beats, ceil_div(moved.mask_vectors, self.masks_per_cycle))
            cycles += self._command_cycles(beats, words, moved.wait, store=store)
        return cycles

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the one server."""
        cycles = partial(self.cycles, site=site)
        return {ANY: BusServer(name, site.period, cycles, self.masks_per_cycle)}

    def _command_cycles(self, beats: int, words: int, wait: int, *, store: bool) -> int:
        setup, gap = self.setup_cycles, self.burst_gap_cycles
        if store:
            setup, gap = self.store_setup_cycles, self.store_gap_cycles
        bursts = ceil_div(beats * self.width, 8 * self.burst_bytes)
        return words + setup + bursts * wait + (bursts - 1) * gap

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """A byte charges eight wires of the bus's length and changes their registers.

        The clock reaches the registers of all wires; wires themselves run above the logic.
        """
        logic, registers = site.logic, site.logic.registers["bus"]
        byte = Price("bytes", 8 * (logic.wire * self.length + registers.operation))
        area = self.width * registers.area_per_lane
        return Datasheet(
            Part.BUS,
            {"transfer": byte, "store": byte},
            area=area,
            leakage=area * logic.leakage,
            cycle=self.width * registers.cycle_per_lane,
            source=logic.sources_of("wires", "flip_flop", "bus", "leakage"),
        )

    def layout(self, name: str, site: Site) -> Hashable:
        """All but the length."""
        return self.timing(name, site)

    def emission(self, name: str, site: Site) -> Hashable:
        """Nothing: uses say what is moved, not in how many cycles."""
        return type(self).__name__

    def timing(self, name: str, site: Site) -> Hashable:
        """All but the length, which costs energy alone."""
        return (self.model_dump_json(exclude={"length"}), site.lanes)


class BusServer(CycleServer):
    """The bus, which whoever takes masks off it knows to bring so many ``masks_per_cycle``."""

    def __init__(
        self, name: str, period: Tick, cycles: Callable[[Use], int], masks_per_cycle: int
    ) -> None:
        super().__init__(name, period, cycles)
        self.masks_per_cycle = masks_per_cycle
