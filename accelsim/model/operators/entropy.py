"""Entropy of a prediction, for early exit."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Entropy(OperatorKind):
    """Gives one entropy of each row of logits.

    H = ln(sum e^x) - sum(x e^x) / sum(e^x) with x relative to the largest logit, in nats
    (EdgeBERT, Tambe et al., MICRO 2021).
    """

    name = "entropy"
    reach = Reach.ROW
    recipe = Recipe(2, 3, 5)  # the sums with their maximum, then the entropy (Enpy.h)
    keeps_width = False

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the entropy of softmax(logits), one column."""
        import numpy as np

        relative = inputs[0] - inputs[0].max(axis=-1, keepdims=True)
        exponentials = np.exp(relative)
        total = exponentials.sum(axis=-1)
        result: Array = np.log(total) - (relative * exponentials).sum(axis=-1) / total
        return result[..., None]
