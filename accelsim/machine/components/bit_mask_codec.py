"""The decoder of bit-mask encoded operands, between buffers and datapath."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Literal

from accelsim.machine.components.base import ANY, Block, Datasheet, Part, Price
from accelsim.machine.components.clocked import ClockedServer
from accelsim.machine.components.server import Server
from accelsim.machine.site import Site
from accelsim.program import Use, Vectors
from accelsim.units import Tick


class CodecConfig(Block):
    """Two decoders, one for each operand buffer, as wide as a vector."""

    kind: Literal["bit_mask_codec"]

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the codec's server."""
        return {ANY: Codec(name, site.period)}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Expanding a vector is a prefix sum over its mask: one narrow addition a lane."""
        add = site.logic.add_8_bit
        area = 2 * site.lanes * add.area
        return Datasheet(
            Part.COMPUTE,
            {"decode": Price("vectors", site.lanes * add.energy)},
            area=area,
            leakage=area * site.logic.leakage,
            source="; ".join(site.logic.sources),
        )

    def timing(self, name: str, site: Site) -> Hashable:
        """A vector a cycle, whatever its width."""
        return self.kind


class Codec(ClockedServer):
    """The bit-mask decoder: one vector a cycle whatever its mask."""

    def __init__(self, name: str, period: Tick) -> None:
        super().__init__(name, period)

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of the vectors; two decoders may share those that are counted."""
        return use.expect(Vectors).vectors * self.period
