"""Sigmoid linear unit, also called swish, and what stands in its place."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Silu(OperatorKind):
    """Multiplies each element by its logistic function.

    Source: Elfwing et al., "Sigmoid-weighted linear units", Neural Networks 107, 2018, equation 5.
    The form ``hard`` has a straight line in its place (Howard et al., "Searching for MobileNetV3",
    ICCV 2019), ``1.702`` the function of 1.702 x (``quick_gelu``). The form ``mish`` multiplies by
    tanh(ln(1 + e^x)) (Misra, "Mish", BMVC 2020, equation 1).
    """

    name = "silu"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 2)  # one piecewise-linear step
    forms = frozenset({"", "hard", "1.702", "mish"})

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return x / (1 + e^-x); far below 0 the exponential overflows, and the result is 0."""
        import numpy as np

        value: Array = inputs[0]
        if operator.form == "hard":
            hard: Array = value * (value + 3).clip(0, 6) / 6
            return hard
        if operator.form == "mish":
            return value * np.tanh(np.logaddexp(value, np.float32(0)))
        with np.errstate(over="ignore"):
            denominator: Array = np.exp(-value * np.float32(operator.form or 1))
        denominator += 1
        return value / denominator
