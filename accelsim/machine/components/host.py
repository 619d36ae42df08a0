"""The controller that writes configuration registers."""

from __future__ import annotations

from typing import Literal

from accelsim.inputs.quantities import Count, PositiveInt
from accelsim.machine.components.base import ClockedBlock, Datasheet, Part, Price
from accelsim.machine.site import Site
from accelsim.program import Command, Use

_REGISTER_BITS = 32


class HostConfig(ClockedBlock):
    """The controller that programs every command through configuration registers.

    ``command_queue``: registers of the next command are written while the present one runs.
    """

    kind: Literal["host"]
    register_writes_per_command: Count
    register_write_cycles: PositiveInt
    command_queue: bool

    def cycles(self, use: Use, site: Site) -> int:
        """One register access at a time."""
        return use.expect(Command).amount * self.register_write_cycles

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """A register write charges 32 wires of the bus's length; the processor takes its cycles."""
        write = Price("register_writes", _REGISTER_BITS * (site.logic.wire * site.wire_length))
        source = site.logic.sources_of("host", "wires")
        return Datasheet(Part.HOST, {"register_write": write}, cycle=site.logic.host, source=source)
