"""The memories next to a systolic array: operands on their way in, sums on their way out."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, Literal

from accelsim.inputs.quantities import Bits, PositiveInt
from accelsim.machine.components.buffers import BufferConfig, Whole
from accelsim.machine.site import Site


class ScratchpadConfig(Whole, BufferConfig):
    """Activations and weights side by side, two tiles of each: one computes, the next arrives.

    ``transfers`` may be under way into it at a time; ``write_width`` arrives in a cycle, a vector
    unless told otherwise.
    """

    kind: Literal["scratchpad"]
    transfers: PositiveInt
    write_width: Bits | None = None

    def layout(self, name: str, site: Site) -> Hashable:
        """What it holds, and how it is filled."""
        return (super().layout(name, site), *self.emission(name, site))

    def emission(self, name: str, site: Site) -> tuple[Hashable, ...]:
        """How it is filled."""
        return (super().emission(name, site), self.transfers, self.write_width)


class AccumulatorConfig(Whole, BufferConfig):
    """Sums of 32 bits, two tiles of them: one is added to, the other leaves."""

    element_bytes: ClassVar[int] = 4
    written_by_datapath: ClassVar[bool] = True

    kind: Literal["accumulator"]
