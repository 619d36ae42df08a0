"""About how long the stages of a segment take, and what they cost, by which plans are compared.

The array and the special functions are two queues; of what an array command waits for, only the
loads of its own weights count beside it. Work that takes less or comes earlier never ends later,
so a larger buffer or a faster port makes no plan dearer. Left out, with what they may hide of a
plan: all but a tile of the first load of a product, the function of its last panel (a panel's time
each, which `panels.WIDEST_PANEL` bounds), and that queues wait for each other at the bus and at the
activation memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from accelsim.accelerators.edgebert.emitter import EdgeBertEmitter
from accelsim.accelerators.edgebert.parts import PE_ARRAY, SFU
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.components.vector_mac_array import panel_cycles
from accelsim.mapping.accesses import bus_use, function_use, mac_uses, padded_to
from accelsim.mapping.attention import AttentionStage, AttentionVariant
from accelsim.mapping.cutting import Stage
from accelsim.mapping.objective import Objective
from accelsim.mapping.spilling import bus_passes
from accelsim.mapping.units import Unit
from accelsim.mapping.values import split_rows
from accelsim.model.operators import Operator, Reach
from accelsim.program import Product, Range, Use
from accelsim.units import ceil_div


@dataclass(frozen=True)
class Clock:
    """Cycles at which the queues are free, and at which leading rows of the last stage are made."""

    array: int = 0
    functions: int = 0
    made: tuple[tuple[int, int], ...] = ((0, 0),)

    def comes(self, rows: int) -> int:
        """Return when so many leading rows are made, or as many as there are."""
        return next((when for last, when in self.made if last >= rows), self.made[-1][1])

    @property
    def end(self) -> int:
        """When all is done."""
        return max(self.array, self.functions)


@dataclass(frozen=True)
class Work:
    """What a unit on some rows takes: cycles until the array has what moves, its own, functions'.

    ``joules`` are those of loads, products and functions.
    """

    move: int
    array: int
    functions: int
    joules: float


class Estimate:
    """Of the plans of stages, on the machine of an emitter."""

    def __init__(self, emitter: EdgeBertEmitter, objective: Objective) -> None:
        self._emitter, self._objective = emitter, objective
        self._context, self._parts = emitter.context, emitter.parts
        self._site = emitter.hardware.site
        self._priced = objective.name != "time"
        self._loads: dict[tuple[str, int, int], tuple[int, float]] = {}
        self._functions: dict[tuple[str, int, int], tuple[int, float]] = {}

    # -- stages --------------------------------------------------------------------------------

    def works(self, units: Sequence[Unit], rows: int, heads: int = 1) -> list[Work]:
        """Return what units on some rows take; of ``heads``, the columns of one."""
        return [self._work(unit, rows, heads) for unit in units]

    def after(self, before: Clock, blocks: Sequence[tuple[int, list[Work]]]) -> Clock:
        """Return the clock after blocks of so many rows, one after the other."""
        array, functions, overlap = before.array, before.functions, self._overlapped
        made, last = [], 0
        for rows, works in blocks:
            last += rows
            ready = before.comes(last)
            for work in works:
                start = ready = ready + work.move
                if work.array:
                    start = max(array, ready)
                    array = ready = start + work.array
                if work.functions and overlap:
                    functions = ready = max(max(functions, start) + work.functions, ready)
                elif work.functions:
                    array = functions = ready = max(array, ready) + work.functions
            made.append((last, ready))
        return Clock(array, functions, tuple(made))

    def attention(self, stage: AttentionStage, variant: AttentionVariant) -> tuple[Clock, float]:
        """Return the clock after all heads, and joules; two blocks are under way if pipelined.

        What all heads read moves once where it stays beside what the products of a head read.
        """
        heads = stage.attention.scores.batch
        project = self.works(stage.units, stage.rows, heads)
        made, moves = sum(work.array for work in project), sum(work.move for work in project)
        again = 0 if self._stays(stage, variant) else moves
        blocks = [
            (rows[1] - rows[0], stage.columns(rows))
            for rows in split_rows(stage.rows, variant.score_rows)
        ]
        core = {block: self._core(stage, *block) for block in {*blocks}}
        array = functions = 0
        waiting: list[tuple[int, int]] = []
        for number, block in enumerate(blocks * heads):
            if number % len(blocks) == 0:
                array += made + (again if number else moves)
            score, normalise, weigh = core[block]
            array += score
            functions = max(functions, array) + normalise
            if not self._overlapped:
                array = functions
            waiting.append((functions, weigh))
            if len(waiting) > variant.pipelined:
                done, cycles = waiting.pop(0)
                array = max(array, done) + cycles
        for done, cycles in waiting:
            array = max(array, done) + cycles
        return Clock(array, functions), heads * fsum(work.joules for work in project)

    def _stays(self, stage: AttentionStage, variant: AttentionVariant) -> bool:
        """Say whether the inputs of all heads fit the buffer beside queries or scores."""
        products = [each for unit in stage.units for each in unit.products]
        inputs = {self._context.producers[each.name][0].name: each for each in products}
        size = sum(stage.rows * each.depth for each in inputs.values())
        scores = stage.attention.scores
        size += variant.score_rows * max(scores.depth, scores.columns)
        return size <= self._parts.activation_buffer.data

    def spilling(self, stages: Sequence[Stage]) -> tuple[int, float]:
        """Return cycles and joules of what passes the bus to and from DRAM, as if nothing hid it.

        Plans differ little in it; it is the price of spilling more than is needed.
        """
        if not self._context.spilled:
            return self._bus(0), 0.0
        operators = {each.name: each for stage in stages for each in stage.operators}
        for producers in [self._context.producers[name] for name in operators]:
            operators |= {each.name: each for each in producers}
        passes = bus_passes(self._context, stages)
        moved = sum(
            ceil_div(each.elements * self._emitter.spills(each), each.rows) * passes[name]
            for name, each in operators.items()
        )
        machine, read = self._emitter.hardware, Use(DRAM, "read", Range(0, moved))
        uses = [read, bus_use(machine, moved)] if moved else []
        return self._bus(moved), self._objective.joules(uses)

    # -- pieces --------------------------------------------------------------------------------

    @property
    def _overlapped(self) -> bool:
        return self._parts.overlap.special_functions

    def _core(self, stage: AttentionStage, rows: int, keys: int) -> tuple[int, int, int]:
        """Return the cycles of scores, of the functions on them, and of weighing values."""
        scores, weighted = stage.attention.scores, stage.attention.weighted
        array, home = self._parts.pe_array, self._home(weighted, rows * weighted.columns)
        score = panel_cycles(array, rows, keys, scores.depth)
        weigh = panel_cycles(array, rows, weighted.columns, keys)
        normalise = sum(self._function(each, rows, keys)[0] for each in stage.attention.between)
        return score, normalise, weigh + home

    def _work(self, unit: Unit, rows: int, heads: int) -> Work:
        move = array = functions = 0
        joules, of_products = 0.0, bool(unit.products)
        if of_products:
            move, array, joules = self._products(unit.products, rows, heads)
        for operator in unit.operators:
            if operator.kind.reach in (Reach.TABLE, Reach.STATE):
                move += self._bus(rows * operator.columns)
            elif operator.kind.reach is not Reach.MATRIX:
                for part in [rows] if of_products else self._tiles(rows):
                    cycles, energy = self._function(operator, part)
                    functions, joules = functions + cycles, joules + energy
        return Work(move, array, functions, joules)

    def _tiles(self, rows: int) -> list[int]:
        return [last - first for first, last in split_rows(rows, self._emitter.row_tile)]

    def _products(
        self, products: Sequence[Operator], rows: int, heads: int
    ) -> tuple[int, int, float]:
        """Return what products take: what moves, the array or the loads, and joules.

        Every block of a moving operand streams all weights once, and waits for a tile of them.
        """
        tiling, parts = self._emitter.tiles(products, rows), self._parts
        hidden = self._emitter.loads_ahead(products)
        sources = {self._context.producers[each.name][:1]: each for each in products}
        move = sum(
            self._moved(producers, rows * each.depth * min(each.groups, tiling.groups))
            for producers, each in sources.items()
        )
        array, joules = 0, 0.0
        for product in products:
            columns, groups = product.columns // heads, product.groups
            panels = ceil_div(columns, tiling.columns)
            load, read = self._load(product, columns, panels)
            wait = load * self._emitter.vector_size // columns
            for first, last in split_rows(rows, tiling.rows):
                asked = Product(last - first, columns // groups, product.depth, groups)
                cycles = groups * panel_cycles(
                    parts.pe_array, asked.rows, asked.columns, asked.depth
                )
                cycles += max(0, panels - groups) * parts.pe_array.command_cycles
                array += max(cycles, load) + wait if hidden else cycles + load
                if self._priced:
                    uses = mac_uses(parts.pe_array, PE_ARRAY, asked)
                    joules += read + self._objective.joules(uses)
            array += self._home(product, rows * columns)
        return move, array, joules

    def _load(self, product: Operator, columns: int, panels: int) -> tuple[int, float]:
        """Return cycles and joules of loading some columns of weights in so many panels."""
        key = (product.name, columns, panels)
        if key not in self._loads:
            self._loads[key] = self._loaded(product, columns, panels)
        return self._loads[key]

    def _loaded(self, product: Operator, columns: int, panels: int) -> tuple[int, float]:
        stored, bus = self._context.stored(product), self._parts.bus
        bits, masked = sum(each.value_bits for each in stored), stored[0].masked
        vectors = columns * ceil_div(product.depth, self._emitter.vector_size) if masked else 0
        data = ceil_div(bits * columns, 8 * product.columns)
        cycles = bus.cycles(bus_use(self._emitter.hardware, data, 0, vectors), self._site)
        cycles += (panels - 1) * bus.setup_cycles * (2 if masked else 1)
        if not self._priced:
            return cycles, 0.0
        return cycles, self._objective.joules(self._emitter.panel(product, (0, columns)).uses)

    def _function(
        self, operator: Operator, rows: int, columns: int | None = None
    ) -> tuple[int, float]:
        """Return cycles and joules of a function on some rows, of all their columns or so many."""
        if columns is None:
            columns = operator.columns if operator.kind.keeps_width else operator.depth
        key = (operator.name, rows, columns)
        if key not in self._functions:
            self._functions[key] = self._worked(operator, rows, columns)
        return self._functions[key]

    def _worked(self, operator: Operator, rows: int, columns: int) -> tuple[int, float]:
        operands = len(self._context.producers[operator.name])
        use = function_use(SFU, operator.kind, rows, columns, operands)
        uses = padded_to(self._emitter.vector_size, use)
        spilled = self._home(operator, rows * operator.columns) + sum(
            self._home(each, rows * columns) for each in self._context.producers[operator.name]
        )
        cycles = self._parts.sfu.cycles(use, self._site) + spilled
        return cycles, self._objective.joules(uses)

    def _moved(self, producers: Sequence[Operator], size: int) -> int:
        vectors = ceil_div(size, self._emitter.vector_size)
        return max([vectors, *(self._home(each, size) for each in producers)])

    def _home(self, operator: Operator, size: int) -> int:
        """Return the cycles of the bus for bytes of a value that lies in DRAM."""
        spilled = self._emitter.spills(operator)
        return self._bus(ceil_div(size * spilled, operator.rows)) if spilled else 0

    def _bus(self, size: int) -> int:
        return self._parts.bus.cycles(bus_use(self._emitter.hardware, size), self._site)
