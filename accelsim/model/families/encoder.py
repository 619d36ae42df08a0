"""What encoders of the kind of BERT have in common: post-norm layers, a head on the first token.

Structure and parameter names follow the ``...ForSequenceClassification`` of Hugging Face
transformers, without the prefix of the family, such as ``albert.``. Dropout is left out: it does
nothing at inference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.base import Epsilon, ModelFamily, Size
from accelsim.model.operators import ADD
from accelsim.model.operators.activations import Activation
from accelsim.model.tensors import Role


def preset(
    layers: int, hidden: int, heads: int, intermediate: int, **others: Any
) -> dict[str, Any]:
    """Return the hyperparameters of a published encoder: 512 positions, two types, a pooler."""
    sizes = {"layers": layers, "hidden_size": hidden, "heads": heads, "maximum_positions": 512}
    sizes |= {"intermediate_size": intermediate, "type_vocabulary_size": 2}
    return {**sizes, "pooler": True, **others}


# What BERT calls the modules of a layer.
BERT_MODULES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "output": "attention.output.dense",
    "attention_layer_norm": "attention.output.LayerNorm",
    "ffn1": "intermediate.dense",
    "ffn2": "output.dense",
    "ffn_layer_norm": "output.LayerNorm",
}


class Encoder(ModelFamily):
    """Hyperparameters of an encoder.

    ``shared_layers`` is independent of the family: one set of layer parameters, or one a layer.
    Validation fails when ``heads`` does not divide ``hidden_size``, and when ``embedding_size``
    differs from it in a family without a ``projection`` between them. Such a family projects where
    they differ; ``always_projects`` even where they do not.

    ``layer_prefix`` and ``modules`` are the names of a layer's parameters, by operator. The
    ``pooler`` is a product of ``pooler_module`` and the function ``pooler_activation``, pretrained
    with the backbone or trained with the classifier.
    """

    layer_prefix: ClassVar[str] = "encoder.layer.{}."
    modules: ClassVar[Mapping[str, str]] = BERT_MODULES
    pooler_module: ClassVar[str] = "pooler.dense"
    pooler_activation: ClassVar[str] = "tanh"
    pooler_role: ClassVar[Role] = Role.BACKBONE
    projection: ClassVar[str] = ""
    always_projects: ClassVar[bool] = False
    usual: ClassVar[Mapping[str, Any]] = {"activation": "gelu", "norm_epsilon": 1e-12}

    embedding_size: Annotated[Size, Field(description="width of the embedding tables")]
    intermediate_size: Annotated[Size, Field(description="width inside the feed-forward network")]
    shared_layers: Annotated[bool, Field(description="one set of parameters for all layers")]
    pooler: Annotated[bool, Field(description="dense and an activation on the first token")]
    activation: Annotated[Activation, Field(description="function inside the feed-forward network")]
    norm_epsilon: Annotated[Epsilon, Field(description="added to the variance of a norm")]

    @classmethod
    def complete(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters with usual ones; without a projection widths are equal."""
        follows = not cls.projection and "hidden_size" in given
        return super().complete(
            {"embedding_size": given["hidden_size"], **given} if follows else given
        )

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration of Hugging Face."""
        return {"shared_layers": False, "pooler": True, **super().translate(config)}

    @model_validator(mode="after")
    def _check_widths(self) -> Encoder:
        self.check_heads()
        if not self.projection and self.embedding_size != self.hidden_size:
            raise ValueError(
                f"embedding_size {self.embedding_size} differs from hidden_size "
                f"{self.hidden_size}, but family {self.family} has no projection between them; "
                "make them equal or choose family albert"
            )
        return self

    def embed(self, graph: GraphBuilder) -> str:
        """Place the look-ups, their sum and its norm, and a projection where there is one."""
        entries = {
            "token": ("word", self.vocabulary_size),
            "position": ("position", self.maximum_positions + self.first_position),
            "type": ("token_type", self.type_vocabulary_size),
        }
        graph.enter("embedding")
        role, width = Role.EMBEDDING, self.embedding_size
        tables = [
            graph.gather(name, f"embeddings.{table}_embeddings", (count, width), role)
            for name, (table, count) in entries.items()
            if count
        ]
        total = graph.place("add", ADD, *tables)
        embedded = self.norm(graph, "layer_norm", "embeddings.LayerNorm", total, role)
        if not self.always_projects and self.embedding_size == self.hidden_size:
            return embedded
        shape = (self.hidden_size, self.embedding_size)
        return graph.linear("projection", self.projection, embedded, shape, role)

    def norm(self, graph: GraphBuilder, name: str, module: str, source: str, role: Role) -> str:
        """Place a layer norm."""
        return graph.norm(name, module, source, role, epsilon=self.norm_epsilon)

    def add_layer(
        self, graph: GraphBuilder, layer: int, hidden: str, heads: int, masked: bool
    ) -> str:
        """Place attention and feed-forward network, each with its residual and norm."""
        width, inner = self.hidden_size, self.intermediate_size
        attended = heads * (width // self.heads)
        prefix = self.layer_prefix.format(0 if self.shared_layers else layer)

        def linear(part: str, source: str, shape: tuple[int, int], **options: Any) -> str:
            module = prefix + self.modules[part]
            return graph.linear(part, module, source, shape, Role.BACKBONE, **options)

        def close(half: str, output: str, residual: str) -> str:
            total = graph.place(f"{half}_add", ADD, output, residual)
            norm = f"{half}_layer_norm"
            return self.norm(graph, norm, prefix + self.modules[norm], total, Role.BACKBONE)

        square, used = (width, width), (attended, width)
        query, key, value = (
            linear(part, hidden, square, used=used) for part in ("query", "key", "value")
        )
        context = graph.attention(query, key, value, heads, masked=masked)
        output = linear("output", context, square, used=(width, attended))
        middle = close("attention", output, hidden)
        wide = linear("ffn1", middle, (inner, width))
        wide = graph.function(self.activation, wide)
        return close("ffn", linear("ffn2", wide, (width, inner)), middle)

    def add_classifier(self, graph: GraphBuilder, module: str, hidden: str, classes: int) -> str:
        """Place pooler and classifier on the first token; the pooler is the same everywhere."""
        if self.pooler:
            shape = (self.hidden_size, self.hidden_size)
            pooled = graph.linear(
                "pooler", self.pooler_module, hidden, shape, self.pooler_role, rows=1
            )
            hidden = graph.function(self.pooler_activation, pooled, "pooler.{}")
        return super().add_classifier(graph, module, hidden, classes)
