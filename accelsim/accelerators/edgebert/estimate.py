"""Closed-form estimates by which the mapping compares block sizes; the engine has the last word."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.accelerators.edgebert.parts import Parts
from accelsim.machine.components.vector_mac_array import panel_cycles
from accelsim.memory.storage import StoredTensor
from accelsim.model.operators import Operator
from accelsim.units import ceil_div


def pass_cycles(parts: Parts, operator: Operator, stored: Sequence[StoredTensor], rows: int) -> int:
    """Return the cycles of one pass of all weights of a matmul over some rows of its operand.

    With double buffering the slower of computing and loading counts, otherwise both do.
    """
    compute = panel_cycles(parts.pe_array, rows, operator.columns, operator.depth)
    load = ceil_div(sum(tensor.value_bits for tensor in stored), parts.bus.width)
    if stored[0].masked:
        vectors = operator.columns * ceil_div(operator.depth, parts.pe_array.vector_size)
        load += ceil_div(vectors, parts.bus.masks_per_cycle)
    return max(compute, load) if parts.overlap.double_buffering else compute + load


def exposed_norm_cycles(parts: Parts, norm: Operator, block: int) -> int:
    """Return the cycles of a layer norm that no product hides: those of the last block.

    Nothing hides them when special functions do not overlap with products.
    """
    last = norm.rows % block or block
    rows = last if parts.overlap.special_functions else norm.rows
    vectors = ceil_div(norm.columns, parts.pe_array.vector_size)
    return parts.sfu.command_cycles(norm.kind.name, rows, vectors)
