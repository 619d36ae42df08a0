"""Pixels between pixels: bilinear enlargement."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Interpolate(OperatorKind):
    """Makes each row of four rows of its input, weighed: a picture of another size.

    ``sources`` are rows and columns of its input. Numbers and weights of the four rows, (4, rows)
    each, come from outside the graph. All four are read, whatever their weights [ours].
    """

    name = "interpolate"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 4, 4)  # four products, added
    taps = 4
    one_turn = True

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the weighed sums."""
        import numpy as np

        value, rows, weights = inputs
        made: Array = np.zeros((len(value), operator.rows, operator.columns), np.float32)
        for row, weight in zip(rows, weights, strict=True):
            made += value[:, row] * weight[:, None]
        return made
