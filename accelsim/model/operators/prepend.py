"""A row of its own before all others."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.tensors import Shape


class Prepend(OperatorKind):
    """Puts a learned row before the rows of its input: the class token of a vision transformer.

    Its ``window`` says that output rows are not those of the input.
    """

    name = "prepend"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 0, 1)  # a copy, counted as an addition
    vectors = 1

    def inputs(self, operator: Operator) -> tuple[Shape, ...]:
        """Return all rows but the first."""
        return ((operator.rows - 1, operator.depth),)

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the learned row, then those of the input."""
        import numpy as np

        first = np.broadcast_to(parameters[0], (len(inputs[0]), 1, operator.columns))
        return np.concatenate([first, inputs[0]], axis=1)
