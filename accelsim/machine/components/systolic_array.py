"""A systolic array of any size, with any of three dataflows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from accelsim.machine.components.arithmetic import PADDED, multipliers
from accelsim.machine.components.base import ANY, Datapath, Datasheet
from accelsim.machine.components.clocked import ClockedServer
from accelsim.machine.components.server import Server
from accelsim.machine.site import Site
from accelsim.machine.timing.systolic import Dataflow, SystolicTiming
from accelsim.program import Product, Use
from accelsim.units import Tick

ArraySide = Annotated[int, Field(gt=0, le=1024)]


class SystolicArrayConfig(Datapath):
    """``rows`` x ``columns`` multiply-accumulators that pass operands and sums to neighbours.

    ``dataflow`` says which matrix stays in the array. ``fold_schedule``: each fold loads, computes
    and drains by itself (``serial``, as SCALE-Sim counts), or the next one loads behind it into
    registers of its own (``overlapped``, as Gemmini and ONNXim). What pads a fold to the whole
    array is multiplied like any other element.
    """

    kind: Literal["systolic_array"]
    rows: ArraySide
    columns: ArraySide
    dataflow: Dataflow
    fold_schedule: Literal["serial", "overlapped"]

    @property
    def lanes(self) -> int:
        """Elements of a vector: the longer edge, which buffers feed in one cycle."""
        return max(self.rows, self.columns)

    @property
    def timing_model(self) -> SystolicTiming:
        """The cycles of products."""
        overlapped = self.fold_schedule == "overlapped"
        return SystolicTiming(self.dataflow, self.rows, self.columns, overlapped)

    def padded_macs(self, asked: Product) -> int:
        """Return the multiplications in elements that a partial fold leaves over."""
        return self.timing_model.slots(asked) - asked.amount

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the array's server."""
        return {ANY: SystolicArray(name, self.timing_model, site.period)}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Every element has registers of its own, in which operands and sums move each cycle."""
        return multipliers(self.rows * self.columns, self.kind, site)

    def timing(self, name: str, site: Site) -> Hashable:
        """All of it."""
        return self


class SystolicArray(ClockedServer):
    """Products one after the other; a fill and a drain lie beside the products around them."""

    steady = False

    def __init__(self, name: str, timing: SystolicTiming, period: Tick) -> None:
        super().__init__(name, period)
        self._timing = timing
        self.retime(period)

    def retime(self, period: Tick) -> None:
        """Follow the clock to another period [ticks]."""
        super().retime(period)
        self.lead, self.lag = self._timing.fill * period, self._timing.drain * period

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a panel."""
        padding = use.action.startswith(PADDED)
        return 0 if padding else self._timing.cycles(use.expect(Product)) * self.period
