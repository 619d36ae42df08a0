"""BERT: layers with parameters of their own, and an embedding as wide as they are.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
NAACL 2019, section 3 (layers, hidden, heads; intermediate is 4 x hidden). Vocabulary, positions,
type vocabulary and activation function (gelu, the exact form): config.json of
bert-{base,large}-uncased on Hugging Face.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.model.families.encoder import Encoder, preset
from accelsim.model.families.huggingface import of_encoder

_COMMON = {"vocabulary_size": 30_522, "shared_layers": False}


class Bert(Encoder):
    """Hyperparameters of a BERT, whose ``embedding_size`` follows the hidden size."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "bert-base": preset(12, 768, 12, 3072, **_COMMON),
        "bert-large": preset(24, 1024, 16, 4096, **_COMMON),
    }
    huggingface = of_encoder("bert", signs={"type_vocab_size": 2})
    add_embedding: ClassVar[Any] = Encoder.embed

    family: Annotated[Literal["bert"], Field(description="structure and parameter names")]
