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

from accelsim.model.families.encoder import Encoder, preset
from accelsim.model.families.huggingface import NORM, of_encoder

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
    projection, always_projects = "encoder.embedding_hidden_mapping_in", True
    usual: ClassVar[Mapping[str, Any]] = {"activation": "gelu_new", "norm_epsilon": 1e-12}
    huggingface = of_encoder(
        "albert",
        keys={**NORM, "embedding_size": "embedding_size"},
        signs={"inner_group_num": 1},
        defaults={"embedding_size": 128, "hidden_act": "gelu_new", "num_hidden_groups": 1},
        demands={"inner_group_num": 1},
        left_out=("predictions.", "sop_classifier."),
    )
    add_embedding: ClassVar[Any] = Encoder.embed

    family: Annotated[Literal["albert"], Field(description="structure and parameter names")]

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration: one group of layers, or one a layer."""
        groups, layers = config["num_hidden_groups"], config["num_hidden_layers"]
        if groups not in (1, layers):
            raise ValueError(
                f"num_hidden_groups is {groups}; expected 1, so that all layers share their "
                f"parameters, or {layers}, one a layer"
            )
        return {**super().translate(config), "shared_layers": groups == 1}
