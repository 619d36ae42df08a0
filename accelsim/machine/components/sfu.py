"""The special-function unit: softmax, layer norm, element add, GELU, tanh, entropy."""

from __future__ import annotations

from accelsim.machine.components import sfu_timing
from accelsim.machine.components.clocked import ClockedBlock
from accelsim.machine.components.sfu_timing import SfuTiming
from accelsim.machine.schema import SfuConfig
from accelsim.program import Elements, Use
from accelsim.units import Tick, ceil_div


class SpecialFunctionUnit(ClockedBlock):
    """Cycles of one command on rows x columns elements, vectors of n elements.

    As coded every read is a round trip and nothing is pipelined. The ``pipelined`` option lets
    the reads of a pass follow one another every cycle and pays one round trip a pass and row.
    """

    def __init__(self, name: str, config: SfuConfig, vector_size: int, period: Tick) -> None:
        super().__init__(name, period)
        self._config = config
        self._vector_size = vector_size

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a command."""
        asked = use.expect(Elements)
        vectors = ceil_div(asked.columns, self._vector_size)
        cycles = command_cycles(self._config, use.action, asked.rows, vectors, asked.operands)
        return cycles * self.period


def command_cycles(
    config: SfuConfig, function: str, rows: int, vectors: int, operands: int = 1
) -> int:
    """Return the cycles of one command; an add of k operands is k - 1 adds."""
    timing = SfuTiming(
        config.read_round_trip_cycles,
        config.auxiliary_read_cycles,
        config.setup_cycles,
        config.initiation_intervals,
        config.pipelined,
    )
    repeats = max(1, operands - 1) if function == "add" else 1
    return sfu_timing.command_cycles(timing, function, rows * repeats, vectors)
