"""The special-function unit: softmax, layer norm, element add, GELU, tanh, entropy."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.blocks.block import Block
from accelsim.config.hardware import SfuConfig
from accelsim.program import Use
from accelsim.units import Tick, ceil_div


@dataclass(frozen=True)
class _Function:
    """Passes over a row; auxiliary reads and other cycles a vector; cycles a row."""

    passes: int
    auxiliary_reads: int
    vector_cycles: int
    row_cycles: int


# Softmax: maximum, sum, normalise, and one span-mask read. Layer norm: moments, normalise, and
# gamma and beta. As coded in EdgeBERT's SystemC: 58 nv + 1, 47 nv + 2, 36 nv + 2 and 34 nv + 1
# cycles a row. GELU and tanh are not in EdgeBERT: one pass of a piecewise-linear table.
_FUNCTIONS = {
    "softmax": _Function(3, 1, 1, 1),
    "layer_norm": _Function(2, 2, 1, 2),
    "add": _Function(2, 0, 2, 2),
    "entropy": _Function(2, 0, 0, 1),
    "gelu": _Function(1, 0, 1, 1),
    "tanh": _Function(1, 0, 1, 1),
}


class SpecialFunctionUnit(Block):
    """Cycles of one command on rows x columns elements, vectors of n elements.

    As coded every read is a round trip and nothing is pipelined. The ``pipelined`` option lets
    the reads of a pass follow one another every cycle and pays one round trip a pass and row.
    """

    def __init__(self, name: str, config: SfuConfig, vector_size: int, period: Tick) -> None:
        super().__init__(name)
        self._config = config
        self._vector_size = vector_size
        self._period = period

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a command with the shape (rows, columns, operands)."""
        rows, columns, operands = use.shape
        vectors = ceil_div(columns, self._vector_size)
        return command_cycles(self._config, use.action, rows, vectors, operands) * self._period


def command_cycles(
    config: SfuConfig, function: str, rows: int, vectors: int, operands: int = 1
) -> int:
    """Return the cycles of one command; an add of k operands is k - 1 adds."""
    costs = _FUNCTIONS[function]
    repeats = max(1, operands - 1) if function == "add" else 1
    trip, auxiliary = config.read_round_trip_cycles, config.auxiliary_read_cycles
    if config.pipelined:
        per_row = costs.passes * (vectors + trip) + costs.auxiliary_reads * auxiliary
    else:
        per_vector = costs.passes * trip + costs.auxiliary_reads * auxiliary + costs.vector_cycles
        per_row = per_vector * vectors
    return rows * (repeats * per_row + costs.row_cycles) + config.setup_cycles
