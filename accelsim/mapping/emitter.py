"""What emission asks of an accelerator: tasks for the pieces of work that stages consist of."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.accesses import (
    HOST,
    LOAD,
    MOVE,
    Part,
    bus_use,
    decode_use,
    elements_read,
    memory_use,
    merge_uses,
    read_part,
    register_use,
)
from accelsim.mapping.context import Context
from accelsim.mapping.plan import Plan
from accelsim.mapping.values import Rows, Value
from accelsim.memory.storage import StoredTensor
from accelsim.model.operators import Operator, Reach
from accelsim.program import Product, Range, Use
from accelsim.units import ceil_div

# A read of a configuration register takes 8 to 9 cycles, a write 4 (EdgeBERT's SystemC).
_WRITES_AS_LONG_AS_A_READ = 2


@dataclass
class Operand:
    """What lies in a buffer for products or functions: the bytes it takes there, and its users."""

    holds: tuple[tuple[str, int], ...]
    loaded_by: int
    part: Part | None = None
    last_user: int = field(default=-1)


@dataclass(frozen=True)
class Tiling:
    """How products are cut: rows of what moves, columns of weights and whole groups at a time."""

    rows: int
    columns: int
    groups: int


# [ours] What comes in first and what leaves last of an operator is at most this part of it, as
# nothing hides it, and at most a 64th of its time each.
_BLOCKS = 64


def groups_together(product: Operator, rows: int) -> int:
    """Return how many groups of a product go together, of so many rows."""
    return max(1, product.groups * ceil_div(product.rows, rows) // _BLOCKS)


# How products were cut, by their names and rows.
Asked = dict[tuple[tuple[str, ...], int], tuple[Sequence[Operator], Tiling]]


class Emitter(ABC):
    """Appends tasks to a plan. One object a segment; ``copy`` it to try a continuation.

    An accelerator's own emitter says which tasks a product, a function or a load takes.
    ``row_tile`` are the rows that a function which needs whole rows takes at a time,
    ``vector_size`` the elements that are decoded in a cycle. ``rereads`` says that every panel of a
    product reads what moves from its home again. ``reads_sizes`` says that what is emitted depends
    on sizes of buffers by more than what the plan compares and how products are cut; those that
    were ``asked`` for are remembered. Activations lie in ``activation_memory``.
    """

    rereads: ClassVar[bool] = False
    reads_sizes: ClassVar[Literal["no", "of buffers", "of all"]] = "of all"
    row_tile: int
    vector_size: int

    def __init__(self, context: Context, hardware: HardwareConfig, plan: Plan) -> None:
        self.context = context
        self.hardware = hardware
        self.plan = plan
        self.activation_memory = hardware.placement.activations
        self.values: dict[str, Value] = {}
        self.asked: Asked = {}
        self._tilings: dict[tuple[tuple[str, ...], int], Tiling] = {}

    def copy(self) -> Self:
        """Return an independent copy."""
        other = copy.copy(self)
        other.plan, other.asked = self.plan.copy(), dict(self.asked)
        other.values = {name: value.copy() for name, value in self.values.items()}
        return other

    # -- what an accelerator adds --------------------------------------------------------------

    @property
    @abstractmethod
    def last_product(self) -> int:
        """The task after which no product planned so far reads anything."""

    @abstractmethod
    def command(
        self,
        queue: str,
        operator: str,
        uses: Iterable[Use],
        after: Iterable[int] = (),
        holds: Iterable[tuple[str, int]] = (),
    ) -> int:
        """Append a task that the host starts; return it."""

    @abstractmethod
    def cut(self, products: Sequence[Operator], rows: int) -> Tiling:
        """Return how products that share their columns are cut, for so many rows.

        Raises CapacityError when not even the smallest tiles fit.
        """

    def tiles(self, products: Sequence[Operator], rows: int) -> Tiling:
        """Return how products are cut; it is worked out once for all copies."""
        key = (tuple(each.name for each in products), rows)
        if key not in self._tilings:
            self._tilings[key] = self.cut(products, rows)
        return self._tilings[key]

    def tiling(self, products: Sequence[Operator], rows: int) -> Tiling:
        """Return how products are cut, and remember that it mattered."""
        tiling = self.tiles(products, rows)
        self.asked[tuple(each.name for each in products), rows] = products, tiling
        return tiling

    @abstractmethod
    def moving(self, label: str, value: Value, rows: Rows, beside: Sequence[Value] = ()) -> Operand:
        """Return rows of a value where the array reads them; those of others stay ``beside``."""

    @abstractmethod
    def held(self, label: str, value: Value, rows: Rows) -> Operand:
        """Return rows of a value where the array reads weights, as operand of an attention."""

    @abstractmethod
    def drop_moved(self, name: str) -> None:
        """Note that no product reads a value again."""

    @abstractmethod
    def stationary(self, product: Operator, columns: Rows) -> Operand:
        """Return the weights and biases of some output columns where the array reads them."""

    @abstractmethod
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
        """Append one panel of a matrix product, or of several groups; return its task."""

    @abstractmethod
    def vectors(self, function: Operator, span: Rows | None = None) -> Operand:
        """Return the parameters of a function, or some elements, where its unit reads them."""

    @abstractmethod
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
        """Append a row-wise function of (rows, columns); return its task."""

    @abstractmethod
    def keeps(self, operator: Operator) -> bool:
        """Say whether a function leaves its results in registers, not in the memory."""

    @abstractmethod
    def decision(self, operator: Operator, source: Value, rows: Rows) -> int:
        """Append a function of which the host reads a register for each row; return its task."""

    @abstractmethod
    def finish(self) -> None:
        """Release what the buffers still hold for products, at the end of a segment."""

    # -- activations ---------------------------------------------------------------------------

    def new_value(self, name: str, rows: int, columns: int) -> Value:
        """Register an activation that is about to be written and stays on the chip."""
        self.values[name] = Value(name, rows, columns)
        return self.values[name]

    def spills(self, operator: Operator) -> int:
        """Return how many of the last rows of an output lie in DRAM."""
        return self.context.spilled.get(operator.name, 0)

    def output(self, operator: Operator) -> Value:
        """Return the whole output of an operator, where it spills to if it must."""
        if operator.kind.reach is Reach.STATE:
            return self.values.setdefault(operator.name, self.state(operator))
        if operator.name not in self.values:
            self.values[operator.name] = Value(
                operator.name,
                operator.rows,
                operator.batch * operator.columns,
                self.spills(operator),
                self.context.address(operator.name),
            )
        return self.values[operator.name]

    def state(self, operator: Operator) -> Value:
        """Return the whole of what an operator keeps for later programs, in its home."""
        cache = self.context.placement.cache
        assert cache, operator.name
        return Value(
            operator.name,
            operator.seen_rows,
            operator.columns,
            address=self.context.address(operator.name),
            home=cache.memory,
            bits=cache.bits,
        )

    def outside(self, operator: Operator) -> list[Value]:
        """Return what an operator reads that no other makes: it waits in DRAM, if there is one."""
        shapes = operator.kind.inputs(operator)
        there = self.hardware.dram is not None
        return [
            Value(f"{operator.name}.{number}", rows, width, spilled=rows if there else 0)
            for number, (rows, width) in enumerate(shapes)
        ]

    def read_uses(self, value: Value, rows: Rows, elements: int, passes: int = 1) -> list[Use]:
        """Return the uses that read elements in some rows of a value from its home."""
        return self._access(value, "read", rows, elements, passes)

    def reads_of(
        self, operator: Operator, inputs: Sequence[Value], rows: Rows, columns: int, passes: int
    ) -> list[Use]:
        """Return the uses that read the inputs of a function so many times."""
        each = elements_read(operator, rows[1] - rows[0], columns, len(inputs))
        pairs = zip(inputs, each, strict=True)
        return [use for value, n in pairs for use in self.read_uses(value, rows, n, passes)]

    def write_uses(self, value: Value, rows: Rows, elements: int, passes: int = 1) -> list[Use]:
        """Return the uses that write elements in some rows of a value to its home."""
        return self._access(value, "write", rows, elements, passes)

    def _access(
        self, value: Value, action: str, rows: Rows, elements: int, passes: int
    ) -> list[Use]:
        if value.home:
            return self._access_home(value, action, rows, elements * passes)
        kept, memory = value.on_chip(rows, elements), self.activation_memory
        uses = [memory_use(self.hardware, memory, action, 8 * kept * passes)] if kept else []
        if away := elements - kept:
            place = Range(value.address_of(rows), away, passes)
            uses += [Use(DRAM, action, place), bus_use(self.hardware, away * passes)]
        return uses

    def _access_home(self, value: Value, action: str, rows: Rows, elements: int) -> list[Use]:
        """Return the uses of a cache: what is read lies side by side there."""
        size = value.size(elements)
        bus = bus_use(self.hardware, size)
        if value.home == DRAM:
            address = value.address + value.size(rows[0] * value.columns)
            return [Use(DRAM, action, Range(address, size)), bus]
        return [memory_use(self.hardware, value.home, action, 8 * size), bus]

    def hold_for(self, value: Value, rows: Rows, elements: int) -> list[tuple[str, int]]:
        """Return what writing new elements in some rows takes in the activation memory."""
        return [(self.activation_memory, value.on_chip(rows, elements))]

    def retire(self, value: Value, rows: Rows, elements: int, task: int) -> None:
        """Release elements in some rows of a value when the task, its last user, ends."""
        self.plan.release(task, self.activation_memory, value.on_chip(rows, elements))

    def retire_whole(self, value: Value, task: int) -> None:
        """Release a value when the task, its last user, ends."""
        self.retire(value, (0, value.rows), value.rows * value.columns, task)

    def retire_moved(self, value: Value, operand: Operand) -> None:
        """Release a value of which an operand was made, when that no longer needs it."""
        self.retire_whole(value, operand.loaded_by)

    def drop(self, operand: Operand) -> None:
        """Release an operand when its last user ends."""
        task = max(operand.last_user, operand.loaded_by)
        for buffer, size in operand.holds:
            self.plan.release(task, buffer, size)

    # -- ways in and out -----------------------------------------------------------------------

    def reads(self, tensors: Sequence[StoredTensor], parts: Sequence[Part]) -> list[Use]:
        """Return the uses that read a part of each tensor from its home, in DRAM from its place."""
        return [
            use
            for tensor, part in zip(tensors, parts, strict=True)
            for use in read_part(self.hardware, part, self.context.address(tensor.parameter.name))
        ]

    def gather(self, operator: Operator, out: Value, rows: Rows) -> None:
        """Look up table rows in one scatter-gather transfer; equal rows are read once.

        Each row takes whole words of its memory. In DRAM the rows are spread over the table.
        """
        count, tensor = rows[1] - rows[0], self.context.stored(operator)[0]
        distinct = min(count, tensor.parameter.shape[0])
        row = self.context.part(tensor, 0, operator.columns)
        address = self.context.address(tensor.parameter.name)
        stride = ceil_div(tensor.value_bits + tensor.mask_bits, 8) // distinct
        reads = read_part(self.hardware, row, address, distinct, stride)
        path = bus_use(self.hardware, distinct * (row.data_bytes + row.mask_bytes), reads=reads)
        elements = count * operator.columns
        decoded = ceil_div(elements, self.vector_size) if tensor.masked else 0
        decode = decode_use(self.hardware, decoded)
        uses = merge_uses([*reads, path, decode, *self.write_uses(out, rows, elements)])
        task = self.command(LOAD, operator.label, uses, (), self.hold_for(out, rows, elements))
        out.note_written(rows, LOAD, task)

    def keep(self, operator: Operator, source: Value, rows: Rows) -> int:
        """Put rows behind those of a cache; return the task."""
        out, elements = self.output(operator), (rows[1] - rows[0]) * operator.columns
        behind = (operator.kept + rows[0], operator.kept + rows[1])
        reads, writes = (
            self.read_uses(source, rows, elements),
            self.write_uses(out, behind, elements),
        )
        uses = merge_uses([*reads, *writes])
        task = self.command(MOVE, operator.label, uses, source.writers(rows))
        source.note_read(rows, MOVE, task)
        out.note_written(behind, MOVE, task)
        return task

    def decide(self, operator: Operator, rows: Rows) -> None:
        """Compute the entropy of the logits; the host reads it from a register, and the logits.

        Which check a sentence leaves by is not known here, so the host takes them at every check.
        """
        producer = self.context.producers[operator.name][0]
        task = self.decision(operator, self.values[producer.name], rows)
        read = register_use(self.hardware, _WRITES_AS_LONG_AS_A_READ)
        self.plan.task(HOST, f"{operator.label}.result", [read], {task})
        self.hand_over(producer)

    def hand_over(self, operator: Operator) -> None:
        """Let the host read a final result, which then leaves the activation memory."""
        value, rows = self.values[operator.name], (0, operator.rows)
        uses = self.read_uses(value, rows, operator.elements)
        task = self.command(MOVE, f"{operator.label}.result", uses, value.users(rows))
        self.retire_whole(value, task)
