"""Root-mean-square normalisation of each row."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.operators.epsilon import EPSILON_FORMS, epsilon_of, head_width
from accelsim.model.tensors import Shape


class RmsNorm(OperatorKind):
    """Gives each row, or each head of it, the mean square 1, then scales it.

    It may do without the scale.
    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019, equation 4.
    """

    name = "rms_norm"
    reach = Reach.ROW
    recipe = Recipe(2, 3, 1)  # two sweeps: the sum of the squares, then a division and a scale
    vectors = 1  # scale
    ones = frozenset({0})
    forms = EPSILON_FORMS
    epsilon = 1e-6  # `rms_norm_eps` of LlamaConfig of Hugging Face transformers

    def parameters(self, operator: Operator) -> tuple[tuple[Shape, ...], ...]:
        """Return a scale as long as a row, or as one of the heads side by side in it, and none."""
        return ((head_width(operator),),), ()

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return x / sqrt(mean(x^2) + epsilon) x scale."""
        import numpy as np

        value = inputs[0].reshape(*inputs[0].shape[:-1], -1, head_width(operator))
        square = np.square(value).mean(axis=-1, keepdims=True)
        normal: Array = value / np.sqrt(square + np.float32(epsilon_of(operator)))
        for scale in parameters:
            normal *= scale
        return normal.reshape(inputs[0].shape)
