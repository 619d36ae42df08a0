"""Root-mean-square normalisation of each row."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.operators.epsilon import EPSILON_FORMS, epsilon_of
from accelsim.model.tensors import Shape

# `rms_norm_eps` of LlamaConfig of Hugging Face transformers.
USUAL_EPSILON = 1e-6


class RmsNorm(OperatorKind):
    """Gives each row, or each head of it, the mean square 1, then scales it.

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019, equation 4.
    """

    name = "rms_norm"
    reach = Reach.ROW
    recipe = Recipe(2, 3, 1)  # two sweeps: the sum of the squares, then a division and a scale
    vectors = 1  # scale
    ones = frozenset({0})
    forms = EPSILON_FORMS

    def parameters(self, operator: Operator) -> tuple[tuple[Shape, ...], ...]:
        """Return a scale as long as a row, or as one of the heads side by side in it."""
        (width,) = operator.parameters[0].shape if operator.parameters else (operator.columns,)
        return (((operator.columns if operator.columns % width else width,),),)

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return x / sqrt(mean(x^2) + epsilon) x scale."""
        import numpy as np

        value = inputs[0].reshape(*inputs[0].shape[:-1], -1, len(parameters[0]))
        square = np.square(value).mean(axis=-1, keepdims=True)
        normal: Array = value / np.sqrt(
            square + np.float32(epsilon_of(operator.form, USUAL_EPSILON))
        )
        normal *= parameters[0]
        return normal.reshape(inputs[0].shape)
