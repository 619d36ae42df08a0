"""Rotary positions."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Rotary(OperatorKind):
    """Turns pairs of elements of every head by an angle that grows with the position.

    Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021,
    equation 34. A pair are the elements i and i + width / 2 of a head; columns of the weights
    before can be stored so that they stand side by side, so that a column needs its neighbour
    alone. Columns of a head beyond those of the sines stay as they are, and are counted as turned
    [ours: they go through the same unit]. Cosines and sines are at hand where the function is
    computed: their traffic is not counted [ours].
    """

    name = "rotary"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 2, 1)  # x cos + partner sin

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the turned rows; behind them, inputs are cosines and sines, a row a position.

        Cosines are as wide as a head, sines as what is turned of it. Where the columns of partners
        follow, signs are those of the sines.
        """
        import numpy as np

        value, cosines, sines, *partners = inputs
        heads = value.reshape(*value.shape[:2], -1, cosines.shape[1])
        turned: Array = heads * cosines[:, None]
        if partners:
            turned += heads[..., partners[0]] * sines[:, None]
        else:
            low, high = np.split(heads[..., : sines.shape[1]], 2, axis=-1)
            partner = np.concatenate([-high, low], axis=-1)
            turned[..., : sines.shape[1]] += partner * sines[:, None]
        return turned.reshape(value.shape)
