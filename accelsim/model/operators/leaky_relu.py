"""Rectified linear unit that leaks."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class LeakyRelu(OperatorKind):
    """Multiplies what is below 0 by a slope, the form; 0.01 unless given, as in torch."""

    name = "leaky_relu"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 1)  # a product and a comparison
    forms = frozenset({"", "0.1", "0.2", "0.3"})

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return max(x, slope x)."""
        import numpy as np

        return np.maximum(inputs[0], inputs[0] * np.float32(operator.form or 0.01))
