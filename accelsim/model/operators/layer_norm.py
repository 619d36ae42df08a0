"""Layer normalisation of each row."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.operators.epsilon import EPSILON_FORMS, epsilon_of, head_width
from accelsim.model.tensors import Shape


class LayerNorm(OperatorKind):
    """Gives each row, or each head of it, the mean 0 and the variance 1, then scales and shifts it.

    It may do without the shift, or without both.
    """

    name = "layer_norm"
    reach = Reach.ROW
    recipe = Recipe(2, 3, 4)  # two sweeps: both moments, then all else
    vectors = 2  # scale and shift
    ones = frozenset({0})
    forms = EPSILON_FORMS
    epsilon = 1e-12  # `layer_norm_eps` of AlbertConfig and BertConfig of Hugging Face transformers

    def parameters(self, operator: Operator) -> tuple[tuple[Shape, ...], ...]:
        """Return scale and shift as long as a row or one of its heads, scale alone, and none."""
        width = head_width(operator)
        return ((width,),) * 2, ((width,),), ()

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the normalised rows."""
        import numpy as np

        value = inputs[0].reshape(*inputs[0].shape[:-1], -1, head_width(operator))
        centred: Array = value - value.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        centred /= np.sqrt(variance + np.float32(epsilon_of(operator)))
        for scale in parameters[:1]:
            centred *= scale
        for shift in parameters[1:]:
            centred += shift
        return centred.reshape(inputs[0].shape)
