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
from accelsim.model.importers.peft import read_adaptation
from accelsim.model.tensors import Role
from accelsim.weights.tasks import load_task_weights

REFERENCE = Path(__file__).parents[1] / "reference"
SMALL: dict[str, tuple[str, str, dict[str, Any]]] = {
    name: runpy.run_path(str(REFERENCE / "make_families.py"))["SMALL"][name]
    for name in ("roberta", "electra", "gpt2", "llama", "qwen2", "opt", "gpt_neox")
}
SMALL["phi3"] = ("Phi3", SMALL["llama"][1], {**SMALL["llama"][2], "pad_token_id": 0})
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


def adapted_graph(folder: Path, adaptation: Adaptation) -> Any:
    length = 6 + adaptation.virtual_tokens
    return adaptation.apply(read_model(folder).build(sequence_length=length, classes=2))


def equal(folder: Path, adaptation: Adaptation, own: Path, expected: Any) -> None:
    """Compare with a forward pass of ours on the saved weights."""
    model = read_model(folder)
    graph = adapted_graph(folder, adaptation)
    files = [str(folder / "model.safetensors")]
    weights = load_task_weights(files, {"A": str(own)}, {"A": graph}, folder)["A"].tensors
    found = forward(model, adaptation, weights, SENTENCES).logits
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def _lora(targets: Any, **keys: Any) -> tuple[str, dict[str, Any]]:
    return "LoraConfig", {"r": 4, "lora_alpha": 6, "target_modules": targets, **keys}


_SCALES = {"target_modules": ["key", "value", "output.dense"]}
_SCALES["feedforward_modules"] = ["output.dense"]
_INNER = {"target_modules": ["qkv_proj", "down_proj"], "feedforward_modules": ["down_proj"]}
_RANKS = {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"model.layers.1.*": 9}}
# Small models, and what is saved of them.
SAVED: list[tuple[str, tuple[str, dict[str, Any]]]] = [
    ("roberta", _lora(["query", "value"])),
    ("roberta", _lora("all-linear", use_rslora=True)),
    ("roberta", _lora(r".*\.(query|dense)", bias="all", modules_to_save=["classifier"])),
    ("electra", _lora("all-linear", bias="lora_only", use_dora=True)),
    ("gpt2", _lora(["c_attn", "c_fc"], use_rslora=True)),
    ("gpt2", _lora(["transformer.h.0.attn.c_attn", "c_proj"], use_dora=True, bias="lora_only")),
    ("llama", _lora(["q_proj", "v_proj", "down_proj"], **_RANKS)),
    ("llama", _lora(["q_proj", "lm_head"], layers_to_transform=[1], layers_pattern="layers")),
    ("llama", _lora(["o_proj"], use_dora=True, modules_to_save=["norm", "lm_head"])),
    ("qwen2", _lora("all-linear", use_dora=True, use_rslora=True, **_RANKS)),
    ("qwen2", _lora(r"model\..*(q|k)_proj", exclude_modules=r".*\.0\..*k_proj", **_RANKS)),
    ("phi3", _lora(["qkv_proj", "gate_up_proj"], rank_pattern={"qkv_proj": 3})),
    ("phi3", _lora(["qkv_proj", "gate_up_proj", "o_proj"], use_dora=True)),
    ("opt", _lora(["q_proj", "v_proj", "fc1"], use_dora=True)),
    ("gpt_neox", _lora(["query_key_value", "dense"], bias="lora_only")),
    ("gpt_neox", _lora("all-linear", use_dora=True)),
    ("gpt_neox", ("IA3Config", {"target_modules": ["query_key_value"]})),
    ("roberta", ("IA3Config", _SCALES)),
    ("phi3", ("IA3Config", _INNER)),
    ("gpt2", ("IA3Config", {"target_modules": ["c_attn", "mlp.c_proj"]})),
    ("llama", ("LNTuningConfig", {"target_modules": ["input_layernorm", "norm"]})),
    ("roberta", ("PromptTuningConfig", {"num_virtual_tokens": 3})),
    ("gpt2", ("PromptTuningConfig", {"num_virtual_tokens": 3})),
    ("llama", ("PromptEncoderConfig", {"num_virtual_tokens": 3, "encoder_hidden_size": 5})),
]


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize(("name", "given"), SAVED)
def test_a_saved_adapter_computes_what_peft_does(
    name: str, given: tuple[str, dict[str, Any]], merged: bool, tmp_path: Path
) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed")
    kind, keys = given
    if merged and kind not in ("LoraConfig", "IA3Config"):
        pytest.skip("its tensors are of a task as they are")
    model = pretrained(name, tmp_path / "model")
    task = "SEQ_CLS" if SMALL[name][1].startswith("ForSeq") else "CAUSAL_LM"
    # Of LN_TUNING the library saves no task.
    adapted = peft.get_peft_model(model, getattr(peft, kind)(**keys, task_type=task)).eval()
    for part in ("lora_B", "lora_magnitude", "ia3_l", "ln_tuning", "prompt", "modules_to_save"):
        draw(adapted, part)
    adapted.save_pretrained(tmp_path / "own")
    expected = logits_of(adapted)
    with adapted.disable_adapter():
        plain = logits_of(adapted)
    assert np.abs(plain - expected).max() > 1e-2
    read = read_adaptation(tmp_path / "own")
    adaptation = find_adaptation(**read, **({"merged": True} if merged else {}))
    equal(tmp_path / "model", adaptation, tmp_path / "own", expected)
    # The network that trains virtual tokens is gone after training.
    trained = [p for n, p in adapted.named_parameters() if p.requires_grad and "mlp_head" not in n]
    if not merged:
        graph = adapted_graph(tmp_path / "model", adaptation)
        assert graph.parameter_count(Role.TASK) == sum(each.numel() for each in trained)


OURS = {
    "lora": ("LoRAConfig", {"r": 2, "use_dora": False}),
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
    model.add_adapter("own", config=getattr(adapters, kind)(**keys))
    draw(model, ".own.")
    plain = logits_of(model)
    model.set_active_adapters("own")
    expected = logits_of(model)
    assert np.abs(plain - expected).max() > 1e-2
    tensors = {n: p.detach().numpy() for n, p in model.named_parameters() if ".own." in n}
    model.save_adapter(str(tmp_path / "own"), "own", with_head=False)
    adaptation = find_adaptation(**read_adaptation(tmp_path / "own"))
    graph = adapted_graph(tmp_path, adaptation)
    heads = sum(p.elements for p in graph.parameters if p.name.startswith("classifier"))
    trained = sum(each.size for each in tensors.values())
    assert graph.parameter_count(Role.TASK) - heads == trained
    if method == "lora":  # whose tensors have names of every family
        return
    made = prefixes(tensors) if method == "prefix" else bottlenecks(tensors)
    save_file(made, tmp_path / "own.safetensors")
    equal(tmp_path, adaptation, tmp_path / "own.safetensors", expected)


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
