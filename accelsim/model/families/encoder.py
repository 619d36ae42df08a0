"""What ALBERT and BERT have in common: a post-norm encoder with a pooler and a classifier.

Structure and parameter names follow ``AlbertForSequenceClassification`` and
``BertForSequenceClassification`` of Hugging Face transformers, without the prefixes ``albert.``
and ``bert.``. Dropout is left out: it does nothing at inference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.base import ModelFamily, Size
from accelsim.model.operators import ADD, GELU, TANH
from accelsim.model.tensors import Role


def preset(
    layers: int, hidden: int, heads: int, intermediate: int, **others: int | bool
) -> dict[str, int | bool]:
    """Return the hyperparameters of a published encoder: 512 positions, two types, a pooler."""
    sizes = {"layers": layers, "hidden_size": hidden, "heads": heads, "maximum_positions": 512}
    sizes |= {"intermediate_size": intermediate, "type_vocabulary_size": 2}
    return {**sizes, "pooler": True, **others}


class Encoder(ModelFamily):
    """Hyperparameters of an ALBERT or a BERT.

    ``shared_layers`` is independent of the family: one set of layer parameters, or one a layer.
    Validation fails when ``heads`` does not divide ``hidden_size``.

    ``layer_prefix`` and ``modules`` are the names of a layer's parameters, by operator;
    ``gelu_form`` is the activation function's.
    """

    layer_prefix: ClassVar[str]
    modules: ClassVar[Mapping[str, str]]
    pooler_module: ClassVar[str]
    gelu_form: ClassVar[str]

    embedding_size: Annotated[Size, Field(description="width of the embedding tables")]
    intermediate_size: Annotated[Size, Field(description="width inside the feed-forward network")]
    shared_layers: Annotated[bool, Field(description="one set of parameters for all layers")]
    pooler: Annotated[bool, Field(description="dense + tanh on the first token")]

    @model_validator(mode="after")
    def _check_heads(self) -> Encoder:
        if self.hidden_size % self.heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not divisible by heads {self.heads}; "
                "every head must have the same width"
            )
        return self

    def embed(self, graph: GraphBuilder) -> str:
        """Place the three look-ups, their sum and its norm."""
        entries = {
            "token": ("word", self.vocabulary_size),
            "position": ("position", self.maximum_positions),
            "type": ("token_type", self.type_vocabulary_size),
        }
        graph.enter("embedding")
        role, width = Role.EMBEDDING, self.embedding_size
        tables = [
            graph.gather(name, f"embeddings.{table}_embeddings", (count, width), role)
            for name, (table, count) in entries.items()
        ]
        return graph.norm(
            "layer_norm", "embeddings.LayerNorm", graph.place("add", ADD, *tables), role
        )

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
            return graph.norm(norm, prefix + self.modules[norm], total, Role.BACKBONE)

        square, used = (width, width), (attended, width)
        query, key, value = (
            linear(part, hidden, square, used=used) for part in ("query", "key", "value")
        )
        context = graph.attention(query, key, value, heads, masked=masked)
        output = linear("output", context, square, used=(width, attended))
        middle = close("attention", output, hidden)
        wide = linear("ffn1", middle, (inner, width))
        wide = graph.place("gelu", GELU, wide, form=self.gelu_form)
        return close("ffn", linear("ffn2", wide, (width, inner)), middle)

    def add_classifier(self, graph: GraphBuilder, module: str, hidden: str, classes: int) -> str:
        """Place pooler and classifier on the first token; the pooler is the same everywhere."""
        if self.pooler:
            shape = (self.hidden_size, self.hidden_size)
            pooled = graph.linear(
                "pooler", self.pooler_module, hidden, shape, Role.BACKBONE, rows=1
            )
            hidden = graph.place("pooler.tanh", TANH, pooled)
        return super().add_classifier(graph, module, hidden, classes)
