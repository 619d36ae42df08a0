"""Estimates of row-wise stages, by which their blocks of rows are chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from accelsim.accelerators.edgebert.emitter import EdgeBertEmitter
from accelsim.accelerators.edgebert.estimate import exposed_norm_cycles, pass_cycles
from accelsim.mapping.rowwise import RowwiseStage
from accelsim.mapping.values import split_rows
from accelsim.model.operators import Operator, Reach


class EdgeBertStage(RowwiseStage):
    """A run of row-wise operators, with an estimate by which its blocks are chosen."""

    def estimated_cycles(self, emitter: EdgeBertEmitter, block: int) -> int:
        """Return about how long the stage takes with blocks of this many rows.

        Every block of a moving operand streams the weights of its matmul once: small ones wait
        for weights. A norm starts when its block is complete: the last one is exposed, and
        large ones hide less.
        """
        parts, total = emitter.parts, 0
        for unit in self.units:
            for product in unit.products:
                stored = self.context.stored(product)
                for rows, times in _pass_rows(emitter, unit.products, block).items():
                    total += times * pass_cycles(parts, product, stored, rows)
            for function in unit.operators:
                if function.kind.reach is Reach.ROW and function.parameters:
                    total += exposed_norm_cycles(parts, function, block)
        return total


def _pass_rows(emitter: EdgeBertEmitter, products: Sequence[Operator], block: int) -> Counter[int]:
    """Return how often the weights stream past how many rows."""
    whole, rest = divmod(products[0].rows, block)
    passes: Counter[int] = Counter()
    for size, times in ((block, whole), (rest, 1)):
        if size:
            for first, last in split_rows(size, emitter.tiling(products, size).rows):
                passes[last - first] += times
    return passes
