"""Rectified linear unit that leaks as it was trained to."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.tensors import Shape


class Prelu(OperatorKind):
    """Multiplies what is below 0 by a slope of each column, or by one number for all."""

    name = "prelu"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 1)  # a product and a comparison
    vectors = 1  # slopes

    def parameters(self, operator: Operator) -> tuple[tuple[Shape, ...], ...]:
        """Return the slopes, or one."""
        return ((operator.columns,),), ((1,),)

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return x, or slope x below 0."""
        below: Array = inputs[0].clip(max=0) * parameters[0]
        below += inputs[0].clip(min=0)
        return below
