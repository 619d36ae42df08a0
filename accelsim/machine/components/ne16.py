"""The NE16 convolution engine next to a cluster's memory."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from accelsim.machine.components.arithmetic import multipliers
from accelsim.machine.components.base import ClockedBlock, Datapath, Datasheet, Price
from accelsim.machine.site import Site
from accelsim.machine.timing.ne16 import PATCH, Filtered, Ne16Timing
from accelsim.program import Product, Use
from accelsim.units import ceil_div

# pulp-platform/ne16@6bd7272, ne16_package.sv: 9 columns x 9 blocks x 16 channels, a bit of a weight
# each in a cycle; ports of 288 bits, of which 256 carry a vector (Ne16PerfModel).
_ONE_BIT_PRODUCTS, _WEIGHT_BITS, _VECTOR_BYTES = 9 * 9 * 16, 8, 32


class Ne16Config(ClockedBlock, Datapath):
    """Filters of 3 x 3, depthwise ones of 3 x 3, 1 x 1, and products of one row, weights of 8 bits.

    What leaves is scaled by a number of ``scale_bits`` a channel, with a ``shift`` and a ``bias``
    of its own where there are some, and clipped, which is all that a ReLU takes.
    """

    kind: Literal["ne16"]
    scale_bits: Annotated[int, Field(multiple_of=8, gt=0, le=32)]
    shift: bool
    bias: bool

    @property
    def lanes(self) -> int:
        """Bytes that its port takes in a cycle."""
        return _VECTOR_BYTES

    @property
    def timing_model(self) -> Ne16Timing:
        """The cycles of jobs."""
        return Ne16Timing(self.scale_bits, self.shift, self.bias)

    def padded_macs(self, asked: Product) -> int:
        """Return the multiplications of a job's padding: channels and pixels that none has."""
        return self.padding(as_job(asked))

    def padding(self, asked: Filtered) -> int:
        """Return the multiplications of a job's padding: channels and pixels that none has."""
        return self.timing_model.slots(asked) - asked.amount

    def cycles(self, use: Use, site: Site) -> int:
        """A job takes its phases; padding, scaling and clipping are within them."""
        return self.timing_model.cycles(use.expect(Filtered)) if use.action == "mac" else 0

    def timing(self, name: str, site: Site) -> Hashable:
        """All of it."""
        return self.digest

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Eight products of one bit are taken to cost what one of eight bits does [ours].

        Each result is scaled by a product of 16 bits [ours]: with one of 32, 1 pJ more.
        """
        sheet = multipliers(_ONE_BIT_PRODUCTS // _WEIGHT_BITS, "vector_mac_array", site)
        logic = site.logic
        scaled = logic.multiply_16_bit.energy + logic.add_16_bit.energy
        prices = {
            **sheet.prices,
            "requantise": Price("elements", scaled),
            "relu": Price("elements", logic.add_16_bit.energy),
        }
        return replace(sheet, prices=prices)


def as_job(asked: Product) -> Filtered:
    """Return the job of a product of rows that are pixels of no picture: laid out in patches."""
    mode, patches = ("1x1", ceil_div(asked.rows, PATCH**2)) if asked.rows > 1 else ("linear", 1)
    return Filtered(mode, asked.rows, asked.columns, asked.depth, patches)
