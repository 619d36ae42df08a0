"""What an attention is made of, before its values are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelsim.model.importers.onnx.parts import Made
from accelsim.model.importers.onnx.values import UnsupportedError


class Scores(Made):
    """Queries times keys of heads, times ``scale``; ``masks`` of those that see others.

    So many ``groups`` of heads share keys; ``biases`` are added before the softmax.
    """

    unfinished = "it multiplies two activations, but no softmax follows"

    def __init__(
        self,
        query: Made,
        key: Made,
        heads: int,
        scale: float,
        masks: Any = (),
        groups: int = 1,
        biases: Any = (),
    ) -> None:
        super().__init__(heads * query.rows, key.rows)
        self.query, self.key, self.heads, self.groups = query, key, heads, groups
        self.scale, self.masks, self.biases = scale, tuple(masks), tuple(biases)

    def changed(self, scale: float = 1.0, masks: Any = (), biases: Any = ()) -> Scores:
        """Return the scores with another factor, and further masks or biases."""
        if self.biases and scale != 1:
            raise UnsupportedError("it scales scores behind what is added to them")
        more, own = (*self.masks, *masks), (*self.biases, *biases)
        whole = self.scale * scale
        return Scores(self.query, self.key, self.heads, whole, more, self.groups, own)


class Probabilities(Made):
    """The softmax of scores."""

    unfinished = "a softmax of scores, but no product with values follows"

    def __init__(self, scores: Scores) -> None:
        super().__init__(scores.rows, scores.width)
        self.scores = scores


# What is added to scores that count, at least; others are at -100, -10,000 or far below.
LEAST_SEEN = -99.0


def is_mask(values: Any) -> bool:
    """Say whether what is added to scores hides some, and leaves all others as they are."""
    if values.dtype == bool:
        return True
    return bool((np.abs(np.where(values > LEAST_SEEN, values, 0)) <= 1e-6).all())
