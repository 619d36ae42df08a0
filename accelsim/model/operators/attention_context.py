"""Probabilities times values."""

from __future__ import annotations

from accelsim.model.operators.attention_scores import heads_of
from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach
from accelsim.model.tensors import Shape


class AttentionContext(OperatorKind):
    """Multiplies probabilities by values, one product for each head, and joins the heads."""

    name = "attention_context"
    reach = Reach.MATRIX
    keeps_width = False
    joins_heads = True

    def inputs(self, operator: Operator) -> tuple[Shape, ...]:
        """Return probabilities and values."""
        return (
            (operator.rows, operator.batch * operator.depth),
            (operator.depth, operator.batch * operator.columns // operator.groups),
        )

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the context of all heads (sentences, rows, heads x columns)."""
        probabilities, value = inputs
        context: Array = (probabilities @ heads_of(value, operator)).swapaxes(1, 2)
        return context.reshape(*context.shape[:2], -1)
