"""Product of two inputs, element by element."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.tensors import Shape


class Multiply(OperatorKind):
    """Multiplies two inputs, element by element: the gate of a gated feed-forward network."""

    name = "multiply"
    reach = Reach.ELEMENT

    def inputs(self, operator: Operator) -> tuple[Shape, ...]:
        """Return two inputs of one shape."""
        return super().inputs(operator) * 2

    def recipe(self) -> Recipe:
        """Return one multiplication."""
        return Recipe(1, 1, 0)

    def compute(
        self, operator: Operator, operands: Arrays, parameters: Arrays, state: Held
    ) -> Array:
        """Return the product of both operands."""
        product: Array = operands[0] * operands[1]
        return product


MULTIPLY = Multiply()
