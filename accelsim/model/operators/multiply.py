"""Product of two inputs, element by element."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Multiply(OperatorKind):
    """Multiplies two inputs, element by element: the gate of a gated feed-forward network."""

    name = "multiply"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 0)  # one multiplication
    operands = 2

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the product of both inputs."""
        product: Array = inputs[0] * inputs[1]
        return product
