"""How a systolic machine works stages off: the largest blocks of rows that fit come first.

Every block of rows streams all weights again, and an array takes all rows that the accumulator
holds, so fewer blocks are never slower.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product

from accelsim.accelerators.systolic_npu.emitter import NpuEmitter
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.attention import AttentionStage, AttentionVariant
from accelsim.mapping.compiler import Mapper, Way
from accelsim.mapping.context import Context
from accelsim.mapping.cutting import Stage
from accelsim.mapping.emission import Candidate
from accelsim.mapping.plan import Plan
from accelsim.mapping.rowwise import RowwiseStage
from accelsim.mapping.values import row_blocks


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
    heads = AttentionStage(emitter.context, stage, stage.attention)
    blocks = row_blocks(heads.rows, emitter.row_tile)
    variants = [AttentionVariant(rows, beside) for beside in (True, False) for rows in blocks]
    return [Candidate(str(each), partial(heads.emit, variant=each)) for each in variants]
