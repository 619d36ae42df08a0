"""Turns pieces of operators into tasks: tiles in, products, sums out, functions of rows.

A tile of activations and one of weights lie in the scratchpad while the next ones arrive; its sums
lie in the accumulator until the last tile along the depth has been added, and then leave. Tiles
come in panels, so that the array starts with the first of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

from accelsim.accelerators.systolic_npu.parts import (
    ACCUMULATOR,
    SCRATCHPAD,
    VECTOR_UNIT,
    parts_of,
)
from accelsim.accelerators.systolic_npu.tiles import (
    Panel,
    Source,
    across_tiles,
    in_rows,
    parameters_read,
    product_uses,
    sums,
)
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.timing.systolic import SUM_BYTES, tile_within
from accelsim.mapping.accesses import (
    LOAD,
    Part,
    buffer_use,
    bus_use,
    decode_use,
    function_use,
    merge_uses,
    padded_to,
    register_use,
)
from accelsim.mapping.context import Context
from accelsim.mapping.emitter import Emitter, Operand, Tiling, groups_together
from accelsim.mapping.plan import Plan
from accelsim.mapping.values import Rows, Value, split_rows
from accelsim.memory.storage import StoredTensor
from accelsim.model.operators import Operator
from accelsim.program import Product, Use, Vectors
from accelsim.units import ceil_div

ARRAY, STORE, VECTOR = "array", "store", "vector"
# [ours] Products under way: enough for the fill and the drain of short ones to hide behind others.
_PRODUCTS = 8
# [ours] Few enough to follow products closely, enough to hide the latency of the vector unit.
_FUNCTION_ROWS = 16


class NpuEmitter(Emitter):
    """Tiles are of at most the extents ``most``; functions take the rows of a fold at a time."""

    rereads, reads_sizes = True, "no"

    def __init__(self, context: Context, hardware: HardwareConfig, plan: Plan) -> None:
        super().__init__(context, hardware, plan)
        self.parts = parts_of(hardware)
        self.array = self.parts.pe_array.timing_model
        self.most = self.parts.largest_tile
        self.row_tile = min(_FUNCTION_ROWS, self.array.block[0])
        self.vector_size = self.parts.pe_array.lanes
        width = self.parts.scratchpad.write_width
        self.write_bytes = self.vector_size if width is None else max(1, width // 8)
        self.writes = self.parts.host.register_writes_per_command
        self._started = {LOAD: 0, ARRAY: 0, STORE: 0}
        self._sent = -1
        self._tiles: tuple[int, ...] = ()

    def copy(self) -> Self:
        """Return an independent copy."""
        other = super().copy()
        other._started = dict(self._started)
        return other

    # -- tasks ---------------------------------------------------------------------------------

    @property
    def last_product(self) -> int:
        """The last task that takes sums away."""
        return self._sent

    def command(
        self,
        queue: str,
        operator: str,
        uses: Iterable[Use],
        after: Iterable[int] = (),
        holds: Iterable[tuple[str, int]] = (),
        commands: int = 1,
    ) -> int:
        """Append a task of so many commands; their instructions are written ahead."""
        start = register_use(self.hardware, commands * self.writes)
        return self.plan.task(queue, operator, merge_uses([*uses, start]), after, holds)

    def _turn(self, kind: str) -> str:
        """Return the queue of the next load or product: there are as many as are under way."""
        under_way = _PRODUCTS if kind == ARRAY else self.parts.scratchpad.transfers
        self._started[kind] += 1
        return f"{kind}{self._started[kind] % under_way}"

    # -- operands ------------------------------------------------------------------------------

    def tiling(self, products: Sequence[Operator], rows: int) -> Tiling:
        """Return how products are cut, which ``most`` and they decide alone."""
        return self.cut(products, rows)

    def cut(self, products: Sequence[Operator], rows: int) -> Tiling:
        """Return rows and columns of the smallest tile."""
        tiles = [self._tile_of(Product(rows, each.columns, each.depth)) for each in products]
        rows, columns = min(each.rows for each in tiles), min(each.columns for each in tiles)
        panel = self.array.block[0] if self.array.overlapped else rows
        return Tiling(rows, columns, min(groups_together(each, panel) for each in products))

    def _tile_of(self, asked: Product) -> Product:
        return tile_within(self.array, self.most, asked)

    def moving(self, label: str, value: Value, rows: Rows, beside: Sequence[Value] = ()) -> Source:
        """Return rows of a value; tiles of them come in with each product."""
        return Source((), -1, value=value, span=rows)

    def held(self, label: str, value: Value, rows: Rows) -> Source:
        """Return rows of a value that take the place of weights."""
        return Source((), -1, value=value, span=rows)

    def drop_moved(self, name: str) -> None:
        """Nothing moved stays in the scratchpad."""

    def retire_moved(self, value: Value, operand: Operand) -> None:
        """Release a value when all tiles of its operand have come in."""
        assert isinstance(operand, Source)
        operand.ending.append(value)

    def drop(self, operand: Operand) -> None:
        """Release an operand when its last user ends."""
        super().drop(operand)
        if isinstance(operand, Source):
            self._end(operand)

    def _end(self, source: Source) -> None:
        for value in source.ending:
            self.retire_whole(value, source.last_user)
        source.ending.clear()

    def finish(self) -> None:
        """Nothing stays in the scratchpad."""

    def stationary(self, product: Operator, columns: Rows) -> Source:
        """Return columns of weights; tiles of them come in with the product."""
        return Source((), -1, weights=product, span=columns)

    def _load(
        self, label: str, source: Source, extent: Rows, depth: int, *, bias: bool = False
    ) -> Panel:
        """Bring so many rows or columns of a source in, of so many elements, with their bias."""
        count, queue = extent[1] - extent[0], self._turn(LOAD)
        size, after = count * depth, set[int]()
        if source.value:
            uses = self.read_uses(source.value, source.span, size)
            after = source.value.writers(source.span)
        else:
            uses = self._read_weights(source, extent, size, with_bias=bias)
        # Two tiles lie in the scratchpad at a time.
        after |= set(self._tiles[:-1])
        into = buffer_use(self.vector_size, SCRATCHPAD, "write", size, self.write_bytes)
        uses = [*in_rows(self.hardware.dram, uses, count), into]
        task = self.command(queue, label, uses, after, [(SCRATCHPAD, size)])
        if source.value:
            source.value.note_read(source.span, queue, task)
        return Panel(count, size, task)

    def _read_weights(
        self, source: Source, columns: Rows, size: int, *, with_bias: bool
    ) -> list[Use]:
        assert source.weights
        first, (weight, *bias) = source.span[0], self.context.stored(source.weights)
        tensors = [weight, *bias] if with_bias else [weight]
        parts = [self.context.part(weight, source.element, source.element + size)]
        source.element += size
        if with_bias:
            where = (first + columns[0], first + columns[1])
            parts += [self.context.part(each, *where) for each in bias]
        return self.from_home(tensors, parts, size)

    def from_home(
        self, tensors: Sequence[StoredTensor], parts: Sequence[Part], elements: int
    ) -> list[Use]:
        """Return the uses that bring parts of parameters over the bus, masks expanded."""
        reads = self.reads(tensors, parts)
        data, masks = sum(p.data_bytes for p in parts), sum(p.mask_bytes for p in parts)
        vectors = ceil_div(elements, self.vector_size) if masks else 0
        decode = decode_use(self.hardware, vectors)
        return [*reads, bus_use(self.hardware, data, masks, vectors, reads), decode]

    # -- results -------------------------------------------------------------------------------

    def hand_over(self, operator: Operator) -> None:
        """Let the host read a result, unless it has left already."""
        if not self.values[operator.name].spilled:
            super().hand_over(operator)

    # -- products ------------------------------------------------------------------------------

    def product(
        self,
        label: str,
        asked: Product,
        moving: Operand,
        stationary: Operand,
        out: Value,
        rows: Rows,
        after: set[int],
    ) -> int:
        """Append a product, tile by tile; return its last task."""
        assert isinstance(moving, Source)
        assert isinstance(stationary, Source)
        tile, sent = self._tile_of(asked), -1
        for down in split_rows(asked.rows, tile.rows):
            stationary.element = stationary.span[0] * asked.depth
            here = (rows[0] + down[0], rows[0] + down[1])
            for groups, across in across_tiles(asked, tile):
                pair = (moving, down), (stationary, across)
                if groups > 1:
                    sent = self._grouped(label, pair, groups, asked.depth, out, here)
                    continue
                ends = set[int]()
                for deep in split_rows(asked.depth, tile.depth):
                    first, added = self._tile(label, *pair, deep)
                    # Sums leave behind the last product, and where the first has made room.
                    ends = {first, added} if not ends else {min(ends), added}
                sent = self._send(label, across[1] - across[0], 1, ends | after, out, here)
        moving.last_user = stationary.last_user = sent
        self._end(moving)
        return sent

    def _grouped(
        self,
        label: str,
        pair: tuple[tuple[Source, Rows], tuple[Source, Rows]],
        groups: int,
        depth: int,
        out: Value,
        here: Rows,
    ) -> int:
        """Append a tile of whole groups; each panel of rows sends sums; return the last task."""
        ((inputs, rows), (weights, columns)), start = pair, here[0] - pair[0][1][0]
        held, sent = self._load(label, weights, columns, depth, bias=True), -1
        for first, last in self._panels(rows, self.array.block[0]):
            moved = self._load(label, inputs, (first, last), groups * depth)
            room = sums((first, last), columns)
            task = self._product(label, [moved], held, (0, depth), groups, room)
            self.plan.release(task, SCRATCHPAD, moved.size)
            at = (start + first, start + last)
            sent = self._send(label, held.extent, groups, {task}, out, at)
        self.plan.release(task, SCRATCHPAD, held.size)
        self._tiles = (*self._tiles[-1:], task)
        return sent

    def _tile(
        self, label: str, moving: tuple[Source, Rows], stationary: tuple[Source, Rows], deep: Rows
    ) -> tuple[int, int]:
        """Append the loads of a tile and its products; return the first and the last of them."""
        (inputs, rows), (weights, columns) = moving, stationary
        first, *others = self._panels(columns, self.array.block[1])
        down = self._panels(rows, self.array.block[0])
        depth, bias = deep[1] - deep[0], not deep[0]
        held = self._load(label, weights, first, depth, bias=bias)
        moved = [self._load(label, inputs, each, depth) for each in down]
        # All activations have come when the second panel of weights has.
        pairs = [([each], held) for each in moved]
        pairs += [(moved, self._load(label, weights, each, depth, bias=bias)) for each in others]
        room = sums(rows, columns) if not deep[0] else []
        products = []
        for some, panel in pairs:
            products.append(self._product(label, some, panel, deep, 1, room))
            room = []
        task = products[-1]
        for panel in (*moved, *{id(panel): panel for _, panel in pairs}.values()):
            self.plan.release(task, SCRATCHPAD, panel.size)
        self._tiles = (*self._tiles[-1:], task)
        return products[0], task

    def _panels(self, extent: Rows, block: int) -> list[Rows]:
        """Cut rows or columns of a tile into panels; serial folds would pay for it."""
        if not self.array.overlapped:
            return [extent]
        cut = split_rows(extent[1] - extent[0], block)
        return [(extent[0] + start, extent[0] + stop) for start, stop in cut]

    def _product(
        self,
        label: str,
        moved: Sequence[Panel],
        held: Panel,
        deep: Rows,
        groups: int,
        room: Sequence[tuple[str, int]],
    ) -> int:
        """Append a product of what has come in; each group is a command."""
        rows, columns = sum(each.extent for each in moved), held.extent // groups
        asked = Product(rows, columns, deep[1] - deep[0], groups)
        uses = product_uses(self.parts.pe_array, asked, added=deep[0] > 0)
        after = {held.loaded_by, *(each.loaded_by for each in moved)}
        return self.command(self._turn(ARRAY), label, uses, after, room, groups)

    def _send(
        self, label: str, columns: int, groups: int, after: Iterable[int], out: Value, rows: Rows
    ) -> int:
        """Append the way of finished sums to the home of their value; return its task.

        Sums of each group lie in rows of the accumulator of their own.
        """
        count = rows[1] - rows[0]
        size = SUM_BYTES * count * columns
        vectors = count * groups * ceil_div(columns // groups, self.vector_size)
        rest = in_rows(
            self.hardware.dram,
            self.write_uses(out, rows, count * columns),
            count * ceil_div(columns, self.array.columns),
        )
        uses = [Use(ACCUMULATOR, "read", Vectors(size, vectors)), *rest]
        holds = self.hold_for(out, rows, count * columns)
        queue = self._turn(STORE)
        task = self.command(queue, label, uses, after, holds)
        self.plan.release(task, ACCUMULATOR, size)
        out.note_written(rows, queue, task)
        self._sent = task
        return task

    # -- functions -----------------------------------------------------------------------------

    def vectors(self, function: Operator, span: Rows | None = None) -> Operand:
        """Bring the parameters of a function into the scratchpad, where they stay for a stage."""
        context, tensors = self.context, self.context.stored(function)
        parts = [context.part(each, *(span or (0, each.parameter.elements))) for each in tensors]
        elements = sum(part.elements for part in parts)
        uses = self.from_home(tensors, parts, elements)
        uses.append(buffer_use(self.vector_size, SCRATCHPAD, "write", elements, self.write_bytes))
        holds = ((SCRATCHPAD, elements),)
        return Operand(holds, self.command(self._turn(LOAD), function.label, uses, (), holds))

    def function(
        self,
        operator: Operator,
        shape: tuple[int, int],
        inputs: Sequence[Value],
        out: Value,
        rows: Rows,
        *,
        holds: Sequence[tuple[str, int]] = (),
        after: Iterable[int] = (),
    ) -> int:
        """Append a function of (rows, columns)."""
        writes = self.write_uses(out, rows, shape[0] * shape[1])
        task = self._compute(operator, shape, inputs, rows, writes, holds, after)
        out.note_written(rows, VECTOR, task)
        return task

    def keeps(self, operator: Operator) -> bool:
        """Results that are a number a row stay in registers."""
        return not operator.kind.keeps_width and self.context.is_result(operator)

    def decision(self, operator: Operator, source: Value, rows: Rows) -> int:
        """Append a function of which the unit keeps a number for each row."""
        shape = (rows[1] - rows[0], operator.depth)
        return self._compute(operator, shape, [source], rows, [], (), ())

    def _compute(
        self,
        operator: Operator,
        shape: tuple[int, int],
        inputs: Sequence[Value],
        rows: Rows,
        writes: Sequence[Use],
        holds: Iterable[tuple[str, int]],
        after: Iterable[int],
    ) -> int:
        """Append a command of the vector unit; each sweep reads the inputs from their home."""
        count, columns = shape
        parameters = parameters_read(operator, count, columns)
        sweeps, together = operator.kind.recipe.sweeps, 1 if operator.parts else len(inputs)
        function = function_use(VECTOR_UNIT, operator.kind, count, columns, together)
        uses = [
            *padded_to(self.parts.vector_unit.width, function),
            buffer_use(self.vector_size, SCRATCHPAD, "read", parameters),
            *self.reads_of(operator, inputs, rows, columns, sweeps),
            *writes,
        ]
        waits = {task for value in inputs for task in value.writers(rows)} | set(after)
        task = self.command(VECTOR, operator.label, uses, waits, holds)
        for value in inputs:
            value.note_read(rows, VECTOR, task)
        return task
