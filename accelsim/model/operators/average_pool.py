"""Mean of a window."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class AveragePool(OperatorKind):
    """Averages every window, channel by channel.

    Padding counts as zeros, but in the form ``inside``. A further operand says of each row whether
    it counts, where one window has all of them.
    """

    name = "average_pool"
    reach = Reach.ELEMENT
    windowed = True
    recipe = Recipe(1, 0, 1)  # an addition for each pixel; the division is a scale of what follows
    forms = frozenset({"", "inside"})

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return a row for each window."""
        import numpy as np

        window = operator.window
        assert window
        if len(inputs) > 1:
            counted = inputs[1].astype(np.float32)
            total: Array = np.einsum("bri,r->bi", inputs[0], counted)[:, None]
            total /= max(counted.sum(), np.float32(1e-9))
            return total
        pooled: Array = window.patches(inputs[0]).mean(axis=-1, dtype=np.float32)
        if operator.form:
            pooled /= window.patches(np.ones_like(inputs[0])).mean(axis=-1, dtype=np.float32)
        return pooled
