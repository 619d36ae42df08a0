"""MobileBERT: thin layers between bottlenecks, four feed-forward networks each, no norms.

Sun et al., "MobileBERT: a Compact Task-Agnostic BERT for Resource-Limited Devices", ACL 2020, table
1. Structure and names: ``MobileBertForSequenceClassification`` of Hugging Face transformers, as
released: keys and queries share a bottleneck, values come from the whole width, NoNorm scales and
shifts, and the classifier reads the first token as it is. Sizes: config.json of
google/mobilebert-uncased on Hugging Face.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.base import ModelFamily, Size
from accelsim.model.families.huggingface import of_encoder
from accelsim.model.operators import ADD, AFFINE, TRIGRAM
from accelsim.model.operators.activations import Activation
from accelsim.model.tensors import Role


class MobileBert(ModelFamily):
    """Hyperparameters of a MobileBERT: ``hidden_size`` between layers, ``inner_size`` in them."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "mobilebert": {
            "vocabulary_size": 30_522,
            "embedding_size": 128,
            "hidden_size": 512,
            "inner_size": 128,
            "layers": 24,
            "heads": 4,
            "intermediate_size": 512,
            "feed_forward_networks": 4,
            "maximum_positions": 512,
            "type_vocabulary_size": 2,
        }
    }
    usual: ClassVar[Mapping[str, Any]] = {"activation": "relu"}
    huggingface = of_encoder(
        "mobilebert",
        keys={
            "embedding_size": "embedding_size",
            "inner_size": "intra_bottleneck_size",
            "feed_forward_networks": "num_feedforward_networks",
        },
        signs={"use_bottleneck": True},
        defaults={"hidden_act": "relu"},
        demands={
            "normalization_type": "no_norm",
            "trigram_input": True,
            "use_bottleneck": True,
            "key_query_shared_bottleneck": True,
            "use_bottleneck_attention": False,
            "classifier_activation": False,
        },
    )

    family: Annotated[Literal["mobilebert"], Field(description="structure and parameter names")]
    embedding_size: Annotated[Size, Field(description="width of the table of tokens")]
    inner_size: Annotated[Size, Field(description="width inside a layer")]
    intermediate_size: Annotated[Size, Field(description="width inside feed-forward networks")]
    feed_forward_networks: Annotated[Size, Field(description="one after the other in a layer")]
    activation: Annotated[Activation, Field(description="function of feed-forward networks")]

    @model_validator(mode="after")
    def _check(self) -> MobileBert:
        self.check_heads("inner_size")
        return self

    def add_embedding(self, graph: GraphBuilder) -> str:
        """Place the look-ups: of tokens three at a time, made as wide as a layer's input."""
        role, width, table = Role.EMBEDDING, self.hidden_size, "embeddings.{}_embeddings"
        graph.enter("embedding")
        words = (self.vocabulary_size, self.embedding_size)
        three = graph.gather("token", table.format("word"), words, role, TRIGRAM, rows=3)
        wide = (width, 3 * self.embedding_size)
        token = graph.linear(
            "transformation", "embeddings.embedding_transformation", three, wide, role
        )
        others = {"position": ("position", self.maximum_positions)}
        others |= {"type": ("token_type", self.type_vocabulary_size)}
        tables = [
            graph.gather(name, table.format(theirs), (count, width), role)
            for name, (theirs, count) in others.items()
        ]
        total = graph.place("add", ADD, token, *tables)
        return graph.norm("no_norm", "embeddings.LayerNorm", total, role, AFFINE)

    def add_layer(
        self, graph: GraphBuilder, layer: int, hidden: str, heads: int, masked: bool
    ) -> str:
        """Place bottlenecks, attention and feed-forward networks."""
        prefix, width, inner = f"encoder.layer.{layer}.", self.hidden_size, self.inner_size
        attended = heads * (inner // self.heads)

        def linear(
            name: str, module: str, source: str, outputs: int, inputs: int, **options: Any
        ) -> str:
            shape = (outputs, inputs)
            return graph.linear(name, prefix + module, source, shape, Role.BACKBONE, **options)

        def norm(name: str, module: str, source: str) -> str:
            return graph.norm(name, f"{prefix}{module}.LayerNorm", source, Role.BACKBONE, AFFINE)

        def close(name: str, module: str, output: str, residual: str) -> str:
            return norm(
                f"{name}_no_norm", module, graph.place(f"{name}_add", ADD, output, residual)
            )

        def feed_forward(name: str, module: str, source: str) -> str:
            wide = linear(
                f"{name}_1", f"{module}intermediate.dense", source, self.intermediate_size, inner
            )
            wide = graph.function(self.activation, wide, f"{name}_{{}}")
            narrow = linear(
                f"{name}_2", f"{module}output.dense", wide, inner, self.intermediate_size
            )
            return close(name, f"{module}output", narrow, source)

        entry, shared = (
            norm(f"{name}_no_norm", module, linear(name, f"{module}.dense", hidden, inner, width))
            for name, module in (
                ("bottleneck", "bottleneck.input"),
                ("shared_bottleneck", "bottleneck.attention"),
            )
        )
        part = "attention.self."
        query, key = (
            linear(name, part + name, shared, inner, inner, used=(attended, inner))
            for name in ("query", "key")
        )
        value = linear("value", f"{part}value", hidden, inner, width, used=(attended, width))
        context = graph.attention(query, key, value, heads, masked=masked)
        output = linear(
            "output", "attention.output.dense", context, inner, inner, used=(inner, attended)
        )
        middle = close("attention", "attention.output", output, entry)
        for number in range(self.feed_forward_networks - 1):
            middle = feed_forward(f"ffn{number}", f"ffn.{number}.", middle)
        middle = feed_forward("ffn", "", middle)
        widened = linear("widen", "output.bottleneck.dense", middle, width, inner)
        return close("layer", "output.bottleneck", widened, hidden)
