"""Makes family_parameters.csv, family_macs.csv and family_forward.json from other libraries.

Needs torch and transformers, no network and no weights: the models are built from their published
configurations, written out here so that they do not come from accelsim, on torch's meta device,
which allocates nothing. Run

    python tests/reference/make_families.py

Multiply-accumulates are half of what torch.utils.flop_counter counts: matrix products alone. The
values of a forward pass are those of small models with the weights of albert_forward.py's recipe.
"""

from __future__ import annotations

import csv
import json
import math
import re
import runpy
from collections import Counter
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
TOKENS = [[4, 41, 17, 8, 3, 29, 33, 12, 3], [2, 7, 7, 49, 25, 3, 9, 10, 11]]


def _encoder(
    layers: int, hidden: int, heads: int, inner: int, vocabulary: int, **others: Any
) -> dict[str, Any]:
    sizes = {"num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads}
    sizes |= {"intermediate_size": inner, "vocab_size": vocabulary}
    return {**sizes, "max_position_embeddings": 512, "type_vocab_size": 2, **others}


_ROBERTA = {"max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
_SEQUENCE = "ForSequenceClassification"
_CAUSAL = "ForCausalLM"
_IMAGE = "ForImageClassification"


def _vit(width: int, heads: int) -> dict[str, int]:
    sizes = {"hidden_size": width, "num_attention_heads": heads, "intermediate_size": 4 * width}
    return {**sizes, "num_hidden_layers": 12, "image_size": 224, "patch_size": 16}


def _resnet(kind: str, depths: list[int], wider: int) -> dict[str, Any]:
    widths = [64 * wider, 128 * wider, 256 * wider, 512 * wider]
    return {"layer_type": kind, "depths": depths, "hidden_sizes": widths}


def _llama(
    layers: int, hidden: int, heads: int, key_heads: int, inner: int, vocabulary: int, tied: bool
) -> dict[str, Any]:
    sizes = {"num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads}
    sizes |= {"num_key_value_heads": key_heads, "intermediate_size": inner}
    return {**sizes, "vocab_size": vocabulary, "tie_word_embeddings": tied}


def _gpt2(layers: int, width: int, heads: int, **others: int) -> dict[str, Any]:
    return {"n_layer": layers, "n_embd": width, "n_head": heads, **others}


_OPT_350M = {"num_hidden_layers": 24, "hidden_size": 1024, "num_attention_heads": 16}
_OPT_350M |= {"ffn_dim": 4096, "word_embed_proj_dim": 512, "do_layer_norm_before": False}


def _neox(layers: int, width: int, heads: int, vocabulary: int, **others: Any) -> dict[str, Any]:
    sizes = {"num_hidden_layers": layers, "hidden_size": width, "num_attention_heads": heads}
    return {**sizes, "intermediate_size": 4 * width, "vocab_size": vocabulary, **others}


# Preset of accelsim -> class of transformers without its ending, its ending, configuration.
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "roberta-base": ("Roberta", _SEQUENCE, _encoder(12, 768, 12, 3072, 50265, **_ROBERTA)),
    "roberta-large": ("Roberta", _SEQUENCE, _encoder(24, 1024, 16, 4096, 50265, **_ROBERTA)),
    "distilbert-base": (
        "DistilBert",
        _SEQUENCE,
        {"n_layers": 6, "dim": 768, "n_heads": 12, "hidden_dim": 3072, "vocab_size": 30522},
    ),
    "electra-small": (
        "Electra",
        _SEQUENCE,
        _encoder(12, 256, 4, 1024, 30522, embedding_size=128),
    ),
    "electra-base": (
        "Electra",
        _SEQUENCE,
        _encoder(12, 768, 12, 3072, 30522, embedding_size=768),
    ),
    "electra-large": (
        "Electra",
        _SEQUENCE,
        _encoder(24, 1024, 16, 4096, 30522, embedding_size=1024),
    ),
    "mobilebert": (
        "MobileBert",
        _SEQUENCE,
        _encoder(24, 512, 4, 512, 30522, classifier_activation=False),
    ),
    "resnet-18": ("ResNet", _IMAGE, _resnet("basic", [2, 2, 2, 2], 1)),
    "resnet-26": ("ResNet", _IMAGE, _resnet("bottleneck", [2, 2, 2, 2], 4)),
    "resnet-34": ("ResNet", _IMAGE, _resnet("basic", [3, 4, 6, 3], 1)),
    "resnet-50": ("ResNet", _IMAGE, _resnet("bottleneck", [3, 4, 6, 3], 4)),
    "vit-tiny": ("ViT", _IMAGE, _vit(192, 3)),
    "vit-small": ("ViT", _IMAGE, _vit(384, 6)),
    "vit-base": ("ViT", _IMAGE, _vit(768, 12)),
    "deit-tiny": ("ViT", _IMAGE, _vit(192, 3)),
    "deit-small": ("ViT", _IMAGE, _vit(384, 6)),
    "deit-base": ("ViT", _IMAGE, _vit(768, 12)),
    "mobilenet-v1": ("MobileNetV1", _IMAGE, {"image_size": 224}),
    "mobilenet-v2": ("MobileNetV2", _IMAGE, {"image_size": 224}),
    "mobilenet-v1-vww": ("MobileNetV1", _IMAGE, {"image_size": 96, "depth_multiplier": 0.25}),
    "gpt2": ("GPT2", "LMHeadModel", _gpt2(12, 768, 12)),
    "gpt2-medium": ("GPT2", "LMHeadModel", _gpt2(24, 1024, 16)),
    "gpt2-large": ("GPT2", "LMHeadModel", _gpt2(36, 1280, 20)),
    "gpt2-xl": ("GPT2", "LMHeadModel", _gpt2(48, 1600, 25)),
    "smollm-135m": ("Llama", _CAUSAL, _llama(30, 576, 9, 3, 1536, 49152, True)),
    "smollm-360m": ("Llama", _CAUSAL, _llama(32, 960, 15, 5, 2560, 49152, True)),
    "qwen2-0.5b": ("Qwen2", _CAUSAL, _llama(24, 896, 14, 2, 4864, 151936, True)),
    "qwen2.5-0.5b": ("Qwen2", _CAUSAL, _llama(24, 896, 14, 2, 4864, 151936, True)),
    "qwen3-0.6b": (
        "Qwen3",
        _CAUSAL,
        _llama(28, 1024, 16, 8, 3072, 151936, True) | {"head_dim": 128},
    ),
    "opt-125m": ("OPT", _CAUSAL, {}),
    "opt-350m": ("OPT", _CAUSAL, _OPT_350M),
    "pythia-70m": ("GPTNeoX", _CAUSAL, _neox(6, 512, 8, 50304)),
    "pythia-160m": ("GPTNeoX", _CAUSAL, _neox(12, 768, 12, 50304)),
    "tinyllama-1.1b": ("Llama", _CAUSAL, _llama(22, 2048, 32, 4, 5632, 32000, False)),
}

_SMALL_VIT = {
    "hidden_size": 24,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "image_size": 12,
    "patch_size": 4,
}
# Small models, one of each family.
SMALL: dict[str, tuple[str, str, dict[str, Any]]] = {
    "roberta": (
        "Roberta",
        _SEQUENCE,
        _encoder(2, 24, 4, 40, 50, **{**_ROBERTA, "max_position_embeddings": 18}),
    ),
    "distilbert": (
        "DistilBert",
        _SEQUENCE,
        {
            "n_layers": 2,
            "dim": 24,
            "n_heads": 4,
            "hidden_dim": 40,
            "vocab_size": 50,
            "max_position_embeddings": 16,
        },
    ),
    "electra": (
        "Electra",
        _SEQUENCE,
        _encoder(2, 24, 4, 40, 50, embedding_size=8, max_position_embeddings=16),
    ),
    "mobilebert": (
        "MobileBert",
        _SEQUENCE,
        _encoder(
            2,
            24,
            2,
            40,
            50,
            embedding_size=8,
            max_position_embeddings=16,
            intra_bottleneck_size=12,
            true_hidden_size=12,
            num_feedforward_networks=3,
            classifier_activation=False,
        ),
    ),
    "gpt2": ("GPT2", "LMHeadModel", _gpt2(2, 24, 4, vocab_size=50, n_positions=16)),
    "resnet": (
        "ResNet",
        _IMAGE,
        {
            "layer_type": "bottleneck",
            "depths": [1, 2],
            "hidden_sizes": [16, 32],
            "embedding_size": 8,
            "image_size": 20,
        },
    ),
    "vit": (
        "ViT",
        _IMAGE,
        _SMALL_VIT,
    ),
    "mobilenet_v2": ("MobileNetV2", _IMAGE, {"image_size": 40, "depth_multiplier": 0.25}),
    "mobilenet": ("MobileNetV1", _IMAGE, {"image_size": 40, "depth_multiplier": 0.125}),
    "llama": (
        "Llama",
        _CAUSAL,
        {**_llama(2, 24, 6, 2, 40, 50, False), "max_position_embeddings": 16},
    ),
    "qwen2": (
        "Qwen2",
        _CAUSAL,
        {**_llama(2, 24, 4, 2, 40, 50, True), "max_position_embeddings": 16},
    ),
    "qwen3": (
        "Qwen3",
        _CAUSAL,
        {**_llama(2, 24, 4, 2, 40, 50, True), "max_position_embeddings": 16, "head_dim": 8},
    ),
    "smollm3": (
        "SmolLM3",
        _CAUSAL,
        {
            **_llama(2, 24, 4, 2, 40, 50, True),
            "max_position_embeddings": 16,
            "no_rope_layers": [1, 0],
            "pad_token_id": 0,
        },
    ),
    "opt": (
        "OPT",
        _CAUSAL,
        {**_OPT_350M, "num_hidden_layers": 2, "hidden_size": 24, "num_attention_heads": 4}
        | {"ffn_dim": 40, "word_embed_proj_dim": 8, "vocab_size": 50}
        | {"max_position_embeddings": 16},
    ),
    "gpt_neox": (
        "GPTNeoX",
        _CAUSAL,
        _neox(2, 48, 4, 50, max_position_embeddings=16, rotary_pct=0.5),
    ),
    "deit": (
        "DeiT",
        _IMAGE,
        _SMALL_VIT,
    ),
}


def build(name: str, ending: str, sizes: dict[str, Any], classes: int = 2) -> Any:
    """Return a model of transformers in evaluation mode."""
    import transformers

    attention = {"attn_implementation": "eager", "num_labels": classes}
    config = getattr(transformers, f"{name}Config")(**sizes, **attention)
    return getattr(transformers, f"{name}{ending}")(config).eval()


def own_name(model: Any, name: str) -> str:
    """Return a parameter's name without the prefix of a model with a head."""
    own = name.removeprefix(f"{model.base_model_prefix}.").removeprefix("decoder.")
    return own.replace("classifier.1.", "classifier.")


def parameters(preset: str) -> list[tuple[str, int, int]]:
    """Return modules without the numbers of layers, how many there are, and parameters of each."""
    import torch

    with torch.device("meta"):
        model = build(*MODELS[preset])
    modules: Counter[str] = Counter()
    for name, tensor in model.named_parameters():
        modules[own_name(model, name).rpartition(".")[0]] += tensor.numel()
    alike: Counter[tuple[str, int]] = Counter()
    for name, count in modules.items():
        alike[re.sub(r"(?<=\.)\d+(?=\.|$)", "*", name), count] += 1
    return [(name, copies, count) for (name, count), copies in alike.items()]


def macs(preset: str, tokens: int) -> int:
    """Return half of the operations that torch counts for one input."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    last = {"logits_to_keep": 1} if MODELS[preset][1] in (_CAUSAL, "LMHeadModel") else {}
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model = build(*MODELS[preset])
        size = getattr(model.config, "image_size", 224)
        given = torch.zeros(1, tokens, dtype=torch.long)
        model(torch.zeros(1, 3, size, size) if tokens == 1 else given, **last)
    # The library multiplies positions by wavelengths for the angles of rotary positions.
    angles = [
        sum(each.values())
        for module, each in counter.get_flop_counts().items()
        if module.endswith("rotary_emb")
    ]
    return (int(counter.get_total_flops()) - sum(angles)) // 2


def forward(family: str) -> list[list[float]]:
    """Return the logits of a small model with the weights of the recipe."""
    import torch

    weight = runpy.run_path(str(FOLDER / "albert_forward.py"))["weight"]
    model = build(*SMALL[family], classes=3)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            tensor.copy_(_values(weight, own_name(model, name), tensor))
        for norm in model.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.running_var.fill_(1 - norm.eps)
        given = {"input_ids": torch.tensor(TOKENS)}
        if SMALL[family][1] == _IMAGE:
            size = model.config.image_size
            picture = torch.arange(2 * 3 * size * size, dtype=torch.float32)
            given = {"pixel_values": (picture * 0.7).sin().reshape(2, 3, size, size)}
        logits = model(**given).logits
        logits = logits[:, -1] if logits.ndim == 3 else logits
    return [[float(f"{value:.8g}") for value in row] for row in logits.tolist()]


def _values(weight: Any, name: str, tensor: Any) -> Any:
    """Return the values of a parameter; GPT-2's matrices are (inputs, outputs), three in one."""
    import torch

    def drawn(name: str, shape: tuple[int, ...]) -> Any:
        flat = (shape[0], math.prod(shape[1:])) if len(shape) == 4 else shape
        centre = 2.0 if name.endswith("normalization.weight") else 0.0
        return centre + torch.tensor(weight(name, flat)).reshape(shape)

    if ".query_key_value." in name:  # whose rows stand together for each head
        module, _, part = name.rpartition(".")
        third = (len(tensor) // 3, *tensor.shape[1:])
        names = [f"{module}.{each}.{part}" for each in ("query", "key", "value")]
        heads = SMALL["gpt_neox"][2]["num_attention_heads"]
        parts = [drawn(each, third).reshape(heads, -1, *third[1:]) for each in names]
        return torch.cat(parts, dim=1).reshape(tensor.shape)
    if not name.startswith("h."):
        return drawn(name, tuple(tensor.shape))
    shape = tuple(tensor.shape)[::-1]
    if ".c_attn." not in name:
        return drawn(name, shape).T if len(shape) == 2 else drawn(name, shape)
    module, _, part = name.rpartition(".")
    third = (shape[0] // 3, *shape[1:])
    parts = [drawn(f"{module}.{each}.{part}", third) for each in ("query", "key", "value")]
    return torch.cat(parts).T if len(shape) == 2 else torch.cat(parts)


def _write(file: str, about: str, header: str, rows: list[tuple[Any, ...]]) -> None:
    import torch
    import transformers

    versions = (
        f"torch {torch.__version__.partition('+')[0]}, transformers {transformers.__version__}"
    )
    with (FOLDER / file).open("w", encoding="utf-8", newline="") as target:
        target.write(f"# {about}\n# Source: {versions}; made by tests/reference/make_families.py\n")
        writer = csv.writer(target, lineterminator="\n")
        writer.writerows([header.split(","), *rows])


def main() -> None:
    rows = [(preset, *row) for preset in MODELS for row in parameters(preset)]
    about = "Parameters of each module; modules of layers that are alike stand together."
    _write("family_parameters.csv", about, "model,module,copies,parameters", rows)
    counted = [
        (preset, n, macs(preset, n))
        for preset, (_, ending, _) in MODELS.items()
        for n in ((1,) if ending == _IMAGE else (64, 128))
    ]
    about = "Multiply-accumulates of one input, matrix products only: half of torch's flop counter."
    _write("family_macs.csv", about, "model,sequence_length,macs", counted)
    logits = {family: forward(family) for family in SMALL}
    content = {"tokens": TOKENS, "configurations": SMALL, "logits": logits}
    lines = json.dumps(content, indent=1)
    (FOLDER / "family_forward.json").write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
