"""The processing unit: n vector MACs of width n, output stationary."""

from __future__ import annotations

from accelsim.machine.components.clocked import ClockedBlock
from accelsim.machine.components.pe_pipeline import PeTiming
from accelsim.machine.components.pe_timing import product_cycles
from accelsim.machine.components.systolic import reported_cycles
from accelsim.machine.schema import PeArrayConfig
from accelsim.program import Product, Use
from accelsim.units import Tick, ceil_div


class PeArray(ClockedBlock):
    """Cycles of a panel C[rows x columns] = A[rows x depth] W[columns x depth]^T.

    Rows, columns and depth are cut into n x n x n tiles, partial tiles cost whole ones;
    ``pe_pipeline`` says what a tile and the flush of its sums cost.
    """

    def __init__(self, name: str, config: PeArrayConfig, period: Tick) -> None:
        super().__init__(name, period)
        self._config = config

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a panel."""
        panel = use.expect(Product)
        return panel_cycles(self._config, panel.rows, panel.columns, panel.depth) * self.period


def panel_cycles(config: PeArrayConfig, rows: int, columns: int, depth: int) -> int:
    """Return the cycles of one panel from start command to interrupt.

    A systolic array counts as SCALE-Sim reports: the index of its last cycle.
    """
    if config.dataflow != "vector_mac":
        array = (config.array_rows, config.array_columns)
        return reported_cycles(config.dataflow, *array, rows, columns, depth)
    shared = config.write_port == "shared"
    timing = PeTiming(config.vector_size, config.tile_schedule, shared)
    return product_cycles(timing, rows, columns, depth) + config.command_cycles


def port_vectors(config: PeArrayConfig, rows: int, columns: int, depth: int) -> int:
    """Return the vectors that each operand buffer's port delivers for a panel, one a cycle.

    The ports of a systolic array are as wide as its edge: one stands for none to wait for.
    """
    if config.dataflow != "vector_mac":
        return 1
    size = config.vector_size
    return ceil_div(rows, size) * ceil_div(columns, size) * ceil_div(depth, size) * size


def operand_passes(config: PeArrayConfig, rows: int, columns: int) -> tuple[int, int]:
    """Return how often each weight and each activation of a panel is read from its buffer.

    The vector MACs keep sums alone, so every tile re-reads both operands. A systolic array reads
    its stationary operand once; what streams is read again for each fold beside it.
    """
    height, width = config.array_rows, config.array_columns
    if config.dataflow == "weight_stationary":
        return 1, ceil_div(columns, width)
    if config.dataflow == "input_stationary":
        return ceil_div(rows, width), 1
    return ceil_div(rows, height), ceil_div(columns, width)
