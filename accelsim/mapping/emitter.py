"""What emission asks of an accelerator: tasks for the pieces of work that stages consist of."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.accesses import Part, bus_use, memory_use
from accelsim.mapping.context import Context
from accelsim.mapping.plan import Plan
from accelsim.mapping.values import Rows, Value
from accelsim.model.operators import Operator
from accelsim.placement.placement import DRAM
from accelsim.program import Range, Use


@dataclass
class Operand:
    """What lies in a buffer for products or functions: the bytes it takes there, and its users."""

    holds: tuple[tuple[str, int], ...]
    loaded_by: int
    part: Part | None = None
    last_user: int = field(default=-1)


@dataclass(frozen=True)
class Tiling:
    """How products are cut: rows of the moving operand and columns of the weights at a time."""

    rows: int
    columns: int


class Emitter(ABC):
    """Appends tasks to a plan. One object a segment; ``copy`` it to try a continuation.

    An accelerator's own emitter says which tasks a product, a function, a look-up or a load takes.
    ``row_tile`` are the rows that a function which needs whole rows takes at a time.
    """

    row_tile: int

    def __init__(self, context: Context, hardware: HardwareConfig, plan: Plan) -> None:
        self.context = context
        self.hardware = hardware
        self.plan = plan
        self.values: dict[str, Value] = {}

    def copy(self) -> Self:
        """Return an independent copy."""
        other = copy.copy(self)
        other.plan = self.plan.copy()
        other.values = {name: value.copy() for name, value in self.values.items()}
        return other

    # -- what an accelerator adds --------------------------------------------------------------

    @abstractmethod
    def tiling(self, products: Sequence[Operator], rows: int) -> Tiling:
        """Return how products that share their columns are cut, for so many rows.

        Raises CapacityError when not even the smallest tiles fit.
        """

    @abstractmethod
    def moving(self, label: str, value: Value, rows: Rows, beside: Sequence[Value] = ()) -> Operand:
        """Return rows of a value where the array reads them; those of others stay ``beside``."""

    @abstractmethod
    def stationary(self, product: Operator, columns: Rows) -> Operand:
        """Return the weights and biases of some output columns where the array reads them."""

    @abstractmethod
    def product(
        self,
        label: str,
        shape: tuple[int, int, int],
        moving: Operand,
        stationary: Operand,
        out: Value,
        rows: Rows,
        after: set[int],
    ) -> int:
        """Append one panel of a matrix product: (rows, columns, depth); return its task."""

    @abstractmethod
    def vectors(self, function: Operator) -> Operand:
        """Return the parameters of a function where its unit reads them."""

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
    def gather(self, operator: Operator, out: Value, rows: Rows) -> None:
        """Append the look-up of some rows."""

    @abstractmethod
    def hand_over(self, operator: Operator) -> None:
        """Let the host read a result, which then leaves the chip."""

    @abstractmethod
    def finish(self) -> None:
        """Release what the buffers still hold for products, at the end of a segment."""

    # -- activations ---------------------------------------------------------------------------

    @property
    def activation_memory(self) -> str:
        """Name of the memory in which activations lie."""
        return self.hardware.placement.activations

    def new_value(self, name: str, rows: int, columns: int) -> Value:
        """Register an activation that is about to be written and stays on the chip."""
        self.values[name] = Value(name, rows, columns)
        return self.values[name]

    def output(self, operator: Operator) -> Value:
        """Return the whole output of an operator, where it spills to if it must."""
        if operator.name not in self.values:
            spilled = self.context.spill and operator.name in self.context.crossing
            self.values[operator.name] = Value(
                operator.name,
                operator.rows,
                operator.batch * operator.columns,
                spilled,
                self.context.address(operator.name),
            )
        return self.values[operator.name]

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

    def drop(self, operand: Operand) -> None:
        """Release an operand when its last user ends."""
        task = max(operand.last_user, operand.loaded_by)
        for buffer, size in operand.holds:
            self.plan.release(task, buffer, size)
