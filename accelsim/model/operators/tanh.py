"""Hyperbolic tangent."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Tanh(OperatorKind):
    """Takes the hyperbolic tangent of each element."""

    name = "tanh"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 2)  # one piecewise-linear step

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return tanh(x)."""
        import numpy as np

        return np.tanh(inputs[0])
