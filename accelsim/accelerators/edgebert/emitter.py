"""Turns pieces of operators into tasks: loads, moves, tile products, special functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Self

from accelsim.accelerators.edgebert.panels import loads_ahead, operand_rows, panel_columns
from accelsim.accelerators.edgebert.parts import (
    ACTIVATION_BUFFER,
    AUXILIARY,
    BUS,
    PE_ARRAY,
    WEIGHT_BUFFER,
    WEIGHT_MASKS,
    parts_of,
)
from accelsim.accelerators.edgebert.parts import SFU as SFU_BLOCK
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.components.vector_mac_array import operand_passes, port_vectors
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.timing.sfu_timing import routine_of
from accelsim.mapping.accesses import (
    HOST,
    LOAD,
    MOVE,
    Part,
    buffer_use,
    bus_use,
    decode_use,
    elements_read,
    encoded_use,
    function_use,
    mac_uses,
    memory_use,
    merge_uses,
    operand_use,
    padded_to,
    register_use,
    shared_use,
)
from accelsim.mapping.context import Context
from accelsim.mapping.emitter import Emitter, Operand, Tiling, groups_together
from accelsim.mapping.plan import Plan
from accelsim.mapping.values import Rows, Value
from accelsim.memory.storage import StoredTensor
from accelsim.model.operators import Operator
from accelsim.program import Product, Transfer, Use, Vectors
from accelsim.units import ceil_div

PE, SFU = "pe", "sfu"


@dataclass(frozen=True)
class Load:
    """What loading a panel uses, what it takes in the weight buffer, and its weights."""

    uses: tuple[Use, ...]
    holds: tuple[tuple[str, int], ...]
    part: Part


class EdgeBertEmitter(Emitter):
    """``vector_size`` is the number of elements of a vector, of rows and of columns of a tile."""

    reads_sizes = "no"

    def __init__(self, context: Context, hardware: HardwareConfig, plan: Plan) -> None:
        super().__init__(context, hardware, plan)
        self.parts = parts_of(hardware)
        self.vector_size = self.row_tile = self.parts.pe_array.vector_size
        self._moved: dict[tuple[str, Rows], Operand] = {}
        # What was worked out before is the same for every block of rows and every copy.
        self._panels: dict[tuple[str, Rows], Load] = {}
        self._loads: dict[object, Load] = {}
        self._columns: dict[tuple[str, ...], int] = {}
        self._ahead: dict[tuple[str, ...], bool] = {}
        self._products: dict[object, list[Use]] = {}
        self._commands: dict[object, tuple[list[Use], list[Use]]] = {}
        self._writes: dict[int, Use] = {}

    def copy(self) -> Self:
        """Return an independent copy."""
        other = super().copy()
        other._moved = {key: replace(operand) for key, operand in self._moved.items()}
        return other

    @property
    def last_product(self) -> int:
        """The last task of the array."""
        return self.plan.last_in_queue[PE]

    # -- tasks ---------------------------------------------------------------------------------

    def command(
        self,
        queue: str,
        operator: str,
        uses: Iterable[Use],
        after: Iterable[int] = (),
        holds: Iterable[tuple[str, int]] = (),
        commands: int = 1,
    ) -> int:
        """Append so many commands, a task, that the host starts by writing registers.

        Without a command queue the host writes them when all that the task waits for has ended.
        """
        host, overlap, last = self.parts.host, self.parts.overlap, self.plan.last_in_queue
        if commands not in self._writes:
            number = commands * host.register_writes_per_command
            self._writes[commands] = register_use(self.hardware, number)
        writes = self._writes[commands]
        if queue == SFU and not overlap.special_functions:
            queue = PE
        if not overlap.double_buffering and queue in (LOAD, MOVE) and PE in last:
            # Loads wait for the array alone: the special functions read other memories.
            after = {*after, last[PE]}
        if host.command_queue or not writes.amount:
            return self.plan.task(queue, operator, (*uses, writes), after, holds)
        if queue in last:
            after = {*after, last[queue]}
        after = {self.plan.task(HOST, operator, [writes], after)}
        return self.plan.task(queue, operator, uses, after, holds)

    # -- operand buffers -----------------------------------------------------------------------

    def cut(self, products: Sequence[Operator], rows: int) -> Tiling:
        """Return what fits the operand buffers."""
        name, weights = products[-1].name, [self.context.stored(each)[0] for each in products]
        depths = {self.context.producers[each.name][:1]: each.depth for each in products}
        fitting = operand_rows(self.parts, sum(depths.values()), rows, name)
        names = tuple(each.name for each in products)
        if names not in self._columns:
            self._columns[names] = panel_columns(self.parts, weights, name)
        # The next ones come into the other half of the buffer.
        half = self.parts.activation_buffer.data // (2 * fitting * max(depths.values()))
        groups = min(half, *(groups_together(each, fitting) for each in products))
        return Tiling(fitting, self._columns[names], max(1, groups))

    def loads_ahead(self, products: Sequence[Operator]) -> bool:
        """Say whether the next panel loads while one is in use; worked out once for all copies."""
        names = tuple(each.name for each in products)
        if names not in self._ahead:
            weights = [self.context.stored(each)[0] for each in products]
            self._ahead[names] = loads_ahead(self.parts, weights)
        return self._ahead[names]

    def stationary(self, product: Operator, columns: Rows) -> Operand:
        """Load a panel and its bias into the weight buffer."""
        load = self.panel(product, columns)
        task = self.command(LOAD, product.label, load.uses, (), load.holds)
        return Operand(load.holds, task, load.part)

    def panel(self, product: Operator, columns: Rows) -> Load:
        """Return the load of a panel and its bias.

        A masked panel brings one mask word for each of its vectors, partly filled or not.
        """
        key = (product.name, columns)
        if key not in self._panels:
            self._panels[key] = self._panel(product, columns)
        return self._panels[key]

    def _panel(self, product: Operator, columns: Rows) -> Load:
        context, (first, last) = self.context, columns
        weight, *bias = context.stored(product)
        panel = context.part(weight, first * product.depth, last * product.depth)
        parts = [panel, *(context.part(tensor, first, last) for tensor in bias)]
        # Elsewhere than in DRAM it does not matter where a panel lies.
        place = columns if any(DRAM in each.memories for each in (weight, *bias)) else last - first
        key = (product.name, place, *(own for part in parts for _, own in part.extents))
        if key not in self._loads:
            self._loads[key] = self._load(product, last - first, (weight, *bias), parts)
        return self._loads[key]

    def _load(
        self, product: Operator, columns: int, tensors: Sequence[StoredTensor], parts: list[Part]
    ) -> Load:
        data, masks = sum(part.data_bytes for part in parts), parts[0].mask_bytes
        vectors = columns * ceil_div(product.depth, self.vector_size) if masks else 0
        room = ceil_div(vectors * self.vector_size, 8)
        uses = self.reads(tensors, parts)
        moved = Transfer(data, masks, vectors)
        into = encoded_use(self.vector_size, BUS, WEIGHT_BUFFER, "write", moved)
        path = (*merge_uses(uses), bus_use(self.hardware, data, masks, vectors, uses), into)
        return Load(path, ((WEIGHT_BUFFER, data), (WEIGHT_MASKS, room)), parts[0])

    def vectors(self, function: Operator, span: Rows | None = None) -> Operand:
        """Load the parameters of a function into the auxiliary memory."""
        context, tensors = self.context, self.context.stored(function)
        parts = [context.part(each, *(span or (0, each.parameter.elements))) for each in tensors]
        data = sum(part.data_bytes for part in parts)
        uses = self.reads(tensors, parts)
        into = buffer_use(self.vector_size, AUXILIARY, "write", data)
        holds = ((AUXILIARY, data),)
        path = [*merge_uses(uses), bus_use(self.hardware, data, reads=uses), into]
        return Operand(holds, self.command(LOAD, function.label, path, (), holds))

    def held(self, label: str, value: Value, rows: Rows) -> Operand:
        """Move an activation into the weight buffer, as the second operand of attention."""
        return self._move(label, value, rows, WEIGHT_BUFFER)

    def moving(self, label: str, value: Value, rows: Rows, beside: Sequence[Value] = ()) -> Operand:
        """Return rows of a value in the activation buffer, moving them there if need be.

        Operands that lie there already are reused; the oldest make room, those from DRAM last.
        """
        key = (value.name, rows)
        if key not in self._moved:
            size = (rows[1] - rows[0]) * value.columns
            staying = {(other.name, rows) for other in beside}
            oldest = [known for known in self._moved if known not in staying]
            oldest.sort(key=lambda known: self._is_spilled(known[0]))
            while oldest and not self.plan.fits(ACTIVATION_BUFFER, size):
                self.drop(self._moved.pop(oldest.pop(0)))
            self._moved[key] = self._move(label, value, rows, ACTIVATION_BUFFER)
        return self._moved[key]

    def _is_spilled(self, name: str) -> bool:
        return name not in self.values or self.values[name].spilled > 0

    def _move(self, operator: str, value: Value, rows: Rows, buffer: str) -> Operand:
        size = (rows[1] - rows[0]) * value.columns
        into = buffer_use(self.vector_size, buffer, "write", size)
        uses = [*self.read_uses(value, rows, size), into]
        holds = ((buffer, size),)
        task = self.command(MOVE, operator, uses, value.writers(rows), holds)
        value.note_read(rows, MOVE, task)
        return Operand(holds, task)

    def drop_moved(self, name: str) -> None:
        """Release all operands of a value that lie in the activation buffer."""
        for key in [key for key in self._moved if key[0] == name]:
            self.drop(self._moved.pop(key))

    def finish(self) -> None:
        """Release everything in the activation buffer."""
        for operand in self._moved.values():
            self.drop(operand)
        self._moved.clear()

    # -- computation ---------------------------------------------------------------------------

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
        """Append one panel of a matrix product, a command for each group; return its task."""
        size, part = asked.rows * asked.groups * asked.columns, stationary.part
        key = (asked, asked.groups * asked.columns * asked.depth, 0)
        if part:
            key = (asked, part.data_bytes, part.mask_bytes)
        if key not in self._products:
            self._products[key] = self._product_uses(*key)
        uses = [*self._products[key], *self.write_uses(out, rows, size)]
        waits = {moving.loaded_by, stationary.loaded_by, *after}
        task = self.command(PE, label, uses, waits, self.hold_for(out, rows, size), asked.groups)
        moving.last_user = stationary.last_user = task
        out.note_written(rows, PE, task)
        return task

    def _product_uses(self, asked: Product, stored: int, masks: int) -> list[Use]:
        """Return the uses of a product, but for its results; of weights of so many bytes."""
        size, array = self.vector_size, self.parts.pe_array
        shape, depth, deep = (asked.rows, asked.columns), asked.depth, ceil_div(asked.depth, size)
        vectors = asked.groups * port_vectors(array, *shape, depth)
        weights, activations = operand_passes(array, *shape)
        reads, moved = (
            weights * asked.groups * asked.columns * deep,
            activations * asked.rows * asked.groups,
        )
        stored, masks = weights * stored, weights * masks
        return [
            *mac_uses(array, PE_ARRAY, asked),
            operand_use(size, WEIGHT_BUFFER, stored, masks, reads, vectors),
            operand_use(size, ACTIVATION_BUFFER, moved * depth, 0, moved * deep, vectors),
            decode_use(self.hardware, reads if masks else 0),
        ]

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
        """Append one command of the special-function unit; return its task."""
        writes = self._turns(operator, prod(shape), out, rows, len(inputs))
        task = self._special(operator, shape, inputs, rows, writes, holds, after)
        out.note_written(rows, SFU, task)
        return task

    def _turns(
        self, operator: Operator, elements: int, out: Value, rows: Rows, inputs: int
    ) -> list[Use]:
        """Return what writing the results takes; those of a turn are read in the next."""
        turns = operator.kind.turns(inputs)
        between = self.read_uses(out, rows, elements, turns - 1) if turns > 1 else []
        return [*between, *self.write_uses(out, rows, elements, turns)]

    def _special(
        self,
        operator: Operator,
        shape: tuple[int, int],
        inputs: Sequence[Value],
        rows: Rows,
        writes: Iterable[Use] = (),
        holds: Iterable[tuple[str, int]] = (),
        after: Iterable[int] = (),
    ) -> int:
        """Append a command that reads every input from the activation memory in each pass.

        A row is as wide as the result where the kind keeps widths.
        """
        columns = shape[1] if operator.kind.keeps_width else operator.depth
        reads = elements_read(operator, shape[0], columns, len(inputs))
        pairs = zip(inputs, reads, strict=True)
        staged = [self._stage(operator.label, value, rows, each) for value, each in pairs]
        key = (operator.name, shape[0], columns, *map(id, written := list(writes)))
        if key not in self._commands:
            asked = self._command_uses(operator, shape[0], columns, reads)
            self._commands[key] = merge_uses([*asked, *written]), written
        waits = {task for value in inputs for task in value.writers(rows)} | set(after)
        waits |= {task for task, size in staged if size}
        task = self.command(SFU, operator.label, self._commands[key][0], waits, holds)
        for value in inputs:
            value.note_read(rows, SFU, task)
        for _, size in staged:
            self.plan.release(task, self.activation_memory, size)
        return task

    def _command_uses(
        self, operator: Operator, rows: int, columns: int, reads: Sequence[int]
    ) -> list[Use]:
        """Return the uses of a function that reads so many elements, but for its results."""
        routine, size = routine_of(operator.kind.name), self.vector_size
        auxiliary = routine.auxiliary_reads * rows * ceil_div(columns, size)
        home, bits = self.activation_memory, 8 * len(routine.reads)
        together = 1 if operator.parts else len(reads)
        sources = (home, AUXILIARY)
        return [
            *padded_to(
                size, function_use(SFU_BLOCK, operator.kind, rows, columns, together, sources)
            ),
            shared_use(AUXILIARY, "read", Vectors, size * auxiliary, auxiliary),
            *(memory_use(self.hardware, home, "read", bits * each) for each in reads),
        ]

    def _stage(self, label: str, value: Value, rows: Rows, elements: int) -> tuple[int, int]:
        """Fetch what of a value lies in DRAM; return the task and the bytes that it takes."""
        memory, size = self.activation_memory, elements - value.on_chip(rows, elements)
        if not size:
            return -1, 0
        path = [use for use in self.read_uses(value, rows, elements) if use.block != memory]
        path.append(memory_use(self.hardware, memory, "write", 8 * size))
        task = self.command(MOVE, label, path, value.writers(rows), [(memory, size)])
        value.note_read(rows, MOVE, task)
        return task, size

    def keeps(self, operator: Operator) -> bool:
        """Say whether a function's routine writes nothing back."""
        return not routine_of(operator.kind.name).emits

    def decision(self, operator: Operator, source: Value, rows: Rows) -> int:
        """Append a function whose result stays in a register; return its task."""
        return self._special(operator, (rows[1] - rows[0], operator.columns), [source], rows)
