"""Rectified linear unit."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Relu(OperatorKind):
    """Replaces what is below 0 by 0."""

    name = "relu"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 0, 1)  # one comparison

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return max(x, 0)."""
        return inputs[0].clip(min=0)
