"""Turns pieces of operators into tasks: loads, moves, tile products, special functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from accelsim.accelerators.edgebert.parts import parts_of
from accelsim.machine.components.vector_mac_array import operand_passes, port_vectors
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping import accesses
from accelsim.mapping.accesses import (
    Part,
    buffer_use,
    bus_use,
    memory_use,
    merge_uses,
    read_part,
    shared_use,
)
from accelsim.mapping.plan import Plan
from accelsim.mapping.values import Rows, Value
from accelsim.model.operators import LAYER_NORM, SOFTMAX, OperatorKind
from accelsim.placement.placement import DRAM
from accelsim.program import Command, Elements, Product, Range, Use, Vectors
from accelsim.units import ceil_div

LOAD, MOVE, PE, SFU, HOST = "load", "move", "pe", "sfu", "host"

# Reads of the row's data, and of the auxiliary memory, for each vector (EdgeBERT's passes).
_DATA_PASSES = {SOFTMAX: 3, LAYER_NORM: 2}
_AUXILIARY_READS = {SOFTMAX: 1, LAYER_NORM: 2}


@dataclass
class Operand:
    """A block of a matrix in an operand buffer: bytes of data and masks, and its users."""

    buffer: str
    data: int
    masks: int
    loaded_by: int
    part: Part | None = None
    last_user: int = -1


class Emitter:
    """Appends tasks to a plan. One object a segment; ``copy`` it to try a continuation.

    ``vector_size`` is the number of elements of a vector, of rows and of columns of a tile.
    """

    def __init__(self, hardware: HardwareConfig, plan: Plan) -> None:
        self.hardware = hardware
        self.parts = parts_of(hardware)
        self.plan = plan
        self.vector_size = self.parts.pe_array.vector_size
        writes = Command(self.parts.host.register_writes_per_command)
        self._register_writes = Use(accesses.HOST, "register_write", writes)
        self.values: dict[str, Value] = {}
        self._activation_operands: dict[tuple[str, Rows], Operand] = {}

    def copy(self) -> Emitter:
        """Return an independent copy."""
        other = Emitter(self.hardware, self.plan.copy())
        other.values = {name: value.copy() for name, value in self.values.items()}
        operands = self._activation_operands
        other._activation_operands = {key: replace(operand) for key, operand in operands.items()}
        return other

    @property
    def activation_memory(self) -> str:
        """Name of the memory in which activations lie."""
        return self.hardware.placement.activations

    # -- tasks ---------------------------------------------------------------------------------

    def command(
        self,
        queue: str,
        operator: str,
        uses: Iterable[Use],
        after: Iterable[int] = (),
        holds: Iterable[tuple[str, int]] = (),
    ) -> int:
        """Append a task that the host starts by writing configuration registers.

        Without a command queue the host writes them when all that the task waits for has ended.
        """
        host, writes = self.parts.host, self._register_writes
        if queue == SFU and not self.parts.overlap.special_functions:
            queue = PE
        waits = set(after)
        if queue in (LOAD, MOVE) and not self.parts.overlap.double_buffering:
            waits |= {self.plan.last_in_queue[q] for q in (PE, SFU) if q in self.plan.last_in_queue}
        if host.command_queue or not writes.amount:
            return self.plan.task(queue, operator, [*uses, writes], waits, holds)
        if queue in self.plan.last_in_queue:
            waits.add(self.plan.last_in_queue[queue])
        waits = {self.plan.task(HOST, operator, [writes], waits)}
        return self.plan.task(queue, operator, uses, waits, holds)

    # -- activations ---------------------------------------------------------------------------

    def new_value(
        self, name: str, rows: int, columns: int, *, spilled: bool = False, address: int = 0
    ) -> Value:
        """Register an activation that is about to be written."""
        value = Value(name, rows, columns, spilled, address)
        self.values[name] = value
        return value

    def read_uses(self, value: Value, rows: Rows, elements: int, passes: int = 1) -> list[Use]:
        """Return the uses that read elements in some rows of a value from its home."""
        return self._access(value, "read", rows, elements, passes)

    def write_uses(self, value: Value, rows: Rows, elements: int) -> list[Use]:
        """Return the uses that write elements in some rows of a value to its home."""
        return self._access(value, "write", rows, elements, 1)

    def _access(
        self, value: Value, action: str, rows: Rows, elements: int, passes: int
    ) -> list[Use]:
        amount = elements * passes
        if value.spilled:
            place = Range(value.address_of(rows), elements, passes)
            return [Use(DRAM, action, place), bus_use(amount)]
        return [memory_use(self.hardware, self.activation_memory, action, 8 * amount)]

    def hold_for(self, value: Value, elements: int) -> list[tuple[str, int]]:
        """Return what writing new elements of a value takes in the activation memory."""
        return [] if value.spilled else [(self.activation_memory, elements)]

    def retire(self, value: Value, elements: int, task: int) -> None:
        """Release elements of a value when the task, its last user, ends."""
        if not value.spilled:
            self.plan.release(task, self.activation_memory, elements)

    # -- operand buffers -----------------------------------------------------------------------

    def load_weights(self, operator: str, parts: list[Part], vectors: int, address: int) -> Operand:
        """Load parts of parameters (a panel and its bias) into the weight buffer.

        A masked panel brings one mask word for each of its ``vectors``, partly filled or not.
        """
        panel = parts[0]
        data = sum(part.data_bytes for part in parts)
        masks = panel.mask_bytes
        room = ceil_div(vectors * self.vector_size, 8) if masks else 0
        uses = [use for part in parts for use in read_part(self.hardware, part, address)]
        into = buffer_use(self.vector_size, accesses.WEIGHT_BUFFER, "write", data + masks)
        holds = [(accesses.WEIGHT_BUFFER, data), (accesses.WEIGHT_MASKS, room)]
        path = [*merge_uses(uses), bus_use(data, masks, vectors if masks else 0), into]
        task = self.command(LOAD, operator, path, (), holds)
        return Operand(accesses.WEIGHT_BUFFER, data, room, task, panel)

    def load_auxiliary(self, operator: str, parts: list[Part], address: int) -> Operand:
        """Load layer-norm parameters into the auxiliary memory."""
        data = sum(part.data_bytes for part in parts)
        uses = [use for part in parts for use in read_part(self.hardware, part, address)]
        into = buffer_use(self.vector_size, accesses.AUXILIARY, "write", data)
        holds = [(accesses.AUXILIARY, data)]
        task = self.command(LOAD, operator, [*merge_uses(uses), bus_use(data), into], (), holds)
        return Operand(accesses.AUXILIARY, data, 0, task)

    def move_weights(self, operator: str, value: Value, rows: Rows) -> Operand:
        """Move an activation into the weight buffer, as the second operand of attention."""
        return self._move(operator, value, rows, accesses.WEIGHT_BUFFER)

    def operand(self, operator: str, value: Value, rows: Rows) -> Operand:
        """Return rows of a value in the activation buffer, moving them there if need be.

        Operands that lie there already are reused; the oldest ones make room.
        """
        key = (value.name, rows)
        if key not in self._activation_operands:
            size = (rows[1] - rows[0]) * value.columns
            while self.plan.free(accesses.ACTIVATION_BUFFER) < size and self._activation_operands:
                self.drop(self._activation_operands.pop(next(iter(self._activation_operands))))
            moved = self._move(operator, value, rows, accesses.ACTIVATION_BUFFER)
            self._activation_operands[key] = moved
        return self._activation_operands[key]

    def _move(self, operator: str, value: Value, rows: Rows, buffer: str) -> Operand:
        size = (rows[1] - rows[0]) * value.columns
        into = buffer_use(self.vector_size, buffer, "write", size)
        uses = [*self.read_uses(value, rows, size), into]
        task = self.command(MOVE, operator, uses, value.writers(rows), [(buffer, size)])
        value.note_read(rows, MOVE, task)
        return Operand(buffer, size, 0, task)

    def drop(self, operand: Operand) -> None:
        """Release an operand when its last user ends."""
        task = max(operand.last_user, operand.loaded_by)
        self.plan.release(task, operand.buffer, operand.data)
        if operand.masks:
            self.plan.release(task, accesses.WEIGHT_MASKS, operand.masks)

    def drop_value_operands(self, name: str) -> None:
        """Release all operands of a value that lie in the activation buffer."""
        for key in [key for key in self._activation_operands if key[0] == name]:
            self.drop(self._activation_operands.pop(key))

    def drop_all_operands(self) -> None:
        """Release everything in the activation buffer, at the end of a segment."""
        for operand in self._activation_operands.values():
            self.drop(operand)
        self._activation_operands.clear()

    # -- computation ---------------------------------------------------------------------------

    def product(
        self,
        operator: str,
        shape: tuple[int, int, int],
        moving: Operand,
        stationary: Operand,
        out: Value,
        rows: Rows,
        after: set[int],
    ) -> int:
        """Append one panel of a matrix product: (rows, columns, depth); return its task."""
        count, columns, depth = shape
        vectors = port_vectors(self.parts.pe_array, *shape)
        weights, activations = operand_passes(self.parts.pe_array, count, columns)
        stored, masks = self._stored_bytes(stationary, columns * depth)
        read, moved = weights * (stored + masks), activations * count * depth
        decoded = weights * columns * ceil_div(depth, self.vector_size) if masks else 0
        uses = [
            shared_use(accesses.PE_ARRAY, "mac", Product, count, columns, depth),
            shared_use(accesses.WEIGHT_BUFFER, "read", Vectors, read, vectors),
            shared_use(accesses.ACTIVATION_BUFFER, "read", Vectors, moved, vectors),
            shared_use(accesses.CODEC, "decode", Vectors, decoded, decoded),
            *self.write_uses(out, rows, count * columns),
        ]
        waits = {moving.loaded_by, stationary.loaded_by, *after}
        task = self.command(PE, operator, uses, waits, self.hold_for(out, count * columns))
        moving.last_user = stationary.last_user = task
        out.note_written(rows, PE, task)
        return task

    def _stored_bytes(self, operand: Operand, elements: int) -> tuple[int, int]:
        if operand.part is None:
            return elements, 0
        return operand.part.data_bytes, operand.part.mask_bytes

    def special_function(
        self,
        kind: OperatorKind,
        operator: str,
        shape: tuple[int, int],
        inputs: list[Value],
        out: Value,
        rows: Rows,
        *,
        holds: list[tuple[str, int]],
        after: Iterable[int] = (),
    ) -> int:
        """Append one command of the special-function unit on (rows, columns); return its task."""
        count, columns = shape
        elements = count * columns
        passes = _DATA_PASSES.get(kind, 1)
        size = self.vector_size
        vectors = count * ceil_div(columns, size)
        auxiliary = vectors * _AUXILIARY_READS.get(kind, 0)
        operands = max(1, len(inputs))
        reads = [use for value in inputs for use in self.read_uses(value, rows, elements, passes)]
        uses = [
            shared_use(accesses.SFU, kind.name, Elements, count, columns, operands),
            shared_use(accesses.AUXILIARY, "read", Vectors, size * auxiliary, auxiliary),
            *reads,
            *self.write_uses(out, rows, elements),
        ]
        waits = {task for value in inputs for task in value.writers(rows)} | set(after)
        task = self.command(SFU, operator, merge_uses(uses), waits, holds)
        for value in inputs:
            value.note_read(rows, SFU, task)
        out.note_written(rows, SFU, task)
        return task
