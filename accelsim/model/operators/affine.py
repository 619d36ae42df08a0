"""Scale and shift of each column."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.tensors import Shape


class Affine(OperatorKind):
    """Scales and shifts each column: MobileBERT's NoNorm, or a batch norm at inference.

    In the forms ``scale`` and ``shift`` it does the one alone. One number may hold for all columns.
    """

    name = "affine"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 1)  # one multiplication, one addition
    vectors = 2  # scale and shift
    ones = frozenset({0})
    forms = frozenset({"", "scale", "shift"})

    def parameters(self, operator: Operator) -> tuple[tuple[Shape, ...], ...]:
        """Return the vectors of the form, or as many numbers."""
        count = 1 if operator.form else 2
        return ((operator.columns,),) * count, ((1,),) * count

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return x scale + shift."""
        if operator.form == "shift":
            return inputs[0] + parameters[0]
        if operator.form == "scale":
            return inputs[0] * parameters[0]
        scale, shift = parameters
        return inputs[0] * scale + shift
