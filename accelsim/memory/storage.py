"""How a parameter tensor is stored: quantised, dense or bit-mask encoded; exact sizes in bits.

A bit-mask tensor keeps its non-zero values and one mask bit an element, in two parts that may
lie in different memories. Vectors (biases, layer norms) are always stored dense: pruning them
saves nothing and their mask would cost an eighth more.

On the chip each part takes up array bits: those of its cells, check bits included. In DRAM a part
is data alone; check bits are made when it is written into a memory of the chip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.validation import ConfigModel
from accelsim.memory.cells import CellFormat, CellSpan, Coding
from accelsim.memory.protection import ProtectionConfig, Scheme, check_bits
from accelsim.model.tensors import Parameter
from accelsim.units import ceil_div


class CellChoice(ConfigModel):
    """How values are cut into the cells of the memory that they lie in.

    The bits per cell are the memory's; ``coding`` and ``partial_cells`` are those of CellFormat.
    ``high`` may name one span of leading bits that lie in a memory of their own, the role's home
    ``high``; its cells must have the bits that the span states.
    """

    coding: Coding = "binary"
    partial_cells: Literal["allow", "refuse"] = "allow"
    high: list[CellSpan] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_home(self) -> CellChoice:
        if len(self.high) > 1:
            raise ValueError(
                f"high has {len(self.high)} spans, but a role has one memory for leading bits; "
                "keep one span"
            )
        return self


class StorageFormat(ConfigModel):
    """Storage of the matrices of one role.

    ``density`` is the share of non-zero elements; a dense tensor stores every element whatever
    its density. ``cells`` and ``protection`` hold for vectors too, and on the chip only.
    """

    format: Literal["dense", "bitmask"]
    bits: Annotated[int, Field(ge=1, le=32)]
    density: Annotated[float, Field(gt=0, le=1)] = 1.0
    cells: CellChoice = CellChoice()
    protection: ProtectionConfig = ProtectionConfig()

    @property
    def high_bits(self) -> int:
        """Leading bits of a value that lie in a memory of their own."""
        return sum(span.bits for span in self.cells.high)

    @model_validator(mode="after")
    def _low_bits_are_left(self) -> StorageFormat:
        if self.high_bits >= self.bits:
            raise ValueError(
                f"cells.high takes {self.high_bits} of {self.bits} bits; leave one or more for "
                "the other memory"
            )
        return self

    @model_validator(mode="after")
    def _dense_has_no_density(self) -> StorageFormat:
        if self.format == "dense" and self.density != 1.0:
            raise ValueError(
                f"density {self.density} has no effect on a dense tensor; use format: bitmask"
            )
        return self


class StorageConfig(ConfigModel):
    """Storage by role."""

    embedding: StorageFormat
    backbone: StorageFormat
    task: StorageFormat


class Extent(NamedTuple):
    """A stretch of a stored part.

    Bits of ``data``, ``array`` bits of the cells that hold it, and the ``code_words`` that begin
    in it (0 without protection).
    """

    data: int
    array: int
    code_words: int


# What a part takes that is not there.
NOTHING = Extent(0, 0, 0)


@dataclass(frozen=True)
class Packing:
    """How a part of a tensor lies in a memory on the chip.

    ``unit``: bits of a value, 1 for a mask. ``unit_array``: array bits that it takes, more than
    its own where it leaves a cell partly empty. ``word``: data bits of a code word, 0 without
    protection; ``check_array``: array bits of its check bits; ``decoder_cycles``: what correction
    adds to a transfer. A part begins a new code word, and its last one is short.
    """

    unit: int
    unit_array: int
    word: int = 0
    check_array: int = 0
    decoder_cycles: int = 0

    def between(self, start: int, stop: int) -> Extent:
        """Return the extent of the units start..stop; consecutive ranges add up exactly."""
        units, words = stop - start, self._words(stop) - self._words(start)
        array = units * self.unit_array + words * self.check_array
        return Extent(units * self.unit, array, words)

    def _words(self, units: int) -> int:
        return ceil_div(units * self.unit, self.word) if self.word else 0


def cell_format(how: StorageFormat, bits_per_cell: int) -> CellFormat:
    """Return the cells of values in a memory with so many bits per cell."""
    # Whether there are such cells is for the technology table to say.
    return CellFormat.model_construct(
        bits_per_cell=bits_per_cell,
        coding=how.cells.coding,
        high=[],
        partial_cells=how.cells.partial_cells,
    )


def value_packing(how: StorageFormat, bits_per_cell: int, decoder_cycles: int = 0) -> Packing:
    """Return how values lie in cells, high bits left out: each begins a new cell.

    Raises ConfigError for a partial cell where the format refuses it.
    """
    return _packing(how, how.bits - how.high_bits, bits_per_cell, decoder_cycles)


def high_packing(how: StorageFormat, bits_per_cell: int, decoder_cycles: int = 0) -> Packing:
    """Return how the high bits of values lie in cells of their own."""
    return _packing(how, how.high_bits, bits_per_cell, decoder_cycles)


def _packing(how: StorageFormat, bits: int, bits_per_cell: int, decoder_cycles: int) -> Packing:
    taken = cell_format(how, bits_per_cell).layout(bits).occupied_bits(1).total()
    scheme, word = how.protection.values, how.protection.word
    return _protected(Packing(bits, taken), scheme, word, bits_per_cell, decoder_cycles)


def mask_packing(how: StorageFormat, bits_per_cell: int, decoder_cycles: int = 0) -> Packing:
    """Return how mask bits lie in cells: they fill each cell."""
    scheme, word = how.protection.masks, how.protection.word
    return _protected(Packing(1, 1), scheme, word, bits_per_cell, decoder_cycles)


def _protected(
    plain: Packing, scheme: Scheme, word: int, bits_per_cell: int, decoder_cycles: int
) -> Packing:
    """Return a packing with the check bits of each word in cells of their own."""
    if scheme == "none":
        return plain
    checks = ceil_div(check_bits(word), bits_per_cell) * bits_per_cell
    return replace(plain, word=word, check_array=checks, decoder_cycles=decoder_cycles)


@dataclass(frozen=True, order=True)
class MeasuredTensor:
    """What was counted in the real values of a parameter: its ``nonzeros``."""

    nonzeros: int


Measured = Mapping[str, Mapping[str, MeasuredTensor]]
"""What was counted in real weights, by task and parameter."""


@dataclass(frozen=True)
class StoredTensor:
    """A parameter with its storage and home.

    ``values`` and ``masks`` name the memories of the two parts, ``high`` that of the values'
    leading bits if they lie apart; ``density`` is exact, so that the parts of a tensor add up to
    the tensor to the bit. Without packings a part is data alone, as
    in DRAM and in unprotected cells of one bit.
    """

    parameter: Parameter
    bits: int
    density: Fraction
    masked: bool
    values: str
    masks: str
    value_packing: Packing | None = None
    mask_packing: Packing | None = None
    high: str | None = None
    high_packing: Packing | None = None

    @property
    def value_bits(self) -> int:
        """Bits of the stored values, check bits left out."""
        return self.value_bits_between(0, self.parameter.elements)

    @property
    def mask_bits(self) -> int:
        """Bits of the mask, check bits left out; zero for a dense tensor."""
        return self.masks_between(0, self.parameter.elements).data

    def nonzeros_between(self, start: int, stop: int) -> int:
        """Stored values among the elements start..stop, non-zeros spread evenly.

        Consecutive ranges add up exactly.
        """
        return self._stored_before(stop) - self._stored_before(start)

    def _stored_before(self, place: int) -> int:
        return ceil_div(place * self.density.numerator, self.density.denominator)

    def value_bits_between(self, start: int, stop: int) -> int:
        """Bits of the stored values among the elements start..stop, check bits left out."""
        return self.nonzeros_between(start, stop) * self.bits

    def high_between(self, start: int, stop: int) -> Extent:
        """Return what the high bits of the elements start..stop take: nothing if not apart."""
        if self.high_packing is None:
            return NOTHING
        return self.high_packing.between(self._stored_before(start), self._stored_before(stop))

    def values_between(self, start: int, stop: int) -> Extent:
        """Return what the stored values of the elements start..stop take, high bits left out."""
        packing = self.value_packing or Packing(self.bits, self.bits)
        return packing.between(self._stored_before(start), self._stored_before(stop))

    def masks_between(self, start: int, stop: int) -> Extent:
        """Return what the mask of the elements start..stop takes: nothing for a dense tensor."""
        packing = self.mask_packing or Packing(1, 1)
        return packing.between(start, stop) if self.masked else NOTHING

    @property
    def parts(self) -> tuple[tuple[str, Packing | None, Extent], ...]:
        """Memory, packing and whole extent of values, mask and high bits, where there are any."""
        whole = self.parameter.elements
        values = (self.values, self.value_packing, self.values_between(0, whole))
        masks = (self.masks, self.mask_packing, self.masks_between(0, whole))
        high = (self.high or "", self.high_packing, self.high_between(0, whole))
        return (values, *([masks] if self.masked else []), *([high] if self.high else []))


def store(
    parameter: Parameter,
    how: StorageFormat,
    values: str,
    masks: str,
    *,
    packings: tuple[Packing | None, Packing | None] = (None, None),
    high: tuple[str | None, Packing | None] = (None, None),
    measured: MeasuredTensor | None = None,
) -> StoredTensor:
    """Return the stored form of a parameter in the given homes.

    ``packings`` are those of values and masks, ``high`` home and packing of high bits.
    ``measured`` takes the place of the stated density of a masked tensor. Raises ConfigError for
    more non-zeros than elements.
    """
    masked = how.format == "bitmask" and len(parameter.shape) > 1
    density = Fraction(str(how.density)) if masked else Fraction(1)
    if masked and measured:
        density = _measured_density(parameter, measured)
    return StoredTensor(parameter, how.bits, density, masked, values, masks, *packings, *high)


def _measured_density(parameter: Parameter, measured: MeasuredTensor) -> Fraction:
    if not 0 <= measured.nonzeros <= parameter.elements:
        raise ConfigError(
            f"{parameter.name}: {measured.nonzeros} non-zeros were measured, expected 0 to its "
            f"{parameter.elements} elements; measure the tensors of this model"
        )
    return Fraction(measured.nonzeros, parameter.elements)
