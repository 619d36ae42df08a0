"""Hyperbolic tangent."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Tanh(OperatorKind):
    """Takes the hyperbolic tangent of each element."""

    name = "tanh"
    reach = Reach.ELEMENT

    def recipe(self) -> Recipe:
        """Return one piecewise-linear step."""
        return Recipe(1, 1, 2)

    def compute(
        self, operator: Operator, operands: Arrays, parameters: Arrays, state: Held
    ) -> Array:
        """Return tanh(x)."""
        import numpy as np

        return np.tanh(operands[0])


TANH = Tanh()
