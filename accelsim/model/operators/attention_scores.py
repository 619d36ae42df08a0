"""Queries times keys."""

from __future__ import annotations

import math

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach
from accelsim.model.tensors import Shape

CAUSAL = "causal"
UNSCALED = "unscaled"


class AttentionScores(OperatorKind):
    """Multiplies queries by keys, one product for each head.

    In the form ``causal`` no query sees a key behind its own, which is the last of the last; in
    the form ``unscaled`` scores are not divided by the root of a head's width, as in T5.
    """

    name = "attention_scores"
    forms = frozenset({"", CAUSAL, UNSCALED})
    reach = Reach.MATRIX
    keeps_width = False

    def inputs(self, operator: Operator) -> tuple[Shape, ...]:
        """Return queries and keys."""
        width = operator.batch * operator.depth
        return (operator.rows, width), (operator.columns, width // operator.groups)

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the scaled scores (sentences, heads, rows, columns)."""
        import numpy as np

        query, key = split_heads(inputs[0], operator.batch), heads_of(inputs[1], operator)
        scores: Array = query @ key.swapaxes(-1, -2)
        # The graph counts the scaling to the softmax; the width of a head is at hand here.
        if operator.form != UNSCALED:
            scores *= np.float32(1 / math.sqrt(operator.depth))
        return scores


def heads_of(shared: Array, operator: Operator) -> Array:
    """Return keys or values for each head, the same for those that share them."""
    heads = split_heads(shared, operator.batch // operator.groups)
    return heads.repeat(operator.groups, axis=1) if operator.groups > 1 else heads


def split_heads(value: Array, heads: int) -> Array:
    """Return (sentences, rows, heads x width) as (sentences, heads, rows, width), a view."""
    sentences, rows, _ = value.shape
    return value.reshape(sentences, rows, heads, -1).swapaxes(1, 2)
