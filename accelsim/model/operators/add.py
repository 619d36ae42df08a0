"""Sum of two or more inputs."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.tensors import Shape


class Add(OperatorKind):
    """Adds two or more inputs, element by element."""

    name = "add"
    reach = Reach.ELEMENT
    repeats = True

    def inputs(self, operator: Operator) -> tuple[Shape, ...]:
        """Return the first two inputs; more may follow."""
        return super().inputs(operator) * 2

    def recipe(self) -> Recipe:
        """Return one addition."""
        return Recipe(1, 0, 1)

    def compute(
        self, operator: Operator, operands: Arrays, parameters: Arrays, state: Held
    ) -> Array:
        """Return the sum, in the order of the operands."""
        return sum(operands[1:], start=operands[0])


ADD = Add()
