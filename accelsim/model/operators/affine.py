"""Scale and shift of each column."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Affine(OperatorKind):
    """Scales and shifts each column: MobileBERT's NoNorm, or a batch norm at inference."""

    name = "affine"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 1)  # one multiplication, one addition
    vectors = 2  # scale and shift
    ones = frozenset({0})

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return x scale + shift."""
        scale, shift = parameters
        result: Array = inputs[0] * scale + shift
        return result
