"""Regenerates albert_forward.json: forward passes of Hugging Face models with seeded weights.

Needs torch and transformers, no network: the models are small and their weights come from the
recipe ``weight`` below, which the tests use too. Adapters, which transformers does not have, are
hooked behind the attention output projection and the feed-forward network. Run

    python tests/reference/albert_forward.py

Stored are the logits of every sentence, and the first token's output of every layer.
"""

from __future__ import annotations

import datetime
import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_suffix(".json")

CLASSES = 3
SIZES = {
    "vocab_size": 50,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
}
EMBEDDING = 8
BOTTLENECK = 5

# name -> (family, all layers share their parameters, adapters)
CASES = {
    "albert": ("albert", True, False),
    "albert unshared": ("albert", False, False),
    "albert adapters": ("albert", True, True),
    "bert": ("bert", False, False),
    "bert adapters": ("bert", False, True),
}

TOKENS = [
    [2, 41, 17, 8, 3, 29, 33, 12, 3],
    [2, 7, 7, 49, 25, 3, 0, 0, 0],
    [2, 3, 0, 0, 0, 0, 0, 0, 0],
]
MASK = [[1] * 9, [1] * 6 + [0] * 3, [1] * 2 + [0] * 7]
TOKEN_TYPES = [[0] * 5 + [1] * 4, [0] * 9, [0] * 9]


def weight(name: str, shape: Sequence[int]) -> list[float]:
    """Return the values of a parameter, row by row: uniform, the same on every machine.

    The scale of a layer norm lies around 1, a matrix within 1.5 / sqrt(inputs), so that no
    function saturates; all else within 0.3. No two parameters are equal, none is 0.
    """
    stream = random.Random(f"albert_forward/{name}")
    centre = 1.0 if "orm.weight" in name else 0.0
    width = 1.5 / math.sqrt(shape[1]) if len(shape) == 2 and "embeddings" not in name else 0.3
    return [centre + stream.uniform(-width, width) for _ in range(math.prod(shape))]


def describe(case: str) -> dict[str, Any]:
    """Return logits and first tokens of a case, from torch and transformers."""
    import torch

    model = build(case)
    with torch.no_grad():
        result = model(
            input_ids=torch.tensor(TOKENS),
            attention_mask=torch.tensor(MASK),
            token_type_ids=torch.tensor(TOKEN_TYPES),
            output_hidden_states=True,
        )
    layers = result.hidden_states[1:]
    assert len(layers) == SIZES["num_hidden_layers"]
    return {"logits": _round(result.logits), "first_tokens": [_round(h[:, 0]) for h in layers]}


def build(case: str) -> Any:
    """Return the model of a case in evaluation mode, with the weights of the recipe."""
    import torch
    import transformers

    family, shared, adapters = CASES[case]
    layers = SIZES["num_hidden_layers"]
    common: dict[str, Any] = {**SIZES, "num_labels": CLASSES, "attn_implementation": "eager"}
    if family == "bert":
        config = transformers.BertConfig(**common)
        model = transformers.BertForSequenceClassification(config)
    else:
        groups = 1 if shared else layers
        config = transformers.AlbertConfig(
            **common, embedding_size=EMBEDDING, num_hidden_groups=groups
        )
        model = transformers.AlbertForSequenceClassification(config)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            tensor.copy_(_tensor(name.removeprefix(f"{family}."), tuple(tensor.shape)))
    if adapters:
        _add_adapters(model, family, shared)
    return model.eval()


def _tensor(name: str, shape: tuple[int, ...]) -> Any:
    import torch

    return torch.tensor(weight(name, shape)).reshape(shape)


def _add_adapters(model: Any, family: str, shared: bool) -> None:
    if family == "bert":
        for number, layer in enumerate(model.bert.encoder.layer):
            prefix = f"adapters.{number}"
            _hook(layer.attention.output.dense, f"{prefix}.attention", "gelu")
            _hook(layer.output.dense, f"{prefix}.ffn", "gelu")
        return
    assert shared, "the recipe hooks adapters of ALBERT where one group serves all layers"
    layer = model.albert.encoder.albert_layer_groups[0].albert_layers[0]
    _hook(layer.attention.dense, "adapters.attention", "gelu_new")
    _hook(layer.ffn_output, "adapters.ffn", "gelu_new")


def _hook(host: Any, prefix: str, activation: str) -> None:
    from torch.nn.functional import linear
    from transformers.activations import ACT2FN

    hidden = SIZES["hidden_size"]
    down = _tensor(f"{prefix}.down.weight", (BOTTLENECK, hidden))
    down_bias = _tensor(f"{prefix}.down.bias", (BOTTLENECK,))
    up = _tensor(f"{prefix}.up.weight", (hidden, BOTTLENECK))
    up_bias = _tensor(f"{prefix}.up.bias", (hidden,))
    gelu = ACT2FN[activation]

    def adapt(module: Any, inputs: Any, output: Any) -> Any:
        return output + linear(gelu(linear(output, down, down_bias)), up, up_bias)

    host.register_forward_hook(adapt)


def _round(tensor: Any) -> list[list[float]]:
    """Return the rows with 8 significant digits, all that float32 has."""
    return [[float(f"{value:.8g}") for value in row] for row in tensor.tolist()]


def main() -> None:
    import torch
    import transformers

    content = {
        "source": "AlbertForSequenceClassification and BertForSequenceClassification, float32",
        "script": "tests/reference/albert_forward.py",
        "date": datetime.date.today().isoformat(),
        "versions": {
            "torch": torch.__version__.partition("+")[0],
            "transformers": transformers.__version__,
        },
        "cases": {case: describe(case) for case in CASES},
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
