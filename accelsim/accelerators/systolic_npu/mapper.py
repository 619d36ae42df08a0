"""How a systolic machine works stages off: the largest blocks of rows that fit come first.

Every block of rows streams all weights again, and an array takes all rows that the accumulator
holds, so fewer blocks are never slower. Of causal scores smaller blocks leave more out and read
keys and values more often: there the blocks come first that should finish first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product

from accelsim.accelerators.systolic_npu.emitter import NpuEmitter
from accelsim.accelerators.systolic_npu.parts import VECTOR_UNIT
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.accesses import function_use
from accelsim.mapping.attention import AttentionStage, AttentionVariant
from accelsim.mapping.compiler import Mapper, Way
from accelsim.mapping.context import Context
from accelsim.mapping.cutting import Stage
from accelsim.mapping.emission import Candidate
from accelsim.mapping.plan import Plan
from accelsim.mapping.rowwise import RowwiseStage
from accelsim.mapping.values import row_blocks, split_rows
from accelsim.program import Product


class NpuMapper(Mapper[NpuEmitter]):
    """Blocks of rows; of an attention, the next scores beside the functions of the last."""

    results_spill = True

    def emitter(self, context: Context, hardware: HardwareConfig, plan: Plan) -> NpuEmitter:
        """Return what appends tasks to the plan of a segment."""
        return NpuEmitter(context, hardware, plan)

    def ways(self, emitter: NpuEmitter, stages: Sequence[Stage]) -> Iterator[Way[NpuEmitter]]:
        """Yield the ways to work stages off: the largest blocks first, which are not compared."""
        for way in product(*(_candidates(emitter, stage) for stage in stages)):
            yield Way(way, 0.0)


def _candidates(emitter: NpuEmitter, stage: Stage) -> list[Candidate[NpuEmitter]]:
    if not stage.attention:
        rowwise = RowwiseStage(emitter.context, stage)
        return [
            Candidate(f"{block} rows at a time", partial(rowwise.emit, block=block))
            for block in row_blocks(rowwise.rows, emitter.row_tile)
        ]
    heads = AttentionStage(emitter.context, stage, stage.attention, emitter.hardware.mapping)
    blocks = row_blocks(heads.rows, emitter.row_tile)
    if heads.staircase:
        blocks.sort(key=partial(_cycles, emitter, heads))
    variants = [AttentionVariant(rows, beside) for beside in (True, False) for rows in blocks]
    return [Candidate(str(each), partial(heads.emit, variant=each)) for each in variants]


def _cycles(emitter: NpuEmitter, heads: AttentionStage, block: int) -> float:
    """Return about how long one head takes in blocks of rows: the busiest of array, vector unit and
    memory of activations, and the last block, which nothing hides."""
    hardware, scores = emitter.hardware, heads.attention.scores
    memory, width = hardware.memories[emitter.activation_memory], heads.attention.weighted.columns
    unit, array, moved = 0, 0, 0.0
    for rows in split_rows(heads.rows, block):
        count, keys = rows[1] - rows[0], heads.columns(rows)
        works = (Product(count, keys, scores.depth), Product(count, width, keys))
        last = sum(map(emitter.array.cycles, works))
        array, moved = array + last, moved + (keys + count) * (scores.depth + width)
        for each in heads.attention.between:
            use = function_use(VECTOR_UNIT, each.kind, count, keys, 1)
            functions = emitter.parts.vector_unit.function_cycles(use, hardware.site)
            unit, last = unit + functions, last + functions
            moved += count * keys * (1 + each.kind.recipe.sweeps)
        moved += 2 * count * keys
    return max(array, unit, 8 * moved / memory.word) + last
