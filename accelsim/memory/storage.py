"""How a parameter tensor is stored: quantised, dense or bit-mask encoded; exact sizes in bits.

A bit-mask tensor keeps its non-zero values and one mask bit an element, in two parts that may
lie in different memories. Vectors (biases, layer norms) are always stored dense: pruning them
saves nothing and their mask would cost an eighth more.

On the chip each part takes up array bits: those of its cells, check bits included. In DRAM a part
is data alone; check bits are made when it is written into a memory of the chip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.validation import ConfigModel
from accelsim.memory.cells import CellChoice, cut
from accelsim.memory.protection import Code, ProtectionConfig
from accelsim.model.tensors import Parameter
from accelsim.units import ceil_div


class Groups(ConfigModel):
    """Elements of a matrix, ``size`` of them side by side, that have a scale in common.

    ``bits`` are those of a scale, with a zero point if there is one, behind the group's values:
    ``{size: 32, bits: 16}`` and values of 4 bits are 4.5 bits an element (Q4_0 of llama.cpp). A
    part of a tensor has the scales of the groups that begin in it. They are applied on the way to
    the array, at no cost.
    """

    size: Annotated[int, Field(ge=1, le=1_000_000)]
    bits: Annotated[int, Field(ge=1, le=64)] = 16

    def between(self, start: int, stop: int) -> int:
        """Return how many groups begin among the elements start..stop."""
        return ceil_div(stop, self.size) - ceil_div(start, self.size)


class StorageFormat(ConfigModel):
    """Storage of the matrices of one role.

    ``density`` is the share of non-zero elements; a dense tensor stores every element whatever
    its density, and may have a scale for each of its ``groups``. ``cells`` and ``protection`` hold
    for vectors too, and on the chip only.
    """

    format: Literal["dense", "bitmask"]
    bits: Annotated[int, Field(ge=1, le=32)]
    density: Annotated[float, Field(gt=0, le=1)] = 1.0
    groups: Groups | None = None
    cells: CellChoice = CellChoice()
    protection: ProtectionConfig = ProtectionConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.cells.high_bits >= self.bits:
            wrong = f"cells.high takes {self.cells.high_bits} of {self.bits} bits"
            raise ValueError(f"{wrong}; leave one or more for the other memory")
        if self.format == "dense" and self.density != 1.0:
            raise ValueError(
                f"density {self.density} has no effect on a dense tensor; use format: bitmask"
            )
        if self.groups and (self.format != "dense" or self.cells.high_bits):
            wrong = "groups of values with a scale are known of dense tensors in cells of one kind"
            raise ValueError(f"{wrong}; use format: dense, and leave cells.high out")
        return self


class CacheFormat(ConfigModel):
    """Keys and values that a decoder keeps; other widths are converted on their way for free."""

    bits: Annotated[int, Field(ge=1, le=32)] = 8


class StorageConfig(ConfigModel):
    """Storage by role, and of what a decoder keeps."""

    embedding: StorageFormat
    backbone: StorageFormat
    task: StorageFormat
    cache: CacheFormat = CacheFormat()


class Extent(NamedTuple):
    """A stretch of a stored part.

    Bits of ``data``, ``array`` bits of the cells that hold it, and the ``code_words`` that begin
    in it (0 without protection).
    """

    data: int
    array: int
    code_words: int


@dataclass(frozen=True)
class Packing:
    """How a part of a tensor lies in a memory on the chip.

    ``unit``: bits of a value, 1 for a mask. ``unit_array``: array bits that it takes, more than
    its own where it leaves a cell partly empty. ``code`` of its words, None without
    protection; ``check_array``: array bits of its check bits; ``decoder_cycles``: what correction
    adds to a transfer. A part begins a new code word, and its last one is short; so it is with
    ``groups``, whose scales lie before their values, unprotected, in ``scale_array`` array bits.
    """

    unit: int
    unit_array: int
    code: Code | None = None
    check_array: int = 0
    decoder_cycles: int = 0
    groups: Groups | None = None
    scale_array: int = 0

    def between(self, start: int, stop: int) -> Extent:
        """Return the extent of the units start..stop; consecutive ranges add up exactly."""
        units, words = stop - start, self._words(stop) - self._words(start)
        array = units * self.unit_array + words * self.check_array
        scales = self.groups.between(start, stop) if self.groups else 0
        data = units * self.unit + scales * (self.groups.bits if self.groups else 0)
        return Extent(data, array + scales * self.scale_array, words)

    def _words(self, units: int) -> int:
        return ceil_div(units * self.unit, self.code.word) if self.code else 0


PartName = Literal["values", "masks", "high"]


@dataclass(frozen=True)
class Home:
    """Where a part of a tensor lies, and how: the values, their high bits apart, or the masks."""

    part: PartName
    memory: str
    packing: Packing


def packing(
    how: StorageFormat, part: PartName, bits_per_cell: int | None, decoder_cycles: int = 0
) -> Packing:
    """Return how a part lies in cells: each value begins a new one, mask bits fill each.

    Without ``bits_per_cell``, in DRAM, it is data alone. Check bits lie in cells of their own.
    Raises ConfigError for a partial cell where the format refuses it.
    """
    high = how.cells.high_bits
    unit = {"values": how.bits - high, "masks": 1, "high": high}[part]
    kind, taken = bits_per_cell or 1, unit
    if part != "masks":
        taken = kind * len(cut(unit, kind, how.cells.partial_cells))
    scale = ceil_div(how.groups.bits, kind) * kind if how.groups else 0
    plain = Packing(unit, taken, groups=how.groups, scale_array=scale)
    scheme = how.protection.masks if part == "masks" else how.protection.values
    code = how.protection.code(scheme)
    if bits_per_cell is None or code is None:
        return plain
    checks = ceil_div(code.check_bits, kind) * kind
    return replace(plain, code=code, check_array=checks, decoder_cycles=decoder_cycles)


Measured = Mapping[str, Mapping[str, int]]
"""Non-zeros that were counted in real weights, by task and parameter."""


@dataclass(frozen=True)
class StoredTensor:
    """A parameter in its homes; ``density`` is exact, so that parts add up to the bit."""

    parameter: Parameter
    bits: int
    density: Fraction
    homes: tuple[Home, ...]

    @property
    def masked(self) -> bool:
        """Whether it has a mask and stores non-zeros alone."""
        return any(home.part == "masks" for home in self.homes)

    @property
    def memories(self) -> tuple[str, ...]:
        """The memories of its parts."""
        return tuple(home.memory for home in self.homes)

    @property
    def value_bits(self) -> int:
        """Bits of the stored values, check bits left out."""
        return self.value_bits_between(0, self.parameter.elements)

    @property
    def mask_bits(self) -> int:
        """Bits of the mask, check bits left out; zero for a dense tensor."""
        return self.parameter.elements if self.masked else 0

    def nonzeros_between(self, start: int, stop: int) -> int:
        """Stored values among the elements start..stop, spread evenly; ranges add up exactly."""
        return self._stored_before(stop) - self._stored_before(start)

    def _stored_before(self, place: int) -> int:
        return ceil_div(place * self.density.numerator, self.density.denominator)

    def value_bits_between(self, start: int, stop: int) -> int:
        """Bits of the values among the elements start..stop and their scales, no check bits."""
        groups = self.homes[0].packing.groups if self.homes else None
        scales = groups.bits * groups.between(start, stop) if groups else 0
        return self.nonzeros_between(start, stop) * self.bits + scales

    def parts_between(self, start: int, stop: int) -> tuple[tuple[Home, Extent], ...]:
        """Return what each part takes of the elements start..stop: values, masks, high bits."""
        values = (self._stored_before(start), self._stored_before(stop))
        return tuple(
            (home, home.packing.between(*((start, stop) if home.part == "masks" else values)))
            for home in self.homes
        )

    @property
    def parts(self) -> tuple[tuple[Home, Extent], ...]:
        """What each part takes as a whole."""
        return self.parts_between(0, self.parameter.elements)


def store(
    parameter: Parameter, how: StorageFormat, homes: Iterable[Home], measured: int | None = None
) -> StoredTensor:
    """Return the stored form of a parameter in the homes of a matrix.

    ``measured`` non-zeros take the place of the stated density of a masked tensor. Raises
    ConfigError for more non-zeros than elements.
    """
    if how.format == "dense" or len(parameter.shape) == 1:
        dense = tuple(home for home in homes if home.part != "masks")
        if len(parameter.shape) == 1:
            plain = (replace(home.packing, groups=None, scale_array=0) for home in dense)
            dense = tuple(replace(h, packing=p) for h, p in zip(dense, plain, strict=True))
        return StoredTensor(parameter, how.bits, Fraction(1), dense)
    density = Fraction(str(how.density))
    if measured is not None:
        density = Fraction(measured, parameter.elements)
    if not 0 <= density <= 1:
        raise ConfigError(
            f"{parameter.name}: {measured} non-zeros were measured, expected 0 to its "
            f"{parameter.elements} elements; measure the tensors of this model"
        )
    return StoredTensor(parameter, how.bits, density, tuple(homes))
