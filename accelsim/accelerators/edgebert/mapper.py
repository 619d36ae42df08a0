"""How EdgeBERT works stages off: which plans there are, and which should finish first."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from accelsim.accelerators.edgebert.emitter import EdgeBertEmitter
from accelsim.accelerators.edgebert.parts import AUXILIARY
from accelsim.accelerators.edgebert.stages import EdgeBertStage
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.attention import AttentionStage, AttentionVariant
from accelsim.mapping.compiler import Candidate, Mapper
from accelsim.mapping.context import Context
from accelsim.mapping.cutting import Attention, Stage
from accelsim.mapping.plan import Plan
from accelsim.mapping.values import row_blocks

EdgeBertCandidate = Candidate[EdgeBertEmitter]


class EdgeBertMapper(Mapper[EdgeBertEmitter]):
    """Blocks of rows for row-wise stages, rows of scores and overlap for attention."""

    parameter_buffers = frozenset({AUXILIARY})

    def emitter(self, context: Context, hardware: HardwareConfig, plan: Plan) -> EdgeBertEmitter:
        """Return what appends tasks to the plan of a segment."""
        return EdgeBertEmitter(context, hardware, plan)

    def candidates(self, emitter: EdgeBertEmitter, stage: Stage) -> list[EdgeBertCandidate]:
        """Return the plans of a stage, the best first."""
        if stage.attention:
            return list(_orders(emitter, stage, stage.attention))
        rowwise = EdgeBertStage(emitter.context, stage)
        blocks = row_blocks(rowwise.rows, emitter.vector_size)
        blocks.sort(key=lambda block: rowwise.estimated_cycles(emitter, block))
        return [
            Candidate(f"{block} rows at a time", partial(rowwise.emit, block=block))
            for block in blocks
        ]


def _orders(
    emitter: EdgeBertEmitter, stage: Stage, attention: Attention
) -> Iterator[EdgeBertCandidate]:
    heads = AttentionStage(emitter.context, stage, attention)
    overlaps = (True, False) if emitter.parts.overlap.special_functions else (False,)
    # Overlap hides the softmax even when the blocks have to be smaller for it.
    for overlap in overlaps:
        for block in row_blocks(heads.rows, emitter.vector_size):
            variant = AttentionVariant(block, overlap)
            yield Candidate(str(variant), partial(heads.emit, variant=variant))
