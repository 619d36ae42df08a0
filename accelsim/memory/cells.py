"""How the bits of a value lie in memory cells: levels of one, two or three bits, exact sizes.

A value of n bits is cut from its most significant bit into cells. A cell that gets fewer bits
than it could hold (8 bits at 3 a cell leave 2 for the last) is programmed with fewer levels, as
nvmFI does with its [8, 8, 4] levels: it behaves as a cell of that many bits in the array's area.
High bits may lie in cells of their own kind, for instance sign and exponent in one-bit cells.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.validation import ConfigModel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Codes = npt.NDArray[np.unsignedinteger[Any]]
    Plane = npt.NDArray[np.uint8]

Coding = Literal["binary", "gray"]
Partial = Literal["allow", "refuse"]
# Published fault models end at three bits a cell.
BitsPerCell = Annotated[int, Field(ge=1, le=3)]


class CellSpan(ConfigModel):
    """Neighbouring bits of a value in cells of one kind."""

    bits: Annotated[int, Field(ge=1, le=32)]
    bits_per_cell: BitsPerCell


class CellChoice(ConfigModel):
    """How values are cut into the cells of the memory that they lie in.

    ``coding``: a level is the cell's bits read as a ``binary`` number, or their place in the
    ``gray`` code, whose neighbours differ in one bit. ``partial_cells``: bits that do not fill the
    last cell of a span are allowed or refused. ``high`` may name one span of leading bits that lie
    in a memory of their own, the role's home ``high``, whose cells have the bits that it states.
    """

    coding: Coding = "binary"
    partial_cells: Partial = "allow"
    high: list[CellSpan] = Field(default=[])

    @model_validator(mode="after")
    def _one_home(self) -> Self:
        if len(self.high) > 1:
            wrong = f"high has {len(self.high)} spans, but a role has one memory for leading bits"
            raise ValueError(f"{wrong}; keep one span")
        return self

    @property
    def high_bits(self) -> int:
        """Leading bits of a value that lie in cells of their own."""
        return sum(span.bits for span in self.high)


class CellFormat(CellChoice):
    """The cells of a value; ``bits_per_cell`` holds for all bits but the high ones."""

    bits_per_cell: BitsPerCell = 1

    def layout(self, bits: int) -> CellLayout:
        """Return the cells of a value, whose bits hold the high ones. Raises as ``cut``."""
        spans = [(span.bits, span.bits_per_cell) for span in self.high]
        spans.append((bits - self.high_bits, self.bits_per_cell))
        cells = [
            (width, kind) for span, kind in spans for width in cut(span, kind, self.partial_cells)
        ]
        return CellLayout(tuple(w for w, _ in cells), tuple(k for _, k in cells), self.coding)


def cut(bits: int, kind: int, partial_cells: Partial) -> list[int]:
    """Return the bits in each cell of a span, of ``kind`` bits. Raises ConfigError if refused."""
    whole, rest = divmod(bits, kind)
    if rest and partial_cells == "refuse":
        wrong = f"{bits} bits do not divide into cells of {kind} bits: the last would hold {rest}"
        raise ConfigError(f"{wrong}; choose other bits_per_cell or set partial_cells: allow")
    return [kind] * whole + ([rest] if rest else [])


@dataclass(frozen=True)
class CellLayout:
    """The cells of one value, the most significant first.

    ``widths`` are the bits that each cell holds, ``kinds`` the bits per cell of the array that it
    lies in; they differ in a partial cell.
    """

    widths: tuple[int, ...]
    kinds: tuple[int, ...]
    coding: Coding

    @property
    def bits(self) -> int:
        """Bits of a value."""
        return sum(self.widths)

    @property
    def shifts(self) -> tuple[int, ...]:
        """Place of each cell's least significant bit in the value."""
        return tuple(sum(self.widths[place + 1 :]) for place in range(len(self.widths)))

    def occupied_bits(self, values: int) -> Counter[int]:
        """Return the capacity in bits that the values take up, by bits per cell of the array.

        It exceeds the values' own bits by what partial cells leave empty.
        """
        counts = Counter(self.kinds)
        return Counter({kind: kind * values * count for kind, count in counts.items()})


def to_levels(codes: Codes, layout: CellLayout) -> tuple[Plane, ...]:
    """Return the levels of each cell of values, in the shape of ``codes`` of as many bits."""
    planes = (
        ((codes >> shift) & (2**width - 1)).astype("uint8")
        for width, shift in zip(layout.widths, layout.shifts, strict=True)
    )
    # Up to three bits: a Gray code is undone by its prefix parities.
    gray = layout.coding == "gray"
    return tuple(bits ^ (bits >> 1) ^ (bits >> 2) if gray else bits for bits in planes)


def data_of(level: Any, coding: Coding) -> Any:
    """Return the bits that a level stands for, of an integer or an array."""
    return level if coding == "binary" else level ^ (level >> 1)
