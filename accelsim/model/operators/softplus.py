"""Softplus: a rectified linear unit without its corner."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Softplus(OperatorKind):
    """Takes ln(1 + e^x) of each element."""

    name = "softplus"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 2)  # one piecewise-linear step

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return ln(e^0 + e^x), which does not overflow."""
        import numpy as np

        return np.logaddexp(inputs[0], np.float32(0))
