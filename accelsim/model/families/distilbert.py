"""DistilBERT: half of BERT's layers, no token types, a head with a layer of its own.

Sanh et al., "DistilBERT, a distilled version of BERT: smaller, faster, cheaper and lighter", 2019,
section 3. Sizes: config.json of distilbert-base-uncased on Hugging Face.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.model.families.encoder import Encoder, preset
from accelsim.model.families.huggingface import ENCODER_LEFT_OUT, HuggingFace
from accelsim.model.tensors import Role


class DistilBert(Encoder):
    """Hyperparameters of a DistilBERT, whose ``pooler`` is a layer that tasks train."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "distilbert-base": preset(
            6, 768, 12, 3072, vocabulary_size=30_522, type_vocabulary_size=0, shared_layers=False
        )
    }
    layer_prefix = "transformer.layer.{}."
    modules: ClassVar[Mapping[str, str]] = {
        "query": "attention.q_lin",
        "key": "attention.k_lin",
        "value": "attention.v_lin",
        "output": "attention.out_lin",
        "attention_layer_norm": "sa_layer_norm",
        "ffn1": "ffn.lin1",
        "ffn2": "ffn.lin2",
        "ffn_layer_norm": "output_layer_norm",
    }
    pooler_module, pooler_activation, pooler_role = "pre_classifier", "relu", Role.TASK
    huggingface = HuggingFace(
        types=("distilbert",),
        keys={
            "vocabulary_size": "vocab_size",
            "hidden_size": "dim",
            "layers": "n_layers",
            "heads": "n_heads",
            "intermediate_size": "hidden_dim",
            "maximum_positions": "max_position_embeddings",
            "activation": "activation",
        },
        signs={"sinusoidal_pos_embds": False},
        defaults={"activation": "gelu"},
        prefixes=("distilbert.",),
        left_out=("vocab_transform.", "vocab_layer_norm.", "vocab_projector.", *ENCODER_LEFT_OUT),
    )
    add_embedding: ClassVar[Any] = Encoder.embed

    family: Annotated[Literal["distilbert"], Field(description="structure and parameter names")]

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration."""
        return {"type_vocabulary_size": 0, **super().translate(config)}
