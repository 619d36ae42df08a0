"""The libraries train as many parameters as they once said, and compute the same.

Skipped where they are not installed. PEFT and adapters want different versions of transformers:
each test runs in an environment of its own.
"""

from __future__ import annotations

import csv
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.inference.forward import forward
from accelsim.model.adaptations import Adaptation, find_adaptation
from accelsim.model.importers.huggingface import read_model
from accelsim.weights.peft import peft_adaptation
from accelsim.weights.tasks import load_task_weights

REFERENCE = Path(__file__).parents[1] / "reference"
SMALL: dict[str, tuple[str, str, dict[str, Any]]] = {
    name: runpy.run_path(str(REFERENCE / "make_families.py"))["SMALL"][name]
    for name in ("roberta", "electra", "gpt2", "llama", "qwen2")
}
SENTENCES = np.array([[4, 41, 17, 8, 3, 29], [2, 7, 7, 49, 25, 3]])

# The libraries' own warnings are not ours to fail on.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("library", ["peft", "adapters"])
def test_the_library_says_so_still(library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    made = runpy.run_path(str(REFERENCE / "make_adaptations.py"))["ROWS"][library]()
    text = (REFERENCE / "adaptation_parameters.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    stored = [row for row in csv.DictReader(lines) if row["source"].startswith(f"{library} ")]
    known = {(row["model"], row["adaptation"]): row["parameters"] for row in stored}
    assert {(model, keys): count for model, keys, count in made} == known


def pretrained(name: str, folder: Path) -> Any:
    """Return a small model with drawn weights, which are saved."""
    import torch

    torch.manual_seed(3)
    model = runpy.run_path(str(REFERENCE / "make_families.py"))["build"](*SMALL[name])
    draw(model, "")
    model.save_pretrained(folder)
    return model


def draw(model: Any, among: str) -> None:
    """Draw the parameters whose names have a part."""
    import torch

    with torch.no_grad():
        for parameter in (p for n, p in model.named_parameters() if among in n):
            scale = parameter.shape[-1] ** -0.5 if parameter.ndim > 1 else 0.2
            parameter.add_(torch.randn_like(parameter) * scale)


def logits_of(model: Any) -> Any:
    import torch

    with torch.no_grad():
        found = model(torch.tensor(SENTENCES)).logits
    return (found[:, -1] if found.ndim == 3 else found).numpy()


def equal(folder: Path, adaptation: Adaptation, own: Path, expected: Any) -> None:
    """Compare with a forward pass of ours on the saved weights."""
    model = read_model(folder)
    graph = adaptation.apply(model.build(sequence_length=6, classes=2))
    files = [str(folder / "model.safetensors")]
    weights = load_task_weights(files, {"A": str(own)}, {"A": graph}, folder)["A"].tensors
    found = forward(model, adaptation, weights, SENTENCES).logits
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("rooted", [False, True])
@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("roberta", ["query", "value"]),
        ("roberta", "all-linear"),
        ("electra", "all-linear"),
        ("gpt2", ["c_attn", "c_fc"]),
        ("llama", ["q_proj", "v_proj", "down_proj"]),
        ("qwen2", "all-linear"),
    ],
)
def test_a_saved_adapter_computes_what_peft_does(
    name: str, targets: Any, rooted: bool, merged: bool, tmp_path: Path
) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed")
    model = pretrained(name, tmp_path / "model")
    kind = {"task_type": "SEQ_CLS"} if SMALL[name][1].startswith("ForSeq") else {}
    config = peft.LoraConfig(r=4, lora_alpha=6, target_modules=targets, use_rslora=rooted, **kind)
    adapted = peft.get_peft_model(model, config).eval()
    draw(adapted, "lora_B")
    adapted.save_pretrained(tmp_path / "own")
    expected = logits_of(adapted)
    with adapted.disable_adapter():
        plain = logits_of(adapted)
    assert np.abs(plain - expected).max() > 1e-2
    adaptation = find_adaptation(**peft_adaptation(tmp_path / "own"), merged=merged)
    equal(tmp_path / "model", adaptation, tmp_path / "own", expected)


OURS = {
    "houlsby": ("DoubleSeqBnConfig", {"reduction_factor": 4}),
    "pfeiffer": ("SeqBnConfig", {"reduction_factor": 4}),
    "prefix": ("PrefixTuningConfig", {"flat": True, "prefix_length": 3}),
}


@pytest.mark.parametrize("name", ["roberta", "electra", "gpt2", "llama"])
@pytest.mark.parametrize("method", OURS)
def test_bottlenecks_and_prefixes_compute_what_adapters_does(
    name: str, method: str, tmp_path: Path
) -> None:
    adapters = pytest.importorskip("adapters", reason="adapters is not installed")
    from safetensors.numpy import save_file

    model = pretrained(name, tmp_path)
    adapters.init(model)
    kind, keys = OURS[method]
    if method == "houlsby":  # whose function is the model's own
        keys = {**keys, "non_linearity": "gelu_new" if name == "gpt2" else "gelu"}
    model.add_adapter("own", config=getattr(adapters, kind)(**keys))
    draw(model, ".own.")
    plain = logits_of(model)
    model.set_active_adapters("own")
    expected = logits_of(model)
    assert np.abs(plain - expected).max() > 1e-2
    tensors = {n: p.detach().numpy() for n, p in model.named_parameters() if ".own." in n}
    given = {"length": 3} if method == "prefix" else {"bottleneck": 6}
    made = prefixes(tensors) if method == "prefix" else bottlenecks(tensors)
    save_file(made, tmp_path / "own.safetensors")
    equal(tmp_path, find_adaptation(method, **given), tmp_path / "own.safetensors", expected)


def prefixes(tensors: dict[str, Any]) -> dict[str, Any]:
    """Return prefixes by our names: one tensor has those of all tokens, layers and both parts."""
    (values,) = tensors.values()
    of = values.reshape(3, 2, 2, -1)
    return {
        f"prefixes.{layer}.{part}": of[:, layer, number].copy()
        for layer in range(2)
        for number, part in enumerate(("key", "value"))
    }


def bottlenecks(tensors: dict[str, Any]) -> dict[str, Any]:
    """Return adapters by our names."""
    made = {}
    for name, values in tensors.items():
        layer = next(part for part in name.split(".") if part.isdigit())
        half = "attention" if "attention" in name else "ffn"
        end = "down" if ".adapter_down." in name else "up"
        made[f"adapters.{layer}.{half}.{end}.{name.rpartition('.')[2]}"] = values.copy()
    return made
