"""ALBERT: layers that share their parameters, and a projection behind a narrow embedding.

Lan et al., "ALBERT: A Lite BERT for Self-supervised Learning of Language Representations", ICLR
2020, table 1 (layers, hidden, embedding). Vocabulary, positions, heads, intermediate and type
vocabulary: config.json of albert-{base,large,xlarge,xxlarge}-v2 on Hugging Face; so is the
activation function (gelu_new, the tanh form).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.encoder import Encoder, preset
from accelsim.model.tensors import Role

_COMMON = {"vocabulary_size": 30_000, "embedding_size": 128, "shared_layers": True}


class Albert(Encoder):
    """Hyperparameters of an ALBERT, which projects its embedding to the hidden size."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "albert-base": preset(12, 768, 12, 3072, **_COMMON),
        "albert-large": preset(24, 1024, 16, 4096, **_COMMON),
        "albert-xlarge": preset(24, 2048, 16, 8192, **_COMMON),
        "albert-xxlarge": preset(12, 4096, 64, 16_384, **_COMMON),
    }
    layer_prefix = "encoder.albert_layer_groups.{}.albert_layers.0."
    modules: ClassVar[Mapping[str, str]] = {
        "query": "attention.query",
        "key": "attention.key",
        "value": "attention.value",
        "output": "attention.dense",
        "attention_layer_norm": "attention.LayerNorm",
        "ffn1": "ffn",
        "ffn2": "ffn_output",
        "ffn_layer_norm": "full_layer_layer_norm",
    }
    pooler_module = "pooler"
    gelu_form = "tanh"

    family: Annotated[Literal["albert"], Field(description="structure and parameter names")]

    def add_embedding(self, graph: GraphBuilder) -> str:
        """Place the embedding and its projection."""
        norm, module = self.embed(graph), "encoder.embedding_hidden_mapping_in"
        shape = (self.hidden_size, self.embedding_size)
        return graph.linear("projection", module, norm, shape, Role.EMBEDDING)
