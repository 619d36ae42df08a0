"""What an attention is made of, before its values are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from accelsim.model.importers.onnx.parts import Made
from accelsim.model.importers.onnx.values import UnsupportedError


@dataclass(eq=False)
class Scores(Made):
    """Queries times keys of heads, times ``scale``; ``masks`` of those that see others.

    So many ``groups`` of heads share keys; ``biases`` are added before the softmax.
    """

    unfinished = "it multiplies two activations, but no softmax follows"

    query: Made
    key: Made
    heads: int
    scale: float
    groups: int = 1
    masks: Sequence[Any] = ()
    biases: Sequence[Any] = ()

    def __post_init__(self) -> None:
        super().__init__(self.heads * self.query.rows, self.key.rows)

    def changed(self, scale: float = 1.0, masks: Any = (), biases: Any = ()) -> Scores:
        """Return the scores with another factor, and further masks or biases."""
        if self.biases and scale != 1:
            raise UnsupportedError("it scales scores behind what is added to them")
        more, own = (*self.masks, *masks), (*self.biases, *biases)
        return replace(self, scale=self.scale * scale, masks=more, biases=own)


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
