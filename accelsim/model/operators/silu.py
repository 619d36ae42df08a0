"""Sigmoid linear unit, also called swish."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Silu(OperatorKind):
    """Multiplies each element by its logistic function.

    Source: Elfwing et al., "Sigmoid-weighted linear units", Neural Networks 107, 2018, equation 5.
    """

    name = "silu"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 2)  # one piecewise-linear step

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return x / (1 + e^-x); far below 0 the exponential overflows, and the result is 0."""
        import numpy as np

        value: Array = inputs[0]
        with np.errstate(over="ignore"):
            denominator: Array = np.exp(-value)
        denominator += 1
        return value / denominator
