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
    keeps_width = False

    def recipe(self) -> Recipe:
        """Return two sweeps: the sums with their maximum, then the entropy (EdgeBERT, Enpy.h)."""
        return Recipe(2, 3, 5)

    def compute(
        self, operator: Operator, operands: Arrays, parameters: Arrays, state: Held
    ) -> Array:
        """Return the entropy of softmax(logits), one column."""
        import numpy as np

        relative = operands[0] - operands[0].max(axis=-1, keepdims=True)
        exponentials = np.exp(relative)
        total = exponentials.sum(axis=-1)
        result: Array = np.log(total) - (relative * exponentials).sum(axis=-1) / total
        return result[..., None]


ENTROPY = Entropy()
