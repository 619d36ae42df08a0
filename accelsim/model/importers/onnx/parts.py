"""What nodes of ONNX make, before it is known which operator that is.

An operator gives a matrix of rows and columns. A ``Value`` is a view of it in the shape that ONNX
has: what a Reshape, Transpose or Slice does is done to an array of as many bytes, of which
NumPy keeps strides and offset, so that it is seen whether data would have to move. What is made is
placed when the first other operator reads it: until then a product takes in its bias and scales,
and functions of one input grow. Which function they are is told by what they make of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.model.importers.onnx.values import Constant, UnsupportedError, rows_of, times
from accelsim.model.operators import OperatorKind, Window

if TYPE_CHECKING:
    from accelsim.model.importers.onnx.placer import Placer

PADDED = "zeros around a picture that no convolution reads"


class Made:
    """A matrix of ``rows`` x ``width`` that ``placing`` makes an operator of, when it is asked to.

    ``placing`` returns the operator's name, None for an input of the graph. ``signed`` says that
    nothing keeps it from being below zero; ``rounding`` is what an integer format does to it;
    ``unfinished`` is why it is no operator until others follow, ``root`` what a function is one of.
    """

    unfinished = ""
    signed = False
    rounding: Callable[[Any], Any] | None = None
    _probe: Any = None

    def __init__(
        self, rows: int, width: int, placing: Callable[[Placer], str | None] | None = None
    ) -> None:
        self.rows, self.width = rows, width
        self.base = np.empty((rows, width), np.int8)  # never touched: a place in memory alone
        self.placing, self.is_placed, self.name = placing, False, ""
        self.root: Made = self
        self._headed: dict[int, Headed] = {}
        self.moved: dict[Any, Any] = {}  # copies of what was seen of it

    def headed(self, width: int) -> Headed:
        """Return the matrix of which each head of so many columns is a row."""
        return self._headed.setdefault(width, Headed(self, width))

    @property
    def probe(self) -> Any:
        """Samples of the root, or what a function makes of them."""
        return samples(self.width) if self._probe is None else self._probe

    @property
    def numbered(self) -> Any:
        """The number of each element."""
        return np.arange(self.base.size).reshape(self.base.shape)

    def place(self, placer: Placer) -> str | None:
        """Return the name of the operator, which is placed if it is not yet."""
        if not self.is_placed:
            self.name, self.is_placed = self.made(placer) or "", True
            placer.note_rounding(self.name, self.rounding)
        return self.name or None

    def made(self, placer: Placer) -> str | None:
        """Place the operator. Raises UnsupportedError for what is none yet."""
        if self.placing is None:
            raise UnsupportedError(self.unfinished)
        return self.placing(placer)

    def norm(self, placer: Placer) -> tuple[OperatorKind, str, Made] | None:
        """Return the norm that a function is, without scale and shift, and of what."""
        return None

    def view(self, like: Value | None = None) -> Value:
        """Return the whole of it, as it stands or as another value is seen."""
        if like is None:
            return Value(self, self.base)
        return Value(self, _strided(self.base, like.seen.shape, like.seen.strides))


@dataclass(frozen=True, eq=False)
class Value:
    """What is ``seen`` of a matrix; ``order`` is the view of which a flat row was made.

    ``statistic`` says that it is one number a row; ``padding`` are zeros before and behind the
    elements of each axis, that the next window reads. Each element of an axis is ``repeated`` so
    often: (axis, times). ``rounding`` is what a product does to it that reads it as integers.
    """

    made: Made
    seen: Any
    order: Any = None
    statistic: bool = False
    padding: tuple[tuple[int, int], ...] = ()
    repeated: tuple[int, int] = (0, 1)
    rounding: Callable[[Any], Any] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that ONNX has."""
        axis, times = self.repeated
        return tuple(n * times if at == axis else n for at, n in enumerate(self.seen.shape))

    @property
    def offset(self) -> int:
        """Where it begins in the matrix."""
        place: int = self.seen.__array_interface__["data"][0]
        begin: int = self.made.base.__array_interface__["data"][0]
        return place - begin

    @property
    def whole(self) -> bool:
        """Whether it is all of the matrix, in any order."""
        return self.order is None and self.seen.size == self.made.base.size

    @property
    def row_axis(self) -> int | None:
        """The axis along a row, None if no axis is."""
        width = self.made.width
        for axis, (size, stride) in enumerate(zip(self.shape, self.seen.strides, strict=True)):
            if size == width and (stride == 1 or width == 1):
                found = axis
                if width > 1:
                    return axis
        return found if width == 1 and self.shape else None

    def with_view(self, seen: Any) -> Value:
        """Return another view of the same matrix; a copy is a flat row, or refused."""
        self.check_plain()
        if self.order is not None or not seen.size:
            raise UnsupportedError("it takes a flattened picture apart")
        if np.shares_memory(seen, self.made.base):
            return Value(self.made, seen)
        if max(seen.shape) != seen.size or not self.whole:
            raise UnsupportedError("it moves data to another order, for which there is no operator")
        return Value(self.made, seen, self.seen)

    def check_plain(self) -> None:
        """Raise UnsupportedError where more is seen than the matrix has."""
        if self.padding:
            raise UnsupportedError(PADDED)
        if self.repeated[1] > 1:
            raise UnsupportedError("it repeats an activation")

    def alike(self, other: Value) -> bool:
        """Say whether two whole matrices are seen alike, axes of one element aside."""
        return _plain(self.seen) == _plain(other.seen)


def _plain(seen: Any) -> list[tuple[int, int]]:
    return [each for each in zip(seen.shape, seen.strides, strict=True) if each[0] > 1]


def look_up(table: Constant, numbers: Constant) -> Value:
    """Return the rows of a table that numbers from outside the graph, or of the file, choose."""
    made = Look(table, numbers)
    return Value(made, made.base.reshape(*numbers.shape, made.width))


def _strided(base: Any, shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> Any:
    flat = base.reshape(-1)[offset:]
    unit = base.itemsize
    return np.lib.stride_tricks.as_strided(flat, shape, [stride * unit for stride in strides])


def settled(value: Value, *, first: bool = False) -> Value:
    """Return a value that is a whole matrix: some columns of a product are one of their own.

    Raises UnsupportedError for other parts; those of rows may remain for what takes ``first`` ones.
    """
    made, seen = value.made, value.seen
    value.check_plain()
    if value.statistic or value.whole or value.order is not None:
        return value
    if isinstance(made, Product) and seen.size and not seen.size % made.rows:
        part = _part(value, made)
        if part:
            return part
    if first:
        return value
    raise UnsupportedError("it reads a part of what another operator makes")


def _part(value: Value, made: Product) -> Value | None:
    """Return what is seen of some columns as a product of its own, None for a part of the rows."""
    places = gathered(value, made.numbered)
    rows, columns = places // made.width, places % made.width
    chosen = np.unique(columns)
    moved = rows * len(chosen) + np.searchsorted(chosen, columns)
    if value.seen.size != made.rows * len(chosen):
        return None
    corner = (0,) * moved.ndim
    steps = [
        int(np.moveaxis(moved, axis, 0)[(1, *corner[1:])]) - int(moved[corner]) if size > 1 else 0
        for axis, size in enumerate(moved.shape)
    ]
    part = made.part(chosen.tolist())
    seen = _strided(part.base, moved.shape, steps) if not moved[corner] else None
    same = seen is not None and (gathered(Value(part, seen), part.numbered) == moved).all()
    return Value(part, seen) if same else None


def matrix_of(value: Value, array: Any) -> Any:
    """Return the matrix of which a value sees an array."""
    matrix = np.empty((value.made.rows, value.made.width), array.dtype)
    _strided(matrix, value.seen.shape, value.seen.strides)[...] = array
    return matrix


def gathered(value: Value, matrix: Any) -> Any:
    """Return what a value sees of a matrix of numbers."""
    order = value.seen if value.order is None else value.order
    start = 0 if value.order is not None else value.offset
    return _strided(matrix, order.shape, order.strides, start).reshape(value.shape)


class Input(Made):
    """An input of activations, with the ``array`` that a forward pass gives."""

    array: Any = None

    def made(self, placer: Placer) -> str | None:
        """No operator makes it."""
        return None


class Headed(Made):
    """The heads of another matrix's rows, one below the other: where norms are of heads."""

    def __init__(self, inner: Made, width: int) -> None:
        super().__init__(inner.rows * inner.width // width, width)
        self.inner, self.base = inner, inner.base.reshape(self.rows, width)

    def made(self, placer: Placer) -> str | None:
        """Place the matrix: its rows lie in memory as before."""
        return self.inner.place(placer)


class Look(Made):
    """Rows of a table that numbers choose."""

    def __init__(self, table: Constant, numbers: Constant) -> None:
        super().__init__(numbers.elements, table.shape[1])
        self.table, self.numbers = table, numbers

    def made(self, placer: Placer) -> str | None:
        """Place the look-up."""
        return placer.look_up(self.table, self.numbers.value)

    def scaled(self, scale: float, readers: Mapping[str, int]) -> Look | None:
        """Return rows times a scale; None where something else reads the table."""
        alone = readers.get(self.table.name, 1) == 1
        return Look(times(self.table, scale), self.numbers) if alone else None


@dataclass(eq=False)
class Product(Made):
    """A product with a ``weight`` of (outputs, depth) and a bias or none; with a ``window``, a
    convolution.

    Of an ``integer`` product the scales follow.
    """

    signed = True

    source: Value
    weight: Constant
    bias: Constant | None
    rows: int
    window: Window | None = None
    groups: int = 1
    form: str = ""
    integer: bool = False

    def __post_init__(self) -> None:
        super().__init__(self.rows, self.weight.shape[0])
        self._parts: dict[tuple[int, ...], Product] = {}

    def scaled(self, scale: Constant | float, readers: Any = None) -> Product:
        """Return the product of weights and bias times scales, of the tensor or of each output."""
        bias = self.bias and times(self.bias, scale)
        return replace(self, weight=times(self.weight, scale), bias=bias, integer=False)

    def biased(self, bias: Constant) -> Product:
        """Return the product with a bias."""
        return replace(self, bias=bias, integer=False)

    def part(self, columns: Sequence[int]) -> Product:
        """Return the product of some outputs alone."""
        chosen = tuple(columns)
        if chosen not in self._parts:
            parts = [each and rows_of(each, chosen) for each in (self.weight, self.bias)]
            assert parts[0]
            self._parts[chosen] = replace(self, weight=parts[0], bias=parts[1])
            self._parts[chosen].rounding = self.rounding
        return self._parts[chosen]

    def made(self, placer: Placer) -> str | None:
        """Place the product."""
        return placer.product(self)


class Masked(Made):
    """Rows of which only those count that a mask from outside says; ``summed`` over all rows."""

    unfinished = "it multiplies rows by a mask, but no mean over them follows"

    def __init__(self, inner: Made, mask: Constant, *, summed: bool = False) -> None:
        super().__init__(1 if summed else inner.rows, inner.width)
        self.inner, self.mask, self.summed = inner, mask, summed


class Affine(Made):
    """Columns that are scaled and shifted: a norm if what comes before is one."""

    signed = True

    def __init__(self, inner: Made, scale: Constant | None, shift: Constant | None) -> None:
        super().__init__(inner.rows, inner.width)
        self.inner, self.scale, self.shift = inner, scale, shift
        self._rows: Made | None = None

    def whole(self, inner: Made) -> Made:
        """Return the matrix of whole rows that a norm of their heads makes."""
        if self._rows is None:
            self._rows = Made(inner.rows, inner.width, self.place)
        return self._rows

    def made(self, placer: Placer) -> str | None:
        """Place the norm, or the scale and shift."""
        return placer.affine(self)


def joined(value: Any) -> Any:
    """Return a norm of heads as whole rows; anything else as it is."""
    made = value.made if isinstance(value, Value) else None
    if not isinstance(made, Affine) or not isinstance(made.inner.root, Headed):
        return value
    whole, seen = made.whole(made.inner.root.inner), value.seen
    return replace(
        value, made=whole, seen=_strided(whole.base, seen.shape, seen.strides, value.offset)
    )


@lru_cache(maxsize=64)
def samples(width: int) -> Any:
    """Return rows of numbers, of which some are so small that an epsilon is seen."""
    rows = max(6, -(-256 // width))
    numbers = np.random.default_rng(7).uniform(-7, 7, (rows, width)).astype(np.float32)
    sizes = np.array([1, 1, 1e-2, 1e-4, 1e-6, 1], np.float32)
    numbers *= sizes[np.arange(rows) % 6, None]
    return numbers
