"""Softmax of each row."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Softmax(OperatorKind):
    """Scales each row, masks it where ``masked``, and normalises its exponentials.

    The form ``log`` returns their logarithms: one of each row's sum, in place of the divisions.
    """

    name = "softmax"
    reach = Reach.ROW
    recipe = Recipe(3, 4, 7)  # three sweeps: the maximum, the sum of the exponentials, the division
    forms = frozenset({"", "log"})

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the softmax of the scores (sentences, heads, rows, columns).

        Further operands are masks, (sentences, columns) or (heads, rows, columns): where one is
        False a column gets exactly 0, and so do all of a row that sees none. Columns before those
        of a mask, of a prefix, are seen by all.
        """
        import numpy as np

        scores, *masks = inputs
        seen = [mask[:, None, None, :] if mask.ndim == 2 else mask for mask in masks]
        if masks and (before := scores.shape[-1] - masks[0].shape[-1]):
            edges = ((0, 0), (before, 0))
            seen = [
                np.pad(each, ((0, 0),) * (each.ndim - 2) + edges, constant_values=True)
                for each in seen
            ]
        for visible in seen:
            scores = np.where(visible, scores, np.float32(-np.inf))
        exponentials: Array = scores - scores.max(axis=-1, keepdims=True)
        if operator.form:
            logarithms: Array = exponentials - np.log(
                np.exp(exponentials).sum(axis=-1, keepdims=True)
            )
            return logarithms
        np.exp(exponentials, out=exponentials)
        exponentials /= exponentials.sum(axis=-1, keepdims=True)
        if len(seen) > 1 or any(mask.ndim == 3 for mask in masks):
            sees = np.logical_and.reduce(np.broadcast_arrays(*seen)).any(axis=-1, keepdims=True)
            exponentials = np.where(sees, exponentials, np.float32(0))
        return exponentials
