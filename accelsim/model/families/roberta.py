"""RoBERTa: BERT without token types, positions from the third row on, a head of two layers.

Liu et al., "RoBERTa: A Robustly Optimized BERT Pretraining Approach", 2019, section 4.4 and table
9 (layers, hidden, heads, intermediate). Vocabulary, rows of positions (514, of which the padding
token takes two) and epsilon: config.json of roberta-{base,large} on Hugging Face.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.model.families.encoder import Encoder, preset
from accelsim.model.families.huggingface import of_encoder
from accelsim.model.tensors import Role

_COMMON = {"vocabulary_size": 50_265, "type_vocabulary_size": 1, "shared_layers": False}


class Roberta(Encoder):
    """Hyperparameters of a RoBERTa; ``maximum_positions`` are those that tokens can take.

    The ``pooler`` is the first layer of the classifier's head, trained for each task.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "roberta-base": preset(12, 768, 12, 3072, **_COMMON),
        "roberta-large": preset(24, 1024, 16, 4096, **_COMMON),
    }
    pooler_module, pooler_role, logits = "classifier.dense", Role.TASK, ".out_proj"
    first_position = 2
    usual: ClassVar[Mapping[str, Any]] = {"activation": "gelu", "norm_epsilon": 1e-5}
    huggingface = of_encoder(
        *("roberta", "xlm-roberta", "camembert"),
        signs={"type_vocab_size": 1},
        defaults={"layer_norm_eps": 1e-5},
        demands={"pad_token_id": 1},
    )
    add_embedding: ClassVar[Any] = Encoder.embed

    family: Annotated[Literal["roberta"], Field(description="structure and parameter names")]
