"""Systolic arrays of R x C processing elements: the cycles of a product, and how it is tiled.

A product is C[rows x columns] = A[rows x depth] W[columns x depth]^T. A *fold* is the part of it
that the array holds at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import ConfigError
from accelsim.program import Product
from accelsim.units import ceil_div

Dataflow = Literal["weight_stationary", "output_stationary", "input_stationary"]

Counts = TypeVar("Counts", int, NDArray[np.int64])

# INT8 operands, INT32 sums; ONNXim, src/Mapping.cc, and Gemmini's default configuration.
OPERAND_BYTES = 1
SUM_BYTES = 4


@dataclass(frozen=True)
class SystolicTiming:
    """An array of ``rows`` R by ``columns`` C elements.

    A fold has three parts. *Load* (weight and input stationary): R cycles, the stationary operand
    is shifted in from the top, a row a cycle; output stationary has nothing to load. *Stream*: one
    cycle for each step of what is not stationary. *Fill and drain*: row r receives its operand r
    cycles late (skew) and column c another c hops later, so the last element works R - 1 + C - 1
    cycles after the stream has ended at the first. Results leave as they become final: stationary
    operands pass their sums down the columns within those cycles, and in the output-stationary
    array no two elements of a column finish in the same cycle, so that a bus for each column takes
    them away. A partial fold pays for the whole array.

    *Serial* folds follow one another:

        cycles = folds x (load + stream + R + C - 2)

    Source: the demand matrices of SCALE-Sim 3.0.0, scalesim/compute/systolic_compute_*.py.

    *Overlapped* folds have a second set of registers for what is stationary next, which moves in
    within R cycles behind the present stream, of which a fold takes blocks of R; sums of the
    output-stationary array leave by a bus for each column as they become final, as in serial folds.
    Only what nothing hides is exposed: the ``fill`` of an idle array, R cycles from the scratchpad
    and R - 1 down the array, and the ``drain`` of the last fold:

        cycles = folds x stream rounded up to R

    Source: ONNXim, src/SystolicWS.cc, for the square weight-stationary array. That the other two
    dataflows take it too, and any array that is not square, is [ours]. An array that runs freely
    takes the greater of stream and R instead, so that a stream of R + 1 is charged nearly twice its
    time, one of n R + 1 up to (n + 1)/n of it. Without such a bus, sums that pass down the array
    take up to R cycles more, once before the array is idle.
    """

    dataflow: Dataflow
    rows: int
    columns: int
    overlapped: bool

    def cycles(self, product: Product) -> int:
        """Return the cycles that a product occupies the array.

        Of serial folds this is the index of the last cycle, counted from zero: what SCALE-Sim
        reports as "Total Cycles" in its stall-free (CALC) mode.
        """
        down, across, streamed = self._assign(product.rows, product.columns, product.depth)
        folds = ceil_div(down, self.rows) * ceil_div(across, self.columns)
        if self.overlapped:
            return product.groups * folds * ceil_div(streamed, self.rows) * self.rows
        serial = folds * (self._load + streamed + self.rows + self.columns - 2) - 1
        return product.groups * serial

    def tiled_cycles(self, product: Product, parts: Counts) -> Counts:
        """Return the cycles of a product of which what streams is cut into so many parts.

        Serial folds load and drain for each.
        """
        if self.overlapped:
            return self.cycles(product) + 0 * parts
        down, across, streamed = self._assign(product.rows, product.columns, product.depth)
        folds = ceil_div(down, self.rows) * ceil_div(across, self.columns)
        waits = self._load + self.rows + self.columns - 2
        return product.groups * folds * (streamed + parts * waits)

    @property
    def streams(self) -> Literal["rows", "depth", "columns"]:
        """What of a product streams through the array."""
        found: dict[Dataflow, Literal["rows", "depth", "columns"]] = {
            "weight_stationary": "rows",
            "output_stationary": "depth",
            "input_stationary": "columns",
        }
        return found[self.dataflow]

    def slots(self, product: Product) -> int:
        """Return the multiplications of all elements while a product streams, bubbles left out."""
        down, across, streamed = self._assign(product.rows, product.columns, product.depth)
        folds = ceil_div(down, self.rows) * ceil_div(across, self.columns)
        return product.groups * folds * self.rows * self.columns * streamed

    @property
    def fill(self) -> int:
        """Cycles before an idle array computes, which hide behind an earlier product."""
        return self._load + self.rows - 1 if self.overlapped and self._load else 0

    @property
    def drain(self) -> int:
        """Cycles from the last stream to the last result, which a later product hides."""
        return self.rows + self.columns - 2 if self.overlapped else 0

    def passes(self, product: Product) -> tuple[int, int, int]:
        """Return how often each weight and activation is read, and each sum is written.

        The stationary operand is read once; what streams is read again for each fold beside it.
        Sums are added to for each fold along the depth, but where they are stationary.
        """
        down, across = self.rows, self.columns
        if self.dataflow == "weight_stationary":
            return 1, ceil_div(product.columns, across), ceil_div(product.depth, down)
        if self.dataflow == "input_stationary":
            return ceil_div(product.rows, across), 1, ceil_div(product.depth, down)
        return ceil_div(product.rows, down), ceil_div(product.columns, across), 1

    @property
    def block(self) -> tuple[int, int, int]:
        """Rows, columns and depth of a panel: a fold, and R of what it streams."""
        across = self.columns
        if self.dataflow == "input_stationary":
            return across, self.rows, self.rows
        return self.rows, across, self.rows

    @property
    def _load(self) -> int:
        return 0 if self.dataflow == "output_stationary" else self.rows

    def _assign(self, rows: int, columns: int, depth: int) -> tuple[int, int, int]:
        """Return what lies over the array rows, over its columns, and what is streamed."""
        if self.dataflow == "weight_stationary":
            return depth, columns, rows
        if self.dataflow == "output_stationary":
            return rows, columns, depth
        return depth, rows, columns


def tile_extents(
    array: SystolicTiming, scratchpad: int, accumulator: int, product: Product
) -> Product:
    """Return rows, columns and depth of a full tile by Gemmini's rule (``largest_tile``)."""
    return tile_within(array, largest_tile(array, scratchpad, accumulator), product)


def largest_tile(array: SystolicTiming, scratchpad: int, accumulator: int) -> Product:
    """Return the most rows, columns and depth of a tile by Gemmini's rule, multiples of a block.

    Rows and columns alike are the most whose sums fit half the accumulator [bytes]; the depth the
    largest for which A and W fit a quarter of the scratchpad [bytes] each (halved for double
    buffering, then for the two operands). Raises ConfigError when not even one block fits.
    Source: ONNXim, src/Mapping.cc (gemm_mapping), for square arrays.
    """
    rows, columns, depth = array.block
    operands, sums = 4 * OPERAND_BYTES * depth, 2 * SUM_BYTES
    _require(array, "accumulator", accumulator, sums * rows * columns)
    _require(array, "scratchpad", scratchpad, operands * max(rows, columns))
    edge, most = math.isqrt(accumulator // sums), accumulator // (sums * rows * columns)
    # Fewer sums at a time may leave room for a block of depth.
    down = min(max(1, edge // rows), most, scratchpad // (operands * rows))
    across = min(max(1, edge // columns), most, scratchpad // (operands * columns))
    deep = scratchpad // (operands * max(down * rows, across * columns))
    return Product(down * rows, across * columns, deep * depth)


def tiles_that_fit(
    array: SystolicTiming, scratchpad: int, accumulator: int, product: Product
) -> list[Product]:
    """Return the most rows, columns and depth of tiles worth comparing for products of a size.

    Each is 1, 2, 4, 8 ... blocks, up to all that the product has. Two tiles fit the
    scratchpad, and the sums of two the accumulator [bytes], so larger ones take all that smaller
    ones take, and more.
    """
    sizes = (product.rows, product.columns, product.depth)
    down, across, deep = map(_steps, sizes, array.block)
    return [
        Product(rows, columns, depth)
        for rows in down
        for columns in across
        if 2 * SUM_BYTES * rows * columns <= accumulator
        for depth in deep
        if 2 * OPERAND_BYTES * (rows + columns) * depth <= scratchpad
    ]


def _steps(total: int, size: int) -> list[int]:
    """Return a block, two, four, eight ... of them, up to the first that hold a total."""
    found = [size]
    while found[-1] < total:
        found.append(2 * found[-1])
    return found


@lru_cache(maxsize=1 << 14)
def tile_within(array: SystolicTiming, most: Product, product: Product) -> Product:
    """Return the extents of a full tile of at most some rows, columns and depth, whole blocks.

    Edge tiles are smaller. Each size is cut into the fewest parts of at most that, and the even
    part is rounded down to a multiple of the block, which can make the parts more. Groups lie side
    by side, as many as fit like that [ours].
    """
    rows, columns, depth = array.block
    groups = min(product.groups, most.columns // product.columns, most.depth // product.depth)
    down = even_part(product.rows, most.rows // rows, rows)
    if groups > 1:
        even = ceil_div(product.groups, ceil_div(product.groups, groups))
        return replace(product, rows=down, groups=even)
    return Product(
        down,
        even_part(product.columns, most.columns // columns, columns),
        even_part(product.depth, most.depth // depth, depth),
    )


def _require(array: SystolicTiming, buffer: str, size: int, needed: int) -> None:
    if size < needed:
        raise ConfigError(
            f"{buffer}: {size} B hold no double-buffered tile of a {array.rows} x {array.columns} "
            f"array, expected at least {needed} B; enlarge {buffer}.capacity or take a smaller "
            "array"
        )


def even_part(total: int, most_blocks: Counts, size: int) -> Counts:
    """Return the extent of an even part of a total, at most so many blocks of the size."""
    blocks = ceil_div(total, size)
    return -(-blocks * size // -(-blocks // most_blocks)) // size * size
