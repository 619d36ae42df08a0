"""How EdgeBERT works stages off: which plans there are, and which should finish first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import fsum

from accelsim.accelerators.edgebert.emitter import EdgeBertEmitter
from accelsim.accelerators.edgebert.estimate import Clock, Estimate, Work
from accelsim.accelerators.edgebert.parts import AUXILIARY
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.attention import AttentionStage, AttentionVariant
from accelsim.mapping.compiler import Mapper, Way
from accelsim.mapping.context import Context
from accelsim.mapping.cutting import Attention, Stage
from accelsim.mapping.emission import Candidate
from accelsim.mapping.objective import Objective
from accelsim.mapping.plan import Plan
from accelsim.mapping.rowwise import RowwiseStage
from accelsim.mapping.values import row_blocks, split_rows

EdgeBertWay = Way[EdgeBertEmitter]

# Candidates of leading stages, the clock after them, and their joules.
_Trail = tuple[tuple[Candidate[EdgeBertEmitter], ...], Clock, float]


# [ours] Ways of the leading stages that are gone on with when there are many, as of pictures: the
# cheapest, and that of the smallest blocks, which fits if any does.
_MOST, _KEPT = 4096, 256


class EdgeBertMapper(Mapper[EdgeBertEmitter]):
    """Blocks of rows for row-wise stages, rows of scores and overlap for attention.

    Which plans there are does not depend on the sizes of buffers, only which of them fit and how
    products are cut: a machine with larger ones can do all that one with smaller ones can.
    """

    parameter_buffers = frozenset({AUXILIARY})

    def emitter(self, context: Context, hardware: HardwareConfig, plan: Plan) -> EdgeBertEmitter:
        """Return what appends tasks to the plan of a segment."""
        return EdgeBertEmitter(context, hardware, plan)

    def ways(self, emitter: EdgeBertEmitter, stages: Sequence[Stage]) -> list[EdgeBertWay]:
        """Return all ways to work stages off, the best first."""
        objective = Objective(emitter.hardware)
        estimate = Estimate(emitter, objective)
        first, *_ = stages
        if first.attention:
            found = list(_orders(estimate, emitter, first, first.attention))
        else:
            found = [((), Clock(), 0.0)]
            for stage in stages:
                found = list(_blocks(estimate, emitter, stage, found))
                if len(found) > _MOST:
                    cheap = sorted(found, key=lambda way: objective.cost(way[1].end, way[2]))
                    found = [*cheap[:_KEPT], found[-1]]
        moves, moved = estimate.spilling(stages)
        ways = [
            Way(way, objective.cost(clock.end + moves, joules + moved))
            for way, clock, joules in found
        ]
        return sorted(ways, key=lambda way: way.cost)


def _orders(
    estimate: Estimate, emitter: EdgeBertEmitter, stage: Stage, attention: Attention
) -> Iterator[_Trail]:
    heads = AttentionStage(emitter.context, stage, attention, emitter.hardware.mapping)
    overlaps = (True, False) if emitter.parts.overlap.special_functions else (False,)
    for overlap in overlaps:
        for block in row_blocks(heads.rows, emitter.vector_size):
            variant = AttentionVariant(block, overlap)
            way = Candidate(str(variant), partial(heads.emit, variant=variant))
            yield (way,), *estimate.attention(heads, variant)


def _blocks(
    estimate: Estimate, emitter: EdgeBertEmitter, stage: Stage, before: Sequence[_Trail]
) -> Iterator[_Trail]:
    rowwise = RowwiseStage(emitter.context, stage)
    works: dict[int, list[Work]] = {}
    for block in row_blocks(rowwise.rows, emitter.vector_size):
        sizes = [last - first for first, last in split_rows(rowwise.rows, block)]
        works |= {rows: estimate.works(stage.units, rows) for rows in {*sizes} - {*works}}
        worked = [(rows, works[rows]) for rows in sizes]
        energy = fsum(work.joules for _, each in worked for work in each)
        way = Candidate(f"{block} rows at a time", partial(rowwise.emit, block=block))
        for trail, clock, joules in before:
            yield (*trail, way), estimate.after(clock, worked), joules + energy
