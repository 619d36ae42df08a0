"""How a systolic machine works stages off: rows at a time and sizes of tiles, the best first.

Fewer blocks of rows stream weights less often; smaller ones hide functions behind products. Larger
tiles load less, smaller ones wait less for the first load and the last sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import ceil, frexp, ldexp

from accelsim.accelerators.systolic_npu.emitter import NpuEmitter
from accelsim.accelerators.systolic_npu.estimate import Estimate, Total
from accelsim.accelerators.systolic_npu.parts import VECTOR_UNIT
from accelsim.accelerators.systolic_npu.ports import Ports
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.accesses import function_use
from accelsim.mapping.attention import AttentionStage, AttentionVariant
from accelsim.mapping.compiler import Mapper, Way
from accelsim.mapping.context import Context
from accelsim.mapping.cutting import Stage
from accelsim.mapping.emission import Candidate
from accelsim.mapping.plan import Plan
from accelsim.mapping.rowwise import RowwiseStage
from accelsim.mapping.values import MANY, row_blocks, split_rows
from accelsim.program import Product

_STEPS = 64

NpuWay = Way[NpuEmitter]
Emit = Callable[[NpuEmitter], None]
# A way behind its cost and what decides between equal ones.
Ranked = tuple[tuple[float, float], NpuWay]


class NpuMapper(Mapper[NpuEmitter]):
    """Blocks of rows and tiles; of an attention, the next scores beside the functions of the last.

    A larger buffer holds all tiles that a smaller one holds, and more.
    """

    apart = results_spill = True

    def __init__(self, hardware: HardwareConfig) -> None:
        self._ports = Ports(hardware)

    def emitter(self, context: Context, hardware: HardwareConfig, plan: Plan) -> NpuEmitter:
        """Return what appends tasks to the plan of a segment."""
        return NpuEmitter(context, hardware, plan)

    def ways(self, emitter: NpuEmitter, stages: Sequence[Stage]) -> list[NpuWay]:
        """Return all ways to work a stage off, the best first.

        In the largest tiles, the largest blocks come first and nothing is compared.
        """
        (stage,) = stages
        if not _compared(emitter, stage):
            return [Way((each,), 0.0) for each in _largest(emitter, stage)]
        made = self._orders if stage.attention else self._blocks
        return [way for _, way in sorted(made(emitter, stage), key=lambda each: each[0])]

    def _blocks(self, emitter: NpuEmitter, stage: Stage) -> Iterator[Ranked]:
        rowwise = RowwiseStage(emitter.context, stage)
        for block in row_blocks(rowwise.rows, emitter.row_tile):
            emit = partial(rowwise.emit, block=block)
            sizes = tiles(emitter, stage, block)
            costs = Estimate(emitter, self._ports, sizes).rowwise(rowwise, block)
            yield from self._in_tiles("rows", block, f"{block} rows at a time", emit, sizes, costs)

    def _orders(self, emitter: NpuEmitter, stage: Stage) -> Iterator[Ranked]:
        assert stage.attention
        heads = AttentionStage(emitter.context, stage, stage.attention, emitter.hardware.mapping)
        blocks = row_blocks(heads.rows, emitter.row_tile)
        sizes = tiles(emitter, stage, heads.rows)
        estimate = Estimate(emitter, self._ports, sizes)
        for variant in (AttentionVariant(n, beside) for beside in (True, False) for n in blocks):
            emit = partial(heads.emit, variant=variant)
            costs = estimate.attention(heads, variant)
            yield from self._in_tiles(
                f"heads {variant.pipelined}", variant.score_rows, str(variant), emit, sizes, costs
            )

    def _in_tiles(
        self,
        kind: str,
        rows: int,
        words: str,
        emit: Emit,
        sizes: Sequence[Product],
        total: Total,
    ) -> Iterator[Ranked]:
        cycles, joules, commands = total
        costs = map(_coarse, self._ports.objective.cost(cycles, joules).tolist())
        for most, cost, count in zip(sizes, costs, commands.tolist(), strict=True):
            # The depth of a tile takes no room where activations lie.
            panels = (rows, most.rows * most.columns)
            each = replace(_in_tile(words, emit, most), kind=kind, panels=panels)
            yield (cost, count), Way((each,), cost)


def _in_tile(words: str, emit: Emit, most: Product) -> Candidate[NpuEmitter]:
    def emit_in(emitter: NpuEmitter) -> None:
        emitter.most = most
        emit(emitter)

    return Candidate(f"{words}, tiles of {most.rows} x {most.columns} x {most.depth}", emit_in)


def _compared(emitter: NpuEmitter, stage: Stage) -> bool:
    """Say whether the plans of a stage are compared: not of pictures of very many rows, of which
    small tiles would be more tasks than a simulation should have."""
    rows = 0 if stage.attention else max(each.rows for each in stage.operators)
    return emitter.hardware.mapping.tiles == "compared" and rows <= MANY * emitter.row_tile


def _largest(emitter: NpuEmitter, stage: Stage) -> list[Candidate[NpuEmitter]]:
    """Return the candidates in the largest tiles, the largest blocks first.

    Every block of rows streams all weights again, and an array takes all rows that the accumulator
    holds, so fewer blocks are never slower. Of causal scores smaller blocks leave more out and read
    keys and values more often: there the blocks come first that should finish first.
    """
    most = emitter.parts.largest_tile
    if not stage.attention:
        rowwise = RowwiseStage(emitter.context, stage)
        return [
            _in_tile(f"{block} rows at a time", partial(rowwise.emit, block=block), most)
            for block in row_blocks(rowwise.rows, emitter.row_tile)
        ]
    heads = AttentionStage(emitter.context, stage, stage.attention, emitter.hardware.mapping)
    blocks = row_blocks(heads.rows, emitter.row_tile)
    if heads.staircase:
        blocks.sort(key=partial(_cycles, emitter, heads))
    variants = [AttentionVariant(rows, beside) for beside in (True, False) for rows in blocks]
    return [_in_tile(str(each), partial(heads.emit, variant=each), most) for each in variants]


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


def _coarse(cost: float) -> float:
    """Return a cost in steps of 1.6 to 3.1 %: of what the estimate cannot tell, fewest
    commands come first."""
    mantissa, exponent = frexp(cost)
    return ldexp(ceil(_STEPS * mantissa) / _STEPS, exponent)


def tiles(emitter: NpuEmitter, stage: Stage, rows: int) -> list[Product]:
    """Return the sizes of tiles to compare for blocks of some rows of a stage."""
    products = [each for unit in stage.units for each in unit.products]
    own = stage.attention
    products += [own.scores, own.weighted] if own else []
    most = Product(
        rows,
        max((each.columns for each in products), default=1),
        max([*(each.depth for each in products), own.scores.columns if own else 1]),
    )
    return emitter.parts.tiles_for(most)
