"""Regenerates huggingface_parameters.json: the parameters of the Hugging Face models.

Needs torch and transformers, no network and no weights: the models are built from their
configuration on torch's meta device, which allocates nothing. Run

    python tests/reference/huggingface_parameters.py

The sizes below are those of config.json of albert-{base,large,xlarge,xxlarge}-v2 and
bert-{base,large}-uncased, written out here so that they do not come from accelsim.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_suffix(".json")

_ALBERT = {"embedding_size": 128, "vocab_size": 30000}
_BERT = {"vocab_size": 30522}


def _size(hidden: int, layers: int, heads: int, intermediate: int) -> dict[str, int]:
    return {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": intermediate,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
    }


CONFIGURATIONS = {
    "albert-base": _ALBERT | _size(768, 12, 12, 3072),
    "albert-large": _ALBERT | _size(1024, 24, 16, 4096),
    "albert-xlarge": _ALBERT | _size(2048, 24, 16, 8192),
    "albert-xxlarge": _ALBERT | _size(4096, 12, 64, 16384),
    "bert-base": _BERT | _size(768, 12, 12, 3072),
    "bert-large": _BERT | _size(1024, 24, 16, 4096),
}


def describe(size: str) -> dict[str, Any]:
    """Return total, count per module and shape per parameter of a size, from transformers."""
    import torch
    from transformers import AlbertConfig, AlbertModel, BertConfig, BertModel

    albert = size.startswith("albert")
    config = (AlbertConfig if albert else BertConfig)(**CONFIGURATIONS[size])
    with torch.device("meta"):
        model = (AlbertModel if albert else BertModel)(config)
    parameters = {name: list(tensor.shape) for name, tensor in model.named_parameters()}
    modules: dict[str, int] = {}
    for name, tensor in model.named_parameters():
        module = name.rpartition(".")[0]
        modules[module] = modules.get(module, 0) + tensor.numel()
    return {"total": model.num_parameters(), "modules": modules, "parameters": parameters}


def main() -> None:
    import torch
    import transformers

    content = {
        "source": "AlbertModel and BertModel built from configuration, on the meta device",
        "script": "tests/reference/huggingface_parameters.py",
        "date": datetime.date.today().isoformat(),
        "versions": {
            "torch": torch.__version__.partition("+")[0],
            "transformers": transformers.__version__,
        },
        "models": {size: describe(size) for size in CONFIGURATIONS},
    }
    TARGET.write_text(_format(content) + "\n", encoding="utf-8")


def _format(value: Any, indent: str = "") -> str:
    """Return JSON with one line for each entry of a mapping, lists in one line."""
    if not isinstance(value, dict):
        return json.dumps(value)
    below = indent + " "
    lines = [f"{below}{json.dumps(key)}: {_format(item, below)}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


if __name__ == "__main__":
    main()
