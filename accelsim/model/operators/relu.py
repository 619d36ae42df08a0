"""Rectified linear unit."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Relu(OperatorKind):
    """Replaces what is below 0 by 0."""

    name = "relu"
    reach = Reach.ELEMENT

    def recipe(self) -> Recipe:
        """Return one comparison."""
        return Recipe(1, 0, 1)

    def compute(
        self, operator: Operator, operands: Arrays, parameters: Arrays, state: Held
    ) -> Array:
        """Return max(x, 0)."""
        import numpy as np

        positive: Array = np.maximum(operands[0], np.float32(0))
        return positive


RELU = Relu()
