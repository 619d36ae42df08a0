"""BERT: layers with parameters of their own, and an embedding as wide as they are.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
NAACL 2019, section 3 (layers, hidden, heads; intermediate is 4 x hidden). Vocabulary, positions,
type vocabulary and activation function (gelu, the exact form): config.json of
bert-{base,large}-uncased on Hugging Face.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.encoder import Encoder, preset

_COMMON = {"vocabulary_size": 30_522, "shared_layers": False}


class Bert(Encoder):
    """Hyperparameters of a BERT, whose ``embedding_size`` follows the hidden size."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "bert-base": preset(12, 768, 12, 3072, **_COMMON),
        "bert-large": preset(24, 1024, 16, 4096, **_COMMON),
    }
    layer_prefix = "encoder.layer.{}."
    modules: ClassVar[Mapping[str, str]] = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "output": "attention.output.dense",
        "attention_layer_norm": "attention.output.LayerNorm",
        "ffn1": "intermediate.dense",
        "ffn2": "output.dense",
        "ffn_layer_norm": "output.LayerNorm",
    }
    pooler_module = "pooler.dense"
    gelu_form = ""

    family: Annotated[Literal["bert"], Field(description="structure and parameter names")]

    @classmethod
    def complete(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters with the width of the embedding."""
        follows = {"embedding_size": given["hidden_size"]} if "hidden_size" in given else {}
        return follows | given

    @model_validator(mode="after")
    def _check_embedding(self) -> Bert:
        if self.embedding_size != self.hidden_size:
            raise ValueError(
                f"embedding_size {self.embedding_size} differs from hidden_size "
                f"{self.hidden_size}, but family bert has no projection between them; "
                "make them equal or choose family albert"
            )
        return self

    def add_embedding(self, graph: GraphBuilder) -> str:
        """Place the embedding."""
        return self.embed(graph)
