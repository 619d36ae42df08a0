"""What an attention is made of, before its values are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelsim.model.importers.onnx_parts import Made
from accelsim.model.importers.onnx_values import UnsupportedError

if TYPE_CHECKING:
    from accelsim.model.importers.onnx_placer import Placer


class Scores(Made):
    """Queries times keys of heads, times ``scale``; ``masks`` of those that see others.

    So many ``groups`` of heads share keys.
    """

    def __init__(
        self,
        query: Made,
        key: Made,
        heads: int,
        scale: float,
        masks: Any = (),
        groups: int = 1,
    ) -> None:
        super().__init__(heads * query.rows, key.rows)
        self.query, self.key, self.heads, self.groups = query, key, heads, groups
        self.scale, self.masks = scale, tuple(masks)

    def changed(self, scale: float = 1.0, masks: Any = ()) -> Scores:
        """Return the scores with another factor, and further masks."""
        more = (*self.masks, *masks)
        return Scores(self.query, self.key, self.heads, self.scale * scale, more, self.groups)

    def made(self, placer: Placer) -> str | None:
        """Only an attention multiplies two activations."""
        raise UnsupportedError("it multiplies two activations, but no softmax follows")


class Probabilities(Made):
    """The softmax of scores."""

    def __init__(self, scores: Scores) -> None:
        super().__init__(scores.rows, scores.width)
        self.scores = scores

    def made(self, placer: Placer) -> str | None:
        """Only an attention has them."""
        raise UnsupportedError("a softmax of scores, but no product with values follows")
