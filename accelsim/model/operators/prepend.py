"""Rows of its own before all others."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.tensors import Shape


class Prepend(OperatorKind):
    """Puts learned rows before the rows of its input: a class token, or the prefix of a task.

    The parameter is one row, or a matrix of several. Its ``window`` says that output rows are not
    those of the input.
    """

    name = "prepend"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 0, 1)  # a copy, counted as an addition
    vectors = 1

    def inputs(self, operator: Operator) -> tuple[Shape, ...]:
        """Return all rows but the learned ones."""
        learned, _ = _matrix(operator)
        return ((operator.rows - learned, operator.depth),)

    def parameters(self, operator: Operator) -> tuple[tuple[Shape, ...], ...]:
        """Return a row, or a matrix of any number of rows."""
        return ((operator.columns,),), (_matrix(operator),)

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the learned rows, then those of the input."""
        import numpy as np

        first = np.broadcast_to(parameters[0], (len(inputs[0]), *_matrix(operator)))
        return np.concatenate([first, inputs[0]], axis=1)


def _matrix(operator: Operator) -> Shape:
    """Return the rows and columns of what is learned."""
    shape = operator.parameters[0].shape if operator.parameters else ()
    return (shape[0] if len(shape) > 1 else 1, operator.columns)
