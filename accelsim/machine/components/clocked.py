"""A block that runs on the clock of the chip."""

from __future__ import annotations

from accelsim.machine.components.server import Server
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
