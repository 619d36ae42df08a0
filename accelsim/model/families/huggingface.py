"""How Hugging Face transformers calls a family, its hyperparameters and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class HuggingFace:
    """What a family's models are in Hugging Face transformers.

    ``types`` are the values of ``model_type``: the family's, and those of families that are built
    like it. An old configuration without one is told by ``signs``, values that it has. ``keys``
    maps hyperparameters to keys of config.json; ``defaults`` are what transformers takes where a
    key is missing, ``defaults_of`` what it takes for one of the types; ``demands`` the values of
    keys that the graph is made for: another is refused.
    ``prefixes`` stand before the names of parameters in models with a head; names that begin with
    ``left_out`` are no part of the graph: heads of pretraining, constant buffers. In a file that
    has a name which the regular expression ``known_by`` finds, names are ``renamed`` by others,
    and batch norms add ``batch_norm_epsilon`` to a variance.
    """

    types: tuple[str, ...]
    keys: Mapping[str, str]
    signs: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    defaults_of: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    demands: Mapping[str, Any] = field(default_factory=dict)
    prefixes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    known_by: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    batch_norm_epsilon: float = 1e-5


# What models of tokens call their sizes.
SIZES = {
    "vocabulary_size": "vocab_size",
    "hidden_size": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "maximum_positions": "max_position_embeddings",
}
PICTURE = {"channels": "num_channels", "image_height": "image_size", "image_width": "image_size"}
NORM = {"norm_epsilon": "layer_norm_eps"}
ENCODER_LEFT_OUT = ("cls.", "embeddings.position_ids", "embeddings.token_type_ids")


def of_encoder(
    *types: str,
    signs: Mapping[str, Any],
    keys: Mapping[str, str] = NORM,
    defaults: Mapping[str, Any] | None = None,
    demands: Mapping[str, Any] | None = None,
    left_out: tuple[str, ...] = (),
) -> HuggingFace:
    """Return what an encoder of the kind of BERT is called, and what it has of its own."""
    usual = {"type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12}
    plain = {"position_embedding_type": "absolute", "is_decoder": False}
    own = {"type_vocabulary_size": "type_vocab_size", "activation": "hidden_act"}
    return HuggingFace(
        types,
        keys={**SIZES, **own, **keys},
        signs=signs,
        defaults={**usual, **(defaults or {})},
        demands={**plain, "add_cross_attention": False, **(demands or {})},
        prefixes=(f"{types[0]}.",),
        left_out=(*left_out, *ENCODER_LEFT_OUT),
    )
