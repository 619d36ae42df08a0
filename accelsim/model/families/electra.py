"""ELECTRA: BERT with an embedding that may be narrower, and a head of two layers.

Clark et al., "ELECTRA: Pre-training Text Encoders as Discriminators Rather Than Generators", ICLR
2020, table 6 (sizes). Heads of the small one: config.json of
google/electra-{small,base,large}-discriminator on Hugging Face.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.model.families.encoder import Encoder, preset
from accelsim.model.families.huggingface import NORM, of_encoder
from accelsim.model.tensors import Role

_COMMON = {"vocabulary_size": 30_522, "shared_layers": False}


class Electra(Encoder):
    """Hyperparameters of an ELECTRA, which projects an embedding of another width.

    The ``pooler`` is the first layer of the classifier's head, trained for each task.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "electra-small": preset(12, 256, 4, 1024, embedding_size=128, **_COMMON),
        "electra-base": preset(12, 768, 12, 3072, embedding_size=768, **_COMMON),
        "electra-large": preset(24, 1024, 16, 4096, embedding_size=1024, **_COMMON),
    }
    pooler_module, pooler_activation = "classifier.dense", "gelu"
    pooler_role, logits = Role.TASK, ".out_proj"
    projection = "embeddings_project"
    huggingface = of_encoder(
        "electra",
        keys={**NORM, "embedding_size": "embedding_size"},
        signs={"summary_activation": "gelu"},
        left_out=("discriminator_predictions.", "generator_"),
    )
    add_embedding: ClassVar[Any] = Encoder.embed

    family: Annotated[Literal["electra"], Field(description="structure and parameter names")]
