"""Exponential linear unit."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe

# Alpha and gamma of Klambauer et al., "Self-normalizing neural networks", NIPS 2017.
_ALPHA, _GAMMA = 1.6732632423543772, 1.0507009873554805


class Elu(OperatorKind):
    """Replaces what is below 0 by e^x - 1; in the form ``selu`` both sides are scaled."""

    name = "elu"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 2)  # one piecewise-linear step
    forms = frozenset({"", "selu"})

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return gamma (x or alpha (e^x - 1)); both factors are 1 but in that form."""
        import numpy as np

        alpha, gamma = (_ALPHA, _GAMMA) if operator.form else (1.0, 1.0)
        below: Array = np.expm1(inputs[0].clip(max=0)) * np.float32(alpha * gamma)
        below += inputs[0].clip(min=0) * np.float32(gamma)
        return below
