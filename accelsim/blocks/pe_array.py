"""The processing unit: n vector MACs of width n, output stationary."""

from __future__ import annotations

from accelsim.blocks.block import Block
from accelsim.blocks.systolic import reported_cycles
from accelsim.config.hardware import PeArrayConfig
from accelsim.program import Use
from accelsim.units import Tick, ceil_div


class PeArray(Block):
    """Cycles of a panel C[rows x columns] = A[rows x depth] W[columns x depth]^T.

    Rows, columns and depth are cut into n x n x n tiles, partial tiles cost whole ones. A tile
    takes n cycles when the next is received meanwhile; as coded, receiving n vectors, n cycles
    of computing and a handshake follow one another (2n + 1). After the last tile along the depth
    the sums are flushed: n writes contend with n operand reads for one port, 2n cycles, of which
    the pipeline hides ``flush_slack_cycles``; overlapped sums are double buffered, nothing shows.
    Source: SystemC of harvard-acc/EdgeBERT, hw/cmod, simulated.
    """

    def __init__(self, name: str, config: PeArrayConfig, period: Tick) -> None:
        super().__init__(name)
        self._config = config
        self._period = period

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a panel with the shape (rows, columns, depth)."""
        return panel_cycles(self._config, *use.shape) * self._period


def panel_cycles(config: PeArrayConfig, rows: int, columns: int, depth: int) -> int:
    """Return the cycles of one panel from start command to interrupt.

    A systolic array counts as SCALE-Sim reports: the index of its last cycle.
    """
    if config.dataflow != "vector_mac":
        array = (config.array_rows, config.array_columns)
        return reported_cycles(config.dataflow, *array, rows, columns, depth)
    size = config.vector_size
    outputs = ceil_div(rows, size) * ceil_div(columns, size)
    if config.tile_schedule == "serial":
        tile, flush = 2 * size + 1, max(0, 2 * size - config.flush_slack_cycles)
    else:
        tile, flush = size, 0
    return outputs * (ceil_div(depth, size) * tile + flush) + config.fill_cycles
