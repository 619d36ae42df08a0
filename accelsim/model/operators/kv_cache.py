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
from accelsim.model.tensors import Shape


class KvCache(OperatorKind):
    """Puts its rows behind those that were kept, and gives readers all of them.

    Where a cache is full, as with a sliding window, new rows take the place of the oldest. The
    ``batch`` are caches of requests, to each of which go rows of its own.
    """

    name = "kv_cache"
    reach = Reach.STATE
    first_rows = True

    def inputs(self, operator: Operator) -> tuple[Shape, ...]:
        """Return the rows of all requests, one below the other."""
        return ((operator.batch * operator.rows, operator.columns),)

    def state(self, operator: Operator) -> tuple[StateAccess, ...]:
        """Return the caches, of which readers read all."""
        width, requests = operator.columns, operator.batch
        shape = (requests * operator.seen_rows, width)
        written = requests * operator.rows * width
        return (StateAccess(operator.name, shape, shape[0] * width, written),)

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the kept rows and the new ones (sentences, rows, width); none are dropped."""
        import numpy as np

        kept = [state[operator.name]] if operator.name in state else []
        return np.concatenate([*kept, inputs[0]], axis=1)
