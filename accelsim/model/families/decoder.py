"""What decoders have in common: causal attention, and a head that predicts what follows.

The graph is a prefill: all tokens of a prompt at once, and the logits behind the last one. Causal
attention is a masked softmax, and its products those of a full square in every count here: which
of them a machine leaves out is its mapper's choice. What lies behind a sliding window is computed.
With ``kept`` tokens it is a step: one token, which reads the keys and values that were kept, or a
chunk of a prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.model.builder import GraphBuilder
from accelsim.model.families.base import ModelFamily, Size
from accelsim.model.graph import LayerGraph
from accelsim.model.operators.activations import Activation
from accelsim.model.tensors import Role


class Decoder(ModelFamily):
    """Hyperparameters of a decoder with a language-model head.

    ``tied_embeddings`` says that the head's weight is the table of tokens, whose module is
    ``table``. Tasks need no classes: they differ in their adaptation.
    """

    classifies: ClassVar[bool] = False
    generates: ClassVar[bool] = True
    table: ClassVar[str]

    intermediate_size: Annotated[Size, Field(description="width inside the feed-forward network")]
    tied_embeddings: Annotated[bool, Field(description="one table for tokens and the head")]
    activation: Annotated[Activation, Field(description="function inside the feed-forward network")]
    norm_epsilon: Annotated[float, Field(description="added to the variance of a norm")]

    def add_head(self, graph: GraphBuilder, hidden: str) -> str:
        """Place the product that gives the logits behind the last token of each request."""
        module, role = ("lm_head", Role.BACKBONE)
        if self.tied_embeddings:
            module, role = self.table, Role.EMBEDDING
        shape = (self.vocabulary_size, self.hidden_size)
        sizes: dict[str, Any] = {"rows": graph.requests, "form": "last"}
        return graph.linear("head", module, hidden, shape, role, bias=False, **sizes)

    def outputs(self, classes: int | None) -> int:
        """A token of the vocabulary."""
        return self.vocabulary_size

    def outside(self, graph: LayerGraph, ends: Any) -> dict[str, list[Any]]:
        """Return which tokens each token sees, and which one the head reads."""
        import numpy as np

        position = np.arange(graph.sequence_length)
        behind = position[:, None] - position
        causal = (behind >= 0)[None]
        if self.window is not None:
            causal &= behind < self.window
        masks = {operator.name: [causal] for operator in graph.operators if operator.masked}
        return {**masks, "head": [ends]}

    def _check_exits(self, classes: int) -> None:
        raise ConfigError(f"{self.name} is a decoder, which has no early exits; set exits: none")

    def _active_heads(self, spans: Sequence[int] | None) -> int:
        if spans is not None:
            raise ConfigError(f"attention_spans: {self.name} is a decoder, whose heads are all on")
        return self.heads
