"""About how long a stage takes and what it costs, in tiles of many sizes at once.

Products follow one another. One starts when the first panels of its operands lie in the scratchpad,
and takes as long as the busiest port: what brings operands works a tile ahead, so that it may begin
before what moves is made. Then its last sums leave. Functions follow products on a queue of their
own. Left out: that ports are shared in order of arrival, and waits for room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from accelsim.accelerators.systolic_npu.clock import Clock, Work
from accelsim.accelerators.systolic_npu.emitter import NpuEmitter
from accelsim.accelerators.systolic_npu.parts import ACCUMULATOR, SCRATCHPAD, VECTOR_UNIT
from accelsim.accelerators.systolic_npu.ports import Cost, Figures, Ports
from accelsim.accelerators.systolic_npu.tiles import parameters_read, product_uses
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.timing.systolic import SUM_BYTES, even_part, tile_within
from accelsim.mapping.accesses import (
    buffer_use,
    bus_use,
    elements_read,
    function_use,
    memory_use,
    merge_uses,
    padded_to,
    register_use,
)
from accelsim.mapping.attention import AttentionStage, AttentionVariant
from accelsim.mapping.rowwise import RowwiseStage
from accelsim.mapping.units import Unit
from accelsim.mapping.values import split_rows
from accelsim.model.operators import Operator, Reach
from accelsim.program import Product, Range, Use, Vectors
from accelsim.units import ceil_div

# Cycles, joules and commands in tiles of each size.
Total = tuple[Figures, Figures, Figures]

# Equal blocks or heads after which each further one takes as long as the last.
_STEADY = 3


class Estimate:
    """Of a stage on the machine of an emitter, in tiles of at most some sizes."""

    def __init__(self, emitter: NpuEmitter, ports: Ports, sizes: Sequence[Product]) -> None:
        self._emitter, self._ports, self._sizes = emitter, ports, sizes
        self._context, self._parts = emitter.context, emitter.parts
        self._hardware, self._array = emitter.hardware, emitter.array
        self._most = np.array([(each.rows, each.columns, each.depth) for each in sizes]).T
        self._known: dict[tuple[object, ...], Cost] = {}
        self._command = ports.cost([register_use(self._hardware, emitter.writes)])

    @property
    def _zero(self) -> Figures:
        return np.zeros(len(self._sizes))

    # -- stages --------------------------------------------------------------------------------

    def rowwise(self, stage: RowwiseStage, block: int) -> Total:
        """Return what a stage takes in blocks of rows."""
        sizes = [last - first for first, last in split_rows(stage.rows, block)]
        works = {rows: [self._unit(unit, rows) for unit in stage.units] for rows in {*sizes}}
        clock, done = self._start(), [work for rows in sizes for work in works[rows]]
        equal = sizes.count(block)
        for number, rows in enumerate(sizes):
            if _STEADY <= number < equal:
                continue
            before, ready = clock, self._zero
            for work in works[rows]:
                clock, ready = work.after(clock, ready)
            if number == _STEADY - 1 and equal > _STEADY:
                clock = clock.on(before, equal - _STEADY)
        return self._total(clock, done)

    def attention(self, stage: AttentionStage, variant: AttentionVariant) -> Total:
        """Return what all heads take; two blocks are under way if pipelined."""
        scores, together = stage.attention.scores, stage.together(self._emitter.row_tile)
        heads = scores.batch // together
        made = [self._unit(unit, unit.operators[0].rows, scores.batch) for unit in stage.units]
        blocks = [
            (together * (last - first), stage.columns((first, last)))
            for first, last in split_rows(stage.rows, variant.score_rows)
        ]
        core = {block: self._core(stage, *block) for block in {*blocks}}
        done = [*made, *(work for block in blocks for work in core[block])]
        clock, before = self._start(), self._start()
        waiting: tuple[Work, Figures] | None = None
        for _ in range(min(heads, _STEADY)):
            before, ready = clock, self._zero
            for work in made:
                clock, ready = work.after(clock, self._zero)
            for block in blocks:
                score, normalise, weigh = core[block]
                clock, scored = score.after(clock, ready)
                clock, scored = normalise.after(clock, scored)
                if waiting or not variant.pipelined:
                    work, when = waiting if waiting else (weigh, scored)
                    clock, _ = work.after(clock, when)
                waiting = (weigh, scored) if variant.pipelined else None
        if heads > _STEADY:
            clock = clock.on(before, heads - _STEADY)
            waiting = waiting and (waiting[0], clock.functions)
        if waiting:
            clock, _ = waiting[0].after(clock, waiting[1])
        return self._total(clock, done, heads)

    def _total(self, clock: Clock, works: Sequence[Work], times: int = 1) -> Total:
        joules = sum((work.joules for work in works), self._zero)
        commands = sum((work.commands for work in works), self._zero)
        return clock.end, times * joules, times * commands

    def _start(self) -> Clock:
        return Clock(*[self._zero] * 4)

    # -- works ---------------------------------------------------------------------------------

    def _core(self, stage: AttentionStage, rows: int, keys: int) -> tuple[Work, Work, Work]:
        """Return what scores, the functions on them, and weighing values take."""
        scores, weighted = stage.attention.scores, stage.attention.weighted
        query, key, value = stage.operands
        score = self._products([(Product(rows, keys, scores.depth), query, key, scores)], [])
        weigh = self._products(
            [(Product(rows, weighted.columns, keys), scores, value, weighted)], []
        )
        parts = [self._function(each, rows, keys) for each in stage.attention.between]
        return score, self._functions(parts), weigh

    def _unit(self, unit: Unit, rows: int, heads: int = 1) -> Work:
        """Return what a unit on some rows takes; of ``heads``, the columns of one."""
        if unit.products:
            asked = []
            for each in unit.products:
                columns = each.columns // heads // each.groups
                product = Product(rows, max(1, columns), each.depth, each.groups)
                made = self._context.producers[each.name]
                asked.append((product, made[0] if made else None, None, each))
            others = [each for each in unit.operators if each.kind.reach is not Reach.MATRIX]
            return self._products(asked, others, heads)
        (operator,) = unit.operators
        columns = operator.columns // heads
        if operator.kind.reach in (Reach.TABLE, Reach.STATE):
            moved = self._ports.cost([bus_use(self._hardware, rows * columns)])
            return self._functions([moved])
        if operator.kind.reach is Reach.ROW and not operator.kind.keeps_width:
            columns = operator.depth
        tiles = split_rows(rows, self._emitter.row_tile)
        parts = [self._function(operator, last - first, columns) for first, last in tiles]
        return self._functions(parts)

    def _functions(self, parts: Sequence[Cost]) -> Work:
        """Return functions one after the other."""
        cycles = sum(each.busy.max() for each in parts)
        joules = sum(float(each.joules) for each in parts)
        zero = self._zero
        return Work(zero + joules, zero + len(parts), zero + cycles, zero)

    def _products(
        self,
        asked: Sequence[tuple[Product, Operator | None, Operator | None, Operator]],
        functions: Sequence[Operator],
        heads: int = 1,
    ) -> Work:
        """Return what products take that share panels, with the functions behind them.

        Each is (what is asked, what made its inputs, and its weights if they are no parameters,
        itself).
        """
        works = [self._product(*each) for each in asked]
        product = asked[0][0]
        tiles = self._tiles(product)
        rows, columns = product.rows, product.groups * product.columns
        panels = _parts(rows, tiles[0]) * _parts(product.columns, tiles[1])
        panels = panels * _parts(product.groups, tiles[3])
        vector, memory, joules = self._zero, self._ports.nothing(1).at(np.zeros(1, int)), 0.0
        for each in functions:
            own = self._function(each, rows, columns)
            waits = each.kind.recipe.sweeps * self._parts.vector_unit.latency_cycles
            vector = vector + own.busy.max() + (panels - 1) * waits
            memory, joules = memory + own, joules + float(own.joules)
        return self._joined(works, vector, panels, memory, joules)

    def _joined(
        self,
        works: Sequence[tuple[Cost, Work]],
        vector: Figures,
        panels: Figures,
        functions: Cost,
        joules: float,
    ) -> Work:
        (_, first), *_ = works
        total = self._ports.nothing(len(self._sizes))
        for cost, _ in works:
            total = total + cost
        busiest = total + Cost(functions.busy, np.zeros(1), np.zeros(1))
        return replace(
            first,
            joules=total.joules + joules,
            commands=sum((work.commands for _, work in works), self._zero) + panels,
            array=np.maximum(self._ports.working(busiest), sum(work.turns for _, work in works)),
            loads=self._ports.loading(total),
            functions=vector,
            panel=vector / panels,
        )

    def _tiles(self, asked: Product) -> tuple[Figures, Figures, Figures, Figures]:
        """Return rows, columns, depth and groups of full tiles."""
        if asked.groups > 1:
            found = [tile_within(self._array, most, asked) for most in self._sizes]
            extents = [(each.rows, each.columns, each.depth) for each in found]
            groups = np.array([each.groups for each in found])
            parts = np.array(extents).T
        else:
            totals, groups = (asked.rows, asked.columns, asked.depth), np.ones_like(self._most[0])
            sizes = zip(totals, self._most, self._array.block, strict=True)
            parts = np.array([even_part(all_, most // size, size) for all_, most, size in sizes])
        rows, columns, depth = np.minimum(parts.T, (asked.rows, asked.columns, asked.depth)).T
        return rows, columns, depth, groups

    def _product(
        self,
        asked: Product,
        source: Operator | None,
        held: Operator | None,
        operator: Operator,
    ) -> tuple[Cost, Work]:
        rows, columns, depth, groups = self._tiles(asked)
        down, across = _parts(asked.rows, rows), _parts(asked.columns, columns)
        together = _parts(asked.groups, groups)
        # Tiles of a depth are even but the last, which takes its part.
        deep, tiles = asked.depth / depth, down * across * _parts(asked.depth, depth) * together
        tall, wide = rows, columns
        if self._array.overlapped:
            tall = np.minimum(rows, self._array.block[0])
            wide = np.where(groups > 1, columns, np.minimum(columns, self._array.block[1]))
        high, broad = _parts(rows, tall), _parts(columns, wide)
        weights = self._panels(operator, held, wide * depth * groups, weights=held is None)
        moved = self._panels(operator, source, tall * depth * groups, weights=False)
        pieces = np.where(groups > 1, high, high + broad - 1)
        if not self._array.overlapped:
            pieces = np.ones_like(high)
        held_panels = down * deep * together * asked.columns / wide
        moved_panels = across * deep * together * asked.rows / tall
        loads = weights.times(held_panels) + moved.times(moved_panels)
        streamed = {"rows": down, "columns": across, "depth": _parts(asked.depth, depth)}
        cycles = self._array.tiled_cycles(asked, streamed[self._array.streams])
        products = self._ports.array_busy(cycles) + self._command.times(tiles * pieces)
        macs = product_uses(self._parts.pe_array, asked, added=False)
        products.joules[:] += self._ports.objective.joules(macs)
        sent = self._sent(asked, operator)
        sends = sent.times(np.ones(len(rows))) + self._command.times(down * across * together)
        share = rows * columns * groups / (asked.rows * asked.columns * asked.groups)
        piece = cycles / (tiles * pieces)
        first = weights.busy.max(axis=-1) + moved.busy.max(axis=-1)
        brought = self._ports.loading(loads) / tiles
        waits = self._array.fill + self._array.drain
        # Where loads wait for a tile to end, memory off the chip has gone to sleep.
        rested = brought < waits + cycles / tiles
        first = np.where(rested, np.maximum(first, weights.alone + moved.alone), first)
        turn = (waits + np.maximum(first + cycles / tiles, brought + piece)) / 2
        return loads + products + sends, Work(
            joules=self._zero,
            commands=held_panels + moved_panels + tiles * pieces + down * across * together,
            functions=self._zero,
            panel=self._zero,
            weights=weights.busy.max(axis=-1),
            moved=moved.busy.max(axis=-1),
            ahead=weights.busy.max(axis=-1) * broad,
            tile=cycles / tiles,
            piece=piece,
            last=self._array.drain + sent.busy.max() * share,
            turns=turn * tiles,
        )

    # -- accesses ------------------------------------------------------------------------------

    def _panels(
        self, operator: Operator, made: Operator | None, sizes: Figures, *, weights: bool
    ) -> Cost:
        """Return what bringing panels of so many elements takes: of its weights, or of a value."""
        unique, rows = np.unique(sizes, return_inverse=True)
        costs = []
        for size in map(int, unique):
            into = buffer_use(
                self._emitter.vector_size, SCRATCHPAD, "write", size, self._emitter.write_bytes
            )
            cost = self._ports.cost([into]) + self._command
            cost += self._weights(operator, size) if weights else self._home(made, "read", size)
            costs.append(cost)
        stacked = Cost(
            np.array([each.busy for each in costs]),
            np.array([each.joules for each in costs]),
            np.array([each.alone for each in costs]),
        )
        return stacked.at(rows)

    def _weights(self, operator: Operator, size: int) -> Cost:
        key = (operator.name, size)
        if key not in self._known:
            weight = self._context.stored(operator)[0]
            part = self._context.part(weight, 0, min(size, weight.parameter.elements))
            self._known[key] = self._ports.cost(self._emitter.from_home([weight], [part], size))
        return self._known[key]

    def _home(self, made: Operator | None, action: str, size: int) -> Cost:
        """Return what reading or writing bytes of an output takes, on the chip and where it spills.

        What spills is counted as if it passed the memory of activations, too: it takes no less.
        """
        key = (made.name if made else "", action, size)
        if key not in self._known:
            self._known[key] = self._accessed(made, action, size)
        return self._known[key]

    def _accessed(self, made: Operator | None, action: str, size: int) -> Cost:
        if made and made.kind.reach is Reach.STATE:
            state = self._emitter.state(made)
            return self._ports.cost(self._emitter.read_uses(state, (0, state.rows), size))
        memory = self._emitter.activation_memory
        cost = self._ports.cost([memory_use(self._hardware, memory, action, 8 * size)])
        away = size * (self._hardware.dram is not None) if made is None else 0
        if made and made.name in self._context.spilled:
            away = ceil_div(size * self._emitter.spills(made), made.rows)
        if away:
            uses = [Use(DRAM, action, Range(0, away)), bus_use(self._hardware, away)]
            cost = cost + self._ports.cost(uses)
        return cost

    def _sent(self, asked: Product, operator: Operator) -> Cost:
        """Return what finished sums take on their way to their home."""
        size = asked.rows * asked.columns * asked.groups
        vectors = asked.rows * asked.groups * ceil_div(asked.columns, self._emitter.vector_size)
        read = Use(ACCUMULATOR, "read", Vectors(SUM_BYTES * size, vectors))
        return self._ports.cost([read]) + self._home(operator, "write", size)

    def _function(self, operator: Operator, rows: int, columns: int) -> Cost:
        """Return what a function of rows x columns takes, with what it reads and writes."""
        key = (operator.name, rows, columns)
        if key not in self._known:
            self._known[key] = self._worked(operator, rows, columns)
        return self._known[key]

    def _worked(self, operator: Operator, rows: int, columns: int) -> Cost:
        kind, made = operator.kind, self._context.producers[operator.name]
        inputs = 1 if operator.parts else len(kind.inputs(operator))
        use = function_use(VECTOR_UNIT, kind, rows, columns, inputs)
        uses = padded_to(self._parts.vector_unit.width, use)
        parameters = parameters_read(operator, rows, columns)
        uses.append(buffer_use(self._emitter.vector_size, SCRATCHPAD, "read", parameters))
        cost = self._ports.cost(merge_uses(uses)) + self._command
        reads = elements_read(operator, rows, columns, max(1, len(made)))
        taps = operator.window.taps if operator.window else 1
        for source, size in zip(made or [None], reads, strict=True):
            cost = cost + self._home(source, "read", size * kind.recipe.sweeps * taps)
        if kind.keeps_width:
            cost = cost + self._home(operator, "write", rows * columns)
        return cost


def _parts(total: Figures | int, size: Figures) -> Figures:
    """Return in how many parts of at most a size a total is cut."""
    return -(-total // size)
