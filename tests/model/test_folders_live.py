"""Folders that transformers saves give its logits, of every family; skipped where it is missing."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import ConfigError
from accelsim.inference.forward import evaluate_graph, forward
from accelsim.model.families.vision import Vision
from accelsim.model.importers.huggingface import read_model
from accelsim.weights.tasks import load_task_weights

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")
StrictDataclassError = pytest.importorskip("huggingface_hub.errors").StrictDataclassError

# The library's own warnings are not ours to fail on.
pytestmark = pytest.mark.filterwarnings("ignore")

FAMILIES = runpy.run_path(str(Path(__file__).parents[1] / "reference" / "make_families.py"))
_CAUSAL = "ForCausalLM"
_SIZES = FAMILIES["SMALL"]["llama"][2]
MORE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "biased llama": ("Llama", _CAUSAL, {**_SIZES, "attention_bias": True, "mlp_bias": True}),
    "mistral": ("Mistral", _CAUSAL, {**_SIZES, "sliding_window": 3}),
    "phi3": (
        "Phi3",
        _CAUSAL,
        {**_SIZES, "pad_token_id": 0, "hidden_size": 48}
        | {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.75}},
    ),
    "galactica": (
        "OPT",
        _CAUSAL,
        {**FAMILIES["SMALL"]["opt"][2], "word_embed_proj_dim": 24, "do_layer_norm_before": True}
        | {"enable_bias": False, "activation_function": "gelu"},
    ),
    "serial neox": (
        "GPTNeoX",
        _CAUSAL,
        {**FAMILIES["SMALL"]["gpt_neox"][2], "use_parallel_residual": False}
        | {"rotary_pct": 1.0, "tie_word_embeddings": True, "attention_bias": False},
    ),
    "bert": ("Bert", "ForSequenceClassification", FAMILIES["SMALL"]["roberta"][2]),
    "camembert": ("Camembert", "ForSequenceClassification", FAMILIES["SMALL"]["roberta"][2]),
}
MODELS = {**FAMILIES["SMALL"], **MORE}


ROPE = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10_000.0}
# What keys change is refused, or changes ours too; and what has no effect there has none here.
KEYS: dict[str, Any] = {
    "rope_parameters": ROPE,
    "sliding_window": 3,
    "use_sliding_window": True,
    "layer_types": ["full_attention", "sliding_attention"],
    "hidden_act": "relu",
    "attention_bias": True,
    "mlp_bias": True,
    "num_key_value_heads": 1,
    "head_dim": 12,
    "partial_rotary_factor": 0.5,
    "attn_logit_softcapping": 5.0,
    "final_logit_softcapping": 1.0,
    "rms_norm_eps": 0.1,
    "no_rope_layers": [0, 0],
    "use_parallel_residual": False,
    "do_layer_norm_before": True,
    "enable_bias": False,
    "layer_norm_elementwise_affine": False,
    "n_inner": 30,
    "scale_attn_weights": False,
    "qkv_bias": False,
    "type_vocab_size": 4,
    "is_decoder": True,
}


def theirs(family: str, key: str, value: Any) -> tuple[Any, Any] | None:
    """Return a model with a key and its last logits; None where the library cannot run it."""
    name, ending, sizes = {**MODELS, "gemma": ("Gemma", _CAUSAL, _SIZES)}[family]
    torch.manual_seed(1)
    try:
        model = FAMILIES["build"](name, ending, {**sizes, key: value}, classes=3)
        draw(model)
        if not hasattr(model, "get_input_embeddings") or "pixel_values" in model.main_input_name:
            return model, None
        with torch.no_grad():
            logits = model(torch.tensor(FAMILIES["TOKENS"])).logits
    except (ValueError, AttributeError, RuntimeError, TypeError, StrictDataclassError):
        return None
    return model, (logits[:, -1] if logits.ndim == 3 else logits).numpy()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("family", ["gemma", "mistral", "phi3", *FAMILIES["SMALL"]])
def test_no_key_that_changes_the_model_is_passed_over(
    family: str, key: str, tmp_path: Path
) -> None:
    if (found := theirs(family, key, KEYS[key])) is None:
        pytest.skip("the library has no such model")
    model, expected = found
    model.save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: KEYS[key]}))
    try:
        ours = read_model(tmp_path, **({"batch_norm": "separate"} if "net" in family else {}))
    except ConfigError:
        return  # it is told
    sentences = np.array(FAMILIES["TOKENS"])
    length = min(sentences.shape[1], ours.longest)
    graph = ours.build(sequence_length=length, classes=3)
    assert graph.parameter_count() == sum(each.numel() for each in model.parameters())
    if expected is None:
        return
    weights = load_task_weights([str(tmp_path)], {}, {"A": graph}, tmp_path)["A"].tensors
    try:
        logits = forward(ours, None, weights, sentences).logits
    except ConfigError:
        return  # it is told
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("family", "kind", "shard"),
    [
        *((family, "float32", "10GB") for family in MODELS),
        ("llama", "float16", "10KB"),
        ("qwen3", "bfloat16", "10KB"),
        ("resnet", "float32", "5KB"),
    ],
)
def test_a_folder_of_the_library_gives_its_logits(
    family: str, kind: str, shard: str, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    model = FAMILIES["build"](*MODELS[family], classes=3)
    draw(model)
    model.to(getattr(torch, kind)).save_pretrained(tmp_path, max_shard_size=shard)
    # Not the model itself, whose rotary angles are of the narrower type now.
    model = type(model).from_pretrained(tmp_path, dtype=torch.float32).eval()
    assert len([*tmp_path.glob("*.safetensors")]) == 1 or shard != "10GB"
    ours = read_model(tmp_path)
    picture = isinstance(ours, Vision)
    sizes = {"image_height": 20, "image_width": 20} if family == "resnet" else {}
    ours = ours if not sizes else read_model(tmp_path, **sizes)
    sentences = np.array(FAMILIES["TOKENS"])
    graph = ours.build(sequence_length=1 if picture else sentences.shape[1], classes=3)
    weights = load_task_weights([str(tmp_path)], {}, {"A": graph}, tmp_path)["A"].tensors
    with torch.no_grad():
        if picture:
            size = (2, 3, ours.image_height, ours.image_width)
            pixels = (torch.arange(2 * 3 * size[2] * size[3]).float() * 0.7).sin().reshape(size)
            expected = model(pixels).logits
            rows = pixels.numpy().reshape(2, 3, -1).swapaxes(1, 2)
            given = {graph.operators[0].name: [rows]}
            given["embedding.position"] = [np.arange(ours.tokens)[None]]
            found = [value[:, 0] for _, value in evaluate_graph(graph, weights, given)][-1]
        else:
            expected = model(torch.tensor(sentences)).logits
            found = forward(ours, None, weights, sentences).logits
    last = expected[:, -1] if expected.ndim == 3 else expected
    assert float((last[0] - last[1]).abs().max()) > 1e-3
    np.testing.assert_allclose(found, last.numpy(), rtol=1e-4, atol=1e-4)


def draw(model: Any) -> None:
    """Draw parameters, and what batch norms have counted."""
    with torch.no_grad():
        for parameter in model.parameters():
            scale = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim in (2, 4) else 0.2
            parameter.add_(torch.randn_like(parameter) * scale)
        for norm in (each for each in model.modules() if isinstance(each, torch.nn.BatchNorm2d)):
            norm.running_mean.normal_(std=0.3)
            norm.running_var.uniform_(0.5, 1.5)


@pytest.mark.parametrize("family", ["gemma", "phi3", "deit", "qwen3", "smollm3"])
def test_every_parameter_of_a_derived_family_is_there(family: str, tmp_path: Path) -> None:
    sizes = {**_SIZES, "head_dim": 10}
    name, ending, given = {**MODELS, "gemma": ("Gemma", _CAUSAL, sizes)}[family]
    model = FAMILIES["build"](name, ending, given, classes=3)
    model.config.save_pretrained(tmp_path)
    graph = read_model(tmp_path).build(sequence_length=1, classes=3)
    assert sum(p.elements for p in graph.parameters) == sum(p.numel() for p in model.parameters())
