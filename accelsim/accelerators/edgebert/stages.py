"""Row-wise stages: estimates of their blocks, and what EdgeBERT does at the end of some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from accelsim.accelerators.edgebert.emitter import EdgeBertEmitter
from accelsim.accelerators.edgebert.estimate import exposed_norm_cycles, pass_cycles
from accelsim.machine.timing.sfu_timing import routine_of
from accelsim.mapping.context import Context
from accelsim.mapping.cutting import Stage
from accelsim.mapping.rowwise import UnitRun
from accelsim.mapping.values import Rows, split_rows
from accelsim.model.operators import Operator, Reach


class RowwiseStage:
    """One run of row-wise operators of equal row count."""

    def __init__(self, context: Context, stage: Stage) -> None:
        self._context = context
        self._units = stage.units
        self.rows = stage.operators[0].rows

    def estimated_cycles(self, emitter: EdgeBertEmitter, block: int) -> int:
        """Return about how long the stage takes with blocks of this many rows.

        Every block of a moving operand streams the weights of its matmul once: small ones wait
        for weights. A norm starts when its block is complete: the last one is exposed, and
        large ones hide less.
        """
        parts, total = emitter.parts, 0
        for unit in self._units:
            for product in unit.products:
                stored = self._context.stored(product)
                for rows, times in _pass_rows(emitter, unit.products, block).items():
                    total += times * pass_cycles(parts, product, stored, rows)
            for function in unit.operators:
                if function.kind.reach is Reach.ROW and function.parameters:
                    total += exposed_norm_cycles(parts, function, block)
        return total

    def emit(self, emitter: EdgeBertEmitter, block: int) -> None:
        """Append the tasks of the stage, ``block`` rows at a time.

        Raises NoRoomError when the blocks are too large for the activation memory.
        """
        run = _EdgeBertRun(self._context, emitter)
        for rows in split_rows(self.rows, block):
            for unit in self._units:
                run.unit(unit, rows)
        run.finish()


class _EdgeBertRun(UnitRun):
    """The special-function unit leaves some results in a register instead of the memory."""

    emitter: EdgeBertEmitter

    def whole_rows(self, operator: Operator, rows: Rows) -> None:
        """Append a function, one tile of rows at a time."""
        if not routine_of(operator.kind.name, 1).emits:
            self.emitter.decide(operator, rows)
        else:
            super().whole_rows(operator, rows)


def _pass_rows(emitter: EdgeBertEmitter, products: Sequence[Operator], block: int) -> Counter[int]:
    """Return how often the weights stream past how many rows."""
    whole, rest = divmod(products[0].rows, block)
    passes: Counter[int] = Counter()
    for size, times in ((block, whole), (rest, 1)):
        if size:
            for first, last in split_rows(size, emitter.tiling(products, size).rows):
                passes[last - first] += times
    return passes
