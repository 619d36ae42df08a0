"""Root-mean-square normalisation of each row."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.operators.epsilon import EPSILON_FORMS, epsilon_of

# `rms_norm_eps` of LlamaConfig of Hugging Face transformers.
USUAL_EPSILON = 1e-6


class RmsNorm(OperatorKind):
    """Gives each row the mean square 1, then scales it.

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019, equation 4.
    """

    name = "rms_norm"
    reach = Reach.ROW
    recipe = Recipe(2, 3, 1)  # two sweeps: the sum of the squares, then a division and a scale
    vectors = 1  # scale
    ones = frozenset({0})
    forms = EPSILON_FORMS

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return x / sqrt(mean(x^2) + epsilon) x scale."""
        import numpy as np

        square = np.square(inputs[0]).mean(axis=-1, keepdims=True)
        normal: Array = inputs[0] / np.sqrt(
            square + np.float32(epsilon_of(operator.form, USUAL_EPSILON))
        )
        normal *= parameters[0]
        return normal
