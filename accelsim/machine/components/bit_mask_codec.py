"""The decoder of bit-mask encoded operands, between buffers and datapath."""

from __future__ import annotations

from typing import Literal

from accelsim.machine.components.arithmetic import logic_datasheet
from accelsim.machine.components.base import ClockedBlock, Datasheet, Price
from accelsim.machine.site import Site
from accelsim.program import Use, Vectors


class CodecConfig(ClockedBlock):
    """Two decoders, one for each operand buffer, as wide as a vector."""

    kind: Literal["bit_mask_codec"]

    def cycles(self, use: Use, site: Site) -> int:
        """A vector a cycle whatever its mask; two decoders may share those that are counted."""
        return use.expect(Vectors).vectors

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Expanding a vector is a prefix sum over its mask: one narrow addition a lane."""
        add = site.logic.add_8_bit
        prices = {"decode": Price("vectors", site.lanes * add.energy)}
        return logic_datasheet(prices, 2 * site.lanes * add.area, 0.0, ("arithmetic",), site)
