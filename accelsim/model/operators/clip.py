"""Bounds of each element."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Clip(OperatorKind):
    """Replaces what is below one number by it, and what is above another by that."""

    name = "clip"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 0, 2)  # two comparisons
    vectors = 2  # both bounds, read as other parameters are
    vectors_of_one = True

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return x between the bounds."""
        return inputs[0].clip(*parameters)
