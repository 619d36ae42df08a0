"""Look-up of every token beside its neighbours."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator
from accelsim.model.operators.gather import Gather


class Trigram(Gather):
    """Puts the rows of the next token, of the token and of the one before side by side.

    MobileBERT's embedding: Sun et al., "MobileBERT: a Compact Task-Agnostic BERT for
    Resource-Limited Devices", ACL 2020, section 3.1. Beyond the ends are zeros. Every row is read
    three times: no row is kept for its neighbours [ours].
    """

    name = "trigram"
    beside = 3

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the rows of the numbers (sentences, rows) and of their neighbours."""
        import numpy as np

        rows = super().compute(operator, inputs, parameters, state)
        nothing = np.zeros_like(rows[:, :1])
        following = np.concatenate([rows[:, 1:], nothing], axis=1)
        before = np.concatenate([nothing, rows[:, :-1]], axis=1)
        return np.concatenate([following, rows, before], axis=-1)
