"""Product of two inputs, element by element."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.tensors import Shape


class Multiply(OperatorKind):
    """Multiplies two inputs, element by element: the gate of a gated feed-forward network.

    In the form ``row`` the second is one row for all of the first: weights of channels.
    """

    name = "multiply"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 0)  # one multiplication
    operands = 2
    forms = frozenset({"", "row"})

    def inputs(self, operator: Operator) -> tuple[Shape, ...]:
        """Return two matrices, or a matrix and a row."""
        width = operator.batch * operator.depth
        return (operator.rows, width), (1 if operator.form else operator.rows, width)

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the product of both inputs."""
        return inputs[0] * inputs[1]
