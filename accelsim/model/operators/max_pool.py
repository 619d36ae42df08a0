"""Greatest value of a window."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class MaxPool(OperatorKind):
    """Keeps the greatest value of every window, channel by channel."""

    name = "max_pool"
    reach = Reach.ELEMENT
    windowed = True
    recipe = Recipe(1, 0, 1)  # a comparison for each pixel

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return a row for each window."""
        import numpy as np

        window = operator.window
        assert window
        pooled: Array = window.patches(inputs[0], -np.inf).max(axis=-1)
        return pooled
