"""The controller that writes configuration registers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Literal

from accelsim.machine.components.base import ANY, Block, Datasheet, Part, Price
from accelsim.machine.components.clocked import ClockedServer
from accelsim.machine.components.server import Server
from accelsim.machine.numbers import Count, PositiveInt
from accelsim.machine.site import Site
from accelsim.program import Command, Use
from accelsim.units import Tick

_REGISTER_BITS = 32


class HostConfig(Block):
    """The controller that programs every command through configuration registers.

    ``command_queue``: registers of the next command are written while the present one runs.
    """

    kind: Literal["host"]
    register_writes_per_command: Count
    register_write_cycles: PositiveInt
    command_queue: bool

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the host's server: one register access at a time."""
        return {ANY: Host(name, self, site.period)}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """A register write charges 32 wires of the bus's length; the rest is not modelled."""
        joules = _REGISTER_BITS * (site.logic.wire * site.wire_length)
        return Datasheet(Part.HOST, {"register_write": Price("register_writes", joules)})

    def timing(self, name: str, site: Site) -> Hashable:
        """All of it."""
        return self


class Host(ClockedServer):
    """The controller that writes configuration registers."""

    def __init__(self, name: str, config: HostConfig, period: Tick) -> None:
        super().__init__(name, period)
        self._cycles = config.register_write_cycles

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of register writes."""
        return use.expect(Command).amount * self._cycles * self.period
