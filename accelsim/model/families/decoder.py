"""What decoders have in common: causal attention, and a head that predicts what follows.

The graph is a prefill: all tokens of a prompt at once, and the logits behind the last one. Causal
attention is a masked softmax, and its products those of a full square in every count here: which
of them a machine leaves out is its mapper's choice. What lies behind a sliding window is computed.
With ``kept`` tokens it is a step: one token, which reads the keys and values that were kept, or a
chunk of a prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.document import describe
from accelsim.model.builder import GraphBuilder
from accelsim.model.families.base import Epsilon, ModelFamily, Size
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ROTARY
from accelsim.model.operators.activations import Activation
from accelsim.model.operators.matmul import LAST
from accelsim.model.tensors import Role

# The ways of transformers (modeling_rope_utils.py), and what old files of Phi-3 call longrope.
_ROPE_TYPES = ("default", "linear", "dynamic", "yarn", "longrope", "llama3", "su")


def rotary_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a configuration says of rotary angles, under either name; with its ``type``.

    Raises ValueError for what is no mapping, and for an unknown way to scale them.
    """
    key = "rope_parameters" if config.get("rope_parameters") else "rope_scaling"
    rotary = config.get(key) or {}
    if not isinstance(rotary, Mapping):
        raise ValueError(f"{key}: expected a mapping, got {describe(rotary)}")
    kind = rotary.get("rope_type", rotary.get("type", "default"))
    if kind not in _ROPE_TYPES:
        raise ValueError(
            f"{key}: rope_type: expected one of {', '.join(_ROPE_TYPES)}, got {describe(kind)}"
        )
    return {**rotary, "type": kind}


def check_turned(head_size: int, turned: int) -> None:
    """Raise ValueError for heads whose columns do not make pairs."""
    if head_size % 2:
        raise ValueError(f"head_size {head_size} is odd; rotary positions turn pairs")
    if turned % 2:
        share = turned / head_size
        raise ValueError(f"rotary_share {share:g} turns an odd {turned} columns")


def rotary_tables(
    graph: LayerGraph, head_size: int, turned: int, base: float
) -> dict[str, list[Any]]:
    """Return cosines and sines of the angles that turn the first columns of every head."""
    import numpy as np

    exponents = np.arange(0, turned, 2) / turned
    angles = np.outer(np.arange(graph.sequence_length), base**-exponents)
    angles = np.concatenate([angles, angles], axis=1).astype(np.float32)
    kept = np.ones((len(angles), head_size - turned), np.float32)
    tables = [np.concatenate([np.cos(angles), kept], axis=1), np.sin(angles)]
    return {o.name: tables for o in graph.operators if o.kind is ROTARY}


class Decoder(ModelFamily):
    """Hyperparameters of a decoder with a language-model head.

    ``tied_embeddings`` says that the head's weight is the table of tokens, whose module is
    ``table``. Tasks need no classes: they differ in their adaptation.
    """

    classifies: ClassVar[bool] = False
    generates: ClassVar[bool] = True
    usual: ClassVar[Mapping[str, Any]] = {"norm_epsilon": 1e-5, "type_vocabulary_size": 0}
    table: ClassVar[str]

    intermediate_size: Annotated[Size, Field(description="width inside the feed-forward network")]
    tied_embeddings: Annotated[bool, Field(description="one table for tokens and the head")]
    activation: Annotated[Activation, Field(description="function inside the feed-forward network")]
    norm_epsilon: Annotated[Epsilon, Field(description="added to the variance of a norm")]

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check_heads()
        return self

    def norm(self, graph: GraphBuilder, name: str, module: str, source: str) -> str:
        """Place a layer norm."""
        return graph.norm(name, module, source, Role.BACKBONE, epsilon=self.norm_epsilon)

    def add_embedding(self, graph: GraphBuilder) -> str:
        """Place the look-up of tokens, the only one where positions turn queries and keys."""
        graph.enter("embedding")
        shape = (self.vocabulary_size, self.hidden_size)
        return graph.gather("token", self.table, shape, Role.EMBEDDING)

    def add_head(self, graph: GraphBuilder, hidden: str, width: int | None = None) -> str:
        """Place the product that gives the logits behind the last token of each request.

        It is as wide as the layers unless told.
        """
        module, role = ("lm_head", Role.BACKBONE)
        if self.tied_embeddings:
            module, role = self.table, Role.EMBEDDING
        shape = (self.vocabulary_size, width or self.hidden_size)
        sizes: dict[str, Any] = {"rows": graph.requests, "form": LAST}
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
