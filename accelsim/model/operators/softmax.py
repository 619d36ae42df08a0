"""Softmax of each row."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Softmax(OperatorKind):
    """Scales each row, masks it where ``masked``, and normalises its exponentials."""

    name = "softmax"
    reach = Reach.ROW
    recipe = Recipe(3, 4, 7)  # three sweeps: the maximum, the sum of the exponentials, the division

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the softmax of the scores (sentences, heads, rows, columns).

        A second operand, a mask (sentences, columns), hides columns where it is False: they get
        exactly 0.
        """
        import numpy as np

        scores, *masks = inputs
        for mask in masks:
            scores = np.where(mask[:, None, None, :], scores, np.float32(-np.inf))
        exponentials: Array = scores - scores.max(axis=-1, keepdims=True)
        np.exp(exponentials, out=exponentials)
        exponentials /= exponentials.sum(axis=-1, keepdims=True)
        return exponentials
