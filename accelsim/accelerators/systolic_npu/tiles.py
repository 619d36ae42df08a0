"""Tiles of a product in the scratchpad and the accumulator: operands, extents and uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from accelsim.accelerators.systolic_npu.parts import ACCUMULATOR, PE_ARRAY, SCRATCHPAD
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.components.systolic_array import SystolicArrayConfig
from accelsim.machine.off_chip import OffChip
from accelsim.machine.timing.systolic import OPERAND_BYTES, SUM_BYTES
from accelsim.mapping.accesses import mac_uses
from accelsim.mapping.emitter import Operand
from accelsim.mapping.values import Rows, Value, split_rows
from accelsim.model.operators import Operator, Reach
from accelsim.program import Product, Range, Use, Vectors
from accelsim.units import ceil_div


@dataclass
class Source(Operand):
    """Where the tiles of an operand come from: rows of a value, or columns of weights.

    Weights lie in the order in which tiles ask for them; ``element`` is the next one. Nothing needs
    the values ``ending`` once the operand has come in.
    """

    value: Value | None = None
    weights: Operator | None = None
    span: Rows = (0, 0)
    element: int = 0
    ending: list[Value] = field(default_factory=list)


@dataclass(frozen=True)
class Panel:
    """What lies in the scratchpad: so many rows of A or columns of W, and its bytes."""

    extent: int
    size: int
    loaded_by: int


def across_tiles(asked: Product, tile: Product) -> Iterator[tuple[int, Rows]]:
    """Yield how many groups, and which columns of all, each tile of some rows has."""
    for first, last in split_rows(asked.groups, tile.groups):
        groups, start = last - first, first * asked.columns
        wide = asked.columns if groups > 1 else tile.columns
        for one, two in split_rows(groups * asked.columns, groups * wide):
            yield groups, (start + one, start + two)


def sums(rows: Rows, columns: Rows) -> list[tuple[str, int]]:
    """Return the room that the sums of some rows and columns take."""
    return [(ACCUMULATOR, SUM_BYTES * (rows[1] - rows[0]) * (columns[1] - columns[0]))]


def product_uses(array: SystolicArrayConfig, asked: Product, *, added: bool) -> list[Use]:
    """Return the uses of a product; where it is ``added`` to sums, they are read again.

    The ports are as wide as the array's edges: it never waits for them.
    """
    weights, inputs, sums = array.timing_model.passes(asked)
    read = asked.depth * (
        weights * asked.groups * asked.columns + inputs * asked.groups * asked.rows
    )
    once = SUM_BYTES * asked.rows * asked.groups * asked.columns
    return [
        *mac_uses(array, PE_ARRAY, asked),
        Use(SCRATCHPAD, "read", Vectors(OPERAND_BYTES * read, 1)),
        Use(ACCUMULATOR, "read", Vectors(once * (sums if added else sums - 1), 1)),
        Use(ACCUMULATOR, "write", Vectors(once * sums, 1)),
    ]


def parameters_read(operator: Operator, rows: int, columns: int) -> int:
    """Return the parameters that a function of rows x columns reads; elements read their own."""
    whole = rows * operator.kind.row_parameters(operator)
    if operator.kind.reach is Reach.ELEMENT and columns < operator.columns:
        return ceil_div(whole * columns, operator.columns)
    return whole


def in_rows(dram: OffChip | None, uses: Iterable[Use], rows: int) -> list[Use]:
    """Return uses with what they ask of DRAM in so many rows."""
    return [
        Use(DRAM, use.action, dram.in_rows(use.expect(Range), rows))
        if dram and use.block == DRAM
        else use
        for use in uses
    ]
