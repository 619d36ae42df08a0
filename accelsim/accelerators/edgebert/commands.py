"""Single commands, as ``accelsim op`` runs them; operands lie in the operand buffers."""

from __future__ import annotations

from fractions import Fraction

from accelsim.accelerators.base import alone
from accelsim.accelerators.edgebert.parts import (
    ACTIVATION_BUFFER,
    AUXILIARY,
    BUS,
    CODEC,
    PE_ARRAY,
    SFU,
    WEIGHT_BUFFER,
    Parts,
)
from accelsim.machine.components.vector_mac_array import operand_passes, port_vectors
from accelsim.machine.timing.sfu_timing import routine_of
from accelsim.mapping.accesses import (
    buffer_use,
    encoded_use,
    mac_uses,
    operand_use,
    padded_to,
)
from accelsim.program import Elements, Product, Segment, Transfer, Use, Vectors
from accelsim.units import ceil_div


def product(parts: Parts, asked: Product, density: float, activation_density: float) -> Segment:
    """Return a product of operands that are bit-mask encoded; the buffers may be too small.

    Sparsity saves bytes, not cycles.
    """
    size, array = parts.pe_array.vector_size, parts.pe_array
    rows, columns, depth = asked.rows, asked.columns, asked.depth
    vectors = port_vectors(array, rows, columns, depth)
    for_weights, for_activations = operand_passes(array, rows, columns)
    decoded = (for_weights * columns + for_activations * rows) * ceil_div(depth, size)
    weights = _encoded(size, columns, depth, density, for_weights)
    activations = _encoded(size, rows, depth, activation_density, for_activations)
    uses = [
        *mac_uses(array, PE_ARRAY, asked),
        operand_use(size, WEIGHT_BUFFER, *weights, vectors),
        operand_use(size, ACTIVATION_BUFFER, *activations, vectors),
        # Two decoders, one for each operand, work side by side.
        Use(CODEC, "decode", Vectors(decoded, ceil_div(decoded, 2))),
        buffer_use(size, ACTIVATION_BUFFER, "write", rows * columns),
    ]
    return alone("matmul", "pe", uses)


def _encoded(
    size: int, lines: int, depth: int, density: float, passes: int
) -> tuple[int, int, int]:
    """Return bytes of values and of masks that all passes read, and of how many vectors."""
    values, vectors = Fraction(str(density)) * lines * depth, lines * ceil_div(depth, size)
    stored = -(-values.numerator // values.denominator)
    return passes * stored, passes * ceil_div(vectors * size, 8), passes * vectors


def function(parts: Parts, name: str, rows: int, columns: int) -> Segment:
    """Return one command of the special-function unit, with all reads of its routine."""
    routine, size = routine_of(name), parts.pe_array.vector_size
    operands = max(routine.reads, default=1)
    moved, vectors = operands * rows * columns, rows * ceil_div(columns, size)
    auxiliary, passes = routine.auxiliary_reads * vectors, len(routine.reads)
    asked = Elements(rows, columns, operands, 1, (ACTIVATION_BUFFER, AUXILIARY))
    uses = [
        *padded_to(size, Use(SFU, name, asked)),
        Use(AUXILIARY, "read", Vectors(size * auxiliary, auxiliary)),
        buffer_use(size, ACTIVATION_BUFFER, "read", passes * moved),
    ]
    if routine.emits:
        uses.append(buffer_use(size, ACTIVATION_BUFFER, "write", rows * columns))
    return alone(name, "sfu", uses)


def transfer(parts: Parts, action: str, moved: Transfer) -> Segment:
    """Return one load into the weight buffer, or one write-back."""
    name, side = ("load", "write") if action == "transfer" else ("store", "read")
    into = encoded_use(parts.pe_array.vector_size, BUS, WEIGHT_BUFFER, side, moved)
    return alone(name, "load", [Use(BUS, action, moved), into])
