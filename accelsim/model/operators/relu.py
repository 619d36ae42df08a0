"""Rectified linear unit."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Relu(OperatorKind):
    """Replaces what is below 0 by 0; in the form ``6`` also what is above 6 by 6."""

    name = "relu"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 0, 1)  # one comparison
    forms = frozenset({"", "6"})

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return max(x, 0), at most 6 in that form."""
        return inputs[0].clip(min=0, max=6 if operator.form else None)
