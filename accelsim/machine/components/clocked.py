"""A block that runs on the clock of the chip."""

from __future__ import annotations

from collections.abc import Callable

from accelsim.machine.components.server import Server
from accelsim.program import Use
from accelsim.units import Tick


class ClockedServer(Server):
    """A block whose occupancy is whole cycles of the chip's clock, ``period`` ticks each.

    One whose cycles depend on when a use starts must say that it is not ``steady``.
    """

    steady = True

    def __init__(self, name: str, period: Tick) -> None:
        super().__init__(name)
        self.period = period

    def retime(self, period: Tick) -> None:
        """Follow the clock to another period [ticks]; only while nothing is booked."""
        self.period = period


class CycleServer(ClockedServer):
    """A clocked block as a function from a use to its cycles, whatever went before."""

    def __init__(self, name: str, period: Tick, cycles: Callable[[Use], int]) -> None:
        super().__init__(name, period)
        self._cycles = cycles

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a use."""
        return self._cycles(use) * self.period
