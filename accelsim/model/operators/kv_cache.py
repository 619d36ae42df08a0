"""Keys or values of earlier tokens, kept for later ones."""

from __future__ import annotations

from accelsim.model.operators.base import (
    Array,
    Arrays,
    Held,
    Operator,
    OperatorKind,
    Reach,
    StateAccess,
)


class KvCache(OperatorKind):
    """Puts its rows behind those that were kept, and gives readers all of them.

    Where a cache is full, as with a sliding window, new rows take the place of the oldest.
    """

    name = "kv_cache"
    reach = Reach.STATE
    first_rows = True

    def state(self, operator: Operator) -> tuple[StateAccess, ...]:
        """Return the cache, of which readers read all."""
        width = operator.columns
        shape = (operator.seen_rows, width)
        return (StateAccess(operator.name, shape, shape[0] * width, operator.rows * width),)

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the kept rows and the new ones (sentences, rows, width); none are dropped."""
        import numpy as np

        kept = [state[operator.name]] if operator.name in state else []
        rows: Array = np.concatenate([*kept, inputs[0]], axis=1)
        return rows
