"""Logistic function."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe

# Slopes of straight lines in its place: ONNX's HardSigmoid unless told otherwise, and torch's.
_SLOPES = {"0.2": 0.2, "1/6": 1 / 6}


class Sigmoid(OperatorKind):
    """Takes the logistic function of each element, or a straight line from 0 to 1 of a slope.

    The form ``rest`` is what is left to 1.
    """

    name = "sigmoid"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 2)  # one piecewise-linear step
    forms = frozenset({"", "rest", *_SLOPES})

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return 1 / (1 + e^-x), or slope x + 0.5 within 0 and 1."""
        import numpy as np

        value: Array = -inputs[0] if operator.form == "rest" else inputs[0]
        if operator.form in _SLOPES:
            return (value * np.float32(_SLOPES[operator.form]) + np.float32(0.5)).clip(0, 1)
        with np.errstate(over="ignore"):
            denominator: Array = np.exp(-value)
        return np.float32(1) / (denominator + np.float32(1))
