"""LoRA adapters of PEFT: what they hold goes where the graph has it, scaled, or is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from weight_inputs import SIZES

from accelsim.errors import ConfigError
from accelsim.inference.forward import forward
from accelsim.model.adaptations import find_adaptation
from accelsim.model.families import find_model
from accelsim.model.graph import LayerGraph
from accelsim.weights.synthetic import synthetic_weights
from accelsim.weights.tasks import load_task_weights
from accelsim.weights.weight_set import Values, WeightSet

MODEL = find_model("bert-base", **SIZES)
RANK, ALPHA = 4, 6.0


def graph(method: str = "lora", **options: Any) -> LayerGraph:
    options = {"rank": RANK, **options} if method == "lora" else options
    return find_adaptation(method, **options).adapt(MODEL.build(sequence_length=8, classes=2))


def save_adapter(folder: Path, tensors: dict[str, Values], **changes: Any) -> Path:
    """Write an adapter as ``save_pretrained`` of peft does."""
    settings = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "bias": "none"}
    settings |= {"target_modules": ["value", "query"], "use_dora": False, "rank_pattern": {}}
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(settings | changes))
    named = {
        f"base_model.model.{'' if name.startswith('classifier') else 'bert.'}{name}": values
        for name, values in tensors.items()
    }
    save_file(named, folder / "adapter_model.safetensors")
    return folder


@pytest.fixture
def parts() -> tuple[dict[str, Values], dict[str, Values]]:
    """The backbone, and an adapter with its classifier."""
    drawn = synthetic_weights(graph(), 3, "A").tensors
    own = {n: v for n, v in drawn.items() if ".lora_" in n or n.startswith("classifier")}
    # Synthetic B is small; values of the size of weights make the branch matter.
    own = {n: v * 50 if ".lora_" in n else v for n, v in own.items()}
    return {n: v for n, v in drawn.items() if n not in own}, own


def load(folder: Path, adapter: Path, backbone: dict[str, Values], **options: Any) -> WeightSet:
    save_file(backbone, folder / "encoder.safetensors")
    graphs = {"A": options.pop("graph", graph())}
    shared, own = ["encoder.safetensors"], {"A": str(adapter)}
    return load_task_weights(shared, own, graphs, folder, **options)["A"]


@pytest.mark.parametrize(("changes", "scale"), [({}, ALPHA / RANK), ({"use_rslora": True}, 3.0)])
def test_the_adapter_beside_the_weights_equals_the_adapter_within_them(
    tmp_path: Path, parts: tuple[dict[str, Values], ...], changes: dict[str, Any], scale: float
) -> None:
    backbone, own = parts
    loaded = load(tmp_path, save_adapter(tmp_path / "lora", own, **changes), backbone)
    merged = {n: v for n, v in {**backbone, **own}.items() if ".lora_" not in n}
    for name in (n for n in own if ".lora_A." in n):
        module = name.removesuffix(".lora_A.weight")
        product = own[f"{module}.lora_B.weight"] @ own[name]
        merged[f"{module}.weight"] = merged[f"{module}.weight"] + np.float32(scale) * product
    sentences = np.random.default_rng(0).integers(0, SIZES["vocabulary_size"], (3, 8))
    beside = forward(MODEL, find_adaptation("lora", rank=RANK), loaded.tensors, sentences)
    within = forward(MODEL, None, merged, sentences)
    np.testing.assert_allclose(beside.logits, within.logits, rtol=2e-5, atol=1e-6)
    plain = forward(MODEL, None, {**merged, **backbone}, sentences)
    assert np.abs(plain.logits - within.logits).max() > 1e-3


def test_the_origin_says_that_it_is_lora(
    tmp_path: Path, parts: tuple[dict[str, Values], ...]
) -> None:
    adapter = save_adapter(tmp_path / "lora", parts[1])
    loaded = load(tmp_path, adapter / "adapter_model.safetensors", parts[0])
    assert loaded.origin == (
        f"{tmp_path / 'encoder.safetensors'}, {adapter}: a LoRA adapter of PEFT, rank 4, alpha 6, "
        "on query and value, alpha / rank in B"
    )


def test_an_adapter_without_a_head_takes_a_seeded_one(
    tmp_path: Path, parts: tuple[dict[str, Values], ...]
) -> None:
    alone = {n: v for n, v in parts[1].items() if ".lora_" in n}
    loaded = load(tmp_path, save_adapter(tmp_path / "lora", alone), parts[0], seed=5)
    assert "classifier synthetic, seed 5" in loaded.origin


@pytest.mark.parametrize(
    ("wanted", "has"),
    [
        (graph("full"), "no LoRA"),
        (graph(rank=2), "LoRA of rank 2 on other modules"),
        (graph(targets=["query"]), "LoRA of rank 4 on other modules"),
    ],
)
def test_another_adaptation_is_told_the_one_to_write(
    tmp_path: Path, parts: tuple[dict[str, Values], ...], wanted: LayerGraph, has: str
) -> None:
    adapter = save_adapter(tmp_path / "lora", parts[1])
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, adapter, parts[0], graph=wanted)
    assert str(caught.value) == (
        f"{adapter}: a LoRA adapter of PEFT, rank 4, alpha 6, on query and value; the case's "
        f"graph has {has}; write 'adaptation: {{method: lora, rank: 4, targets: [query, value]}}'"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peft_type": "IA3"}, "peft_type: IA3 is not known, expected LORA; merge"),
        ({"use_dora": True}, "use_dora true: not a plain LoRA"),
        ({"rank_pattern": {"query": 2}}, 'rank_pattern {"query": 2}: not a plain LoRA'),
        ({"r": 0}, "cannot be read: r 0 and lora_alpha 6"),
        ({"lora_alpha": "x"}, "cannot be read: could not convert"),
        ({"r": None}, "cannot be read: int"),
    ],
)
def test_what_is_no_plain_lora_is_refused(
    tmp_path: Path,
    parts: tuple[dict[str, Values], ...],
    changes: dict[str, Any],
    message: str,
) -> None:
    adapter = save_adapter(tmp_path / "lora", parts[1], **changes)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, adapter, parts[0])
    assert str(caught.value).startswith(f"{adapter / 'adapter_config.json'}: {message}")
