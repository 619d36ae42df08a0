"""LoRA adapters of PEFT: what they hold goes where the graph has it, scaled, or is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from small_workload import MAIN
from weight_inputs import SIZES

from accelsim.errors import ConfigError
from accelsim.evaluation.graphs import adaptation_of
from accelsim.inference.forward import forward
from accelsim.inputs.shipped import find_input
from accelsim.model.adaptations import find_adaptation
from accelsim.model.families import find_model
from accelsim.model.graph import LayerGraph
from accelsim.model.importers.peft import read_adaptation
from accelsim.weights.synthetic import synthetic_weights
from accelsim.weights.tasks import load_task_weights
from accelsim.weights.weight_set import Values, WeightSet
from accelsim.workload.schema import load_workload

MODEL = find_model("bert-base", **SIZES)
RANK, ALPHA = 4, 6.0
PACKAGE = Path(__file__).parents[2]


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
        f"{tmp_path / 'encoder.safetensors'}, {adapter}: an adapter of PEFT, lora fine-tuning, "
        "rank 4, targets query and value, alpha 6.0"
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
        f"{adapter}: an adapter of PEFT, lora fine-tuning, rank 4, targets query and value, alpha "
        f"6.0; the case's graph has {has}; write 'adaptation: {{peft: {adapter}}}'"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peft_type": "VERA"}, "peft_type: VERA is not known (random matrices that all layers"),
        ({"use_qalora": True}, "use_qalora true: not known of LORA; expected r, lora_alpha"),
        ({"from_the_future": 1}, "from_the_future 1: not known of LORA"),
        ({"init_lora_weights": "pissa_niter_4"}, 'init_lora_weights "pissa_niter_4": this changes'),
        ({"target_modules": None}, "cannot be read: 'target_modules' is missing"),
        ({"r": 0}, "cannot be read: r 0 and lora_alpha 6"),
        ({"lora_alpha": "x"}, "cannot be read: lora_alpha: expected a number, got"),
        ({"r": None}, "cannot be read: 'r' is missing"),
    ],
)
def test_what_no_adaptation_here_has_is_refused(
    tmp_path: Path,
    parts: tuple[dict[str, Values], ...],
    changes: dict[str, Any],
    message: str,
) -> None:
    adapter = save_adapter(tmp_path / "lora", parts[1], **changes)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, adapter, parts[0])
    file = re.escape(str(adapter / "adapter_config.json"))
    assert re.match(rf"{file}(:\d+)?: {re.escape(message)}", str(caught.value))


def test_the_adaptation_is_read_from_the_settings(
    tmp_path: Path, parts: tuple[dict[str, Values], ...]
) -> None:
    folder = save_adapter(tmp_path / "lora", parts[1], modules_to_save=["classifier", "pooler"])
    expected = {"method": "lora", "rank": RANK, "targets": ["query", "value"], "alpha": ALPHA}
    expected |= {"trainable": ["*pooler"]}
    assert read_adaptation(folder) == read_adaptation(folder / "adapter_config.json") == expected
    rooted = save_adapter(tmp_path / "rooted", parts[1], use_rslora=True)
    assert find_adaptation(**read_adaptation(rooted)).factor_of("query") == ALPHA / 2
    (tmp_path / "prefix.json").write_text('{"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 9}')
    assert read_adaptation(tmp_path / "prefix.json") == {"method": "prefix", "length": 9}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", ": cannot be read: no mapping; expected the settings that save_pretrained"),
        ("{", ": cannot be read: Expecting property name"),
        ('{"peft_type": "IA3"}', ": cannot be read: 'target_modules' is missing"),
        (
            '{"peft_type": "LN_TUNING", "target_modules": ".*norm"}',
            ': cannot be read: target_modules ".*norm"; expected a list of norms',
        ),
        ("null", ": cannot be read: no mapping"),
        (
            '{"peft_type": "LORA",\n"r": "8", "lora_alpha": 8}',
            ":2: cannot be read: r: expected a whole number, got the text '8'",
        ),
        (
            '{"peft_type": "LORA", "r": 8, "lora_alpha": true}',
            ":1: cannot be read: lora_alpha: expected a number, got true",
        ),
    ],
)
def test_settings_without_an_adaptation_are_told(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "adapter_config.json"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_adaptation(tmp_path)
    assert str(caught.value).startswith(f"{file}{message}")


def test_a_workload_names_the_adapters_of_its_tasks(
    tmp_path: Path, parts: tuple[dict[str, Values], ...]
) -> None:
    for name, changes in (("one", {}), ("two", {"r": 2, "target_modules": ["key"]})):
        save_adapter(tmp_path / name, parts[1], **changes)
    text = find_input(Path(MAIN)).read_text().replace("../hwconfigs", f"{PACKAGE / 'hwconfigs'}")
    (tmp_path / "w.yaml").write_text(text)
    workload = load_workload(
        tmp_path / "w.yaml",
        (
            "tasks={MNLI: , QNLI: {adaptation: {peft: two}}}",
            "cases.adapter_slc.adaptation={peft: one, merged: true}",
        ),
    )
    case = workload.cases["adapter_slc"]
    mnli, qnli = (adaptation_of(workload.config, case, task) for task in ("MNLI", "QNLI"))
    assert mnli.model_dump(exclude_none=True) == {
        **{"method": "lora", "rank": 4, "targets": ["query", "value"], "alpha": ALPHA},
        "merged": True,
    }
    assert (qnli.model_dump()["rank"], qnli.model_dump()["targets"]) == (2, ["key"])
    with pytest.raises(ConfigError, match=r"adaptation\.peft: expected a path, got 3"):
        load_workload(tmp_path / "w.yaml", ("cases.adapter_slc.adaptation={peft: 3}",))


_BN = {"reduction_factor": 4, "non_linearity": "swish", "original_ln_before": False}
_BN |= {"mh_adapter": True, "output_adapter": True, "original_ln_after": True, "scaling": 1.0}
_LORA = {"architecture": "lora", "attn_matrices": ["q", "k"], "r": 4, "alpha": 8}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"peft_type": "IA3", "target_modules": ["k", "f"], "feedforward_modules": ["f"]},
            {"method": "ia3", "targets": ["f", "k"], "feedforward": ["f"]},
        ),
        (
            {"peft_type": "LN_TUNING", "target_modules": ["norm"], "exclude_modules": ["norm"]},
            {"method": "head", "trainable": ["norm"], "frozen": ["norm"]},
        ),
        ({"peft_type": "P_TUNING", "num_virtual_tokens": 7}, {"method": "prompt", "length": 7}),
        (
            {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ".*_proj"}
            | {"layers_to_transform": 3, "layers_pattern": "h", "exclude_modules": ["k"]},
            {"method": "lora", "rank": 4, "alpha": 8, "targets": ".*_proj", "excluded": ["k"]}
            | {"layers": [3], "layer_lists": ["h"]},
        ),
        (
            {"config": _BN, "hidden_size": 24, "model_type": "gpt2"},
            {"method": "houlsby", "bottleneck": 6, "activation": "swish", "frozen": ["ln_?"]},
        ),
        (
            {"config": {**_BN, "mh_adapter": False, "original_ln_before": True}, "hidden_size": 9},
            {"method": "pfeiffer", "bottleneck": 2, "activation": "swish"},
        ),
        (
            {
                "config": {"architecture": "prefix_tuning", "prefix_length": 3},
                "model_type": "albert",
            },
            {"method": "prefix", "length": 3, "shared_across_layers": True},
        ),
        ({"config": _LORA}, {"method": "lora", "rank": 4, "alpha": 8, "targets": ["query", "key"]}),
        (
            {"config": {**_BN, "is_parallel": True}, "hidden_size": 9},
            "config: is_parallel true: no",
        ),
        ({"config": {**_BN, "phm_layer": True}, "hidden_size": 9}, "config: phm_layer true: no "),
        (
            {"config": {**_LORA, "composition_mode": "scale"}},
            'config: composition_mode "scale": no',
        ),
        (
            {"config": {"architecture": "reft"}},
            'config.architecture: "reft" of the library adapters',
        ),
        ({"config": _BN}, "cannot be read: 'hidden_size' is missing"),
    ],
)
def test_settings_of_other_methods_and_of_the_other_library(
    tmp_path: Path, settings: dict[str, Any], expected: dict[str, Any] | str
) -> None:
    file = tmp_path / "adapter_config.json"
    file.write_text(json.dumps(settings))
    if isinstance(expected, dict):
        assert read_adaptation(tmp_path) == expected
        assert find_adaptation(**expected).method == expected["method"]
        return
    with pytest.raises(ConfigError) as caught:
        read_adaptation(tmp_path)
    assert str(caught.value).startswith(f"{file}: {expected}")


@pytest.mark.parametrize("merged", [None, True])
def test_lengths_of_dora_and_factors_of_ia3_go_where_they_belong(
    tmp_path: Path, parts: tuple[dict[str, Values], ...], merged: bool | None
) -> None:
    backbone, own = parts
    lengths = {n.replace(".lora_A.weight", ".lora_magnitude_vector"): np.full(24, 2, np.float32)
               for n in own if ".lora_A." in n}  # fmt: skip
    folder = save_adapter(tmp_path / "dora", {**own, **lengths}, use_dora=True)
    found = load(tmp_path, folder, backbone, graph=graph(dora=True, merged=merged)).tensors
    module = "encoder.layer.0.attention.self.query"
    low, high = (own[f"{module}.lora_{part}.weight"] for part in "AB")
    total = backbone[f"{module}.weight"] + np.float32(ALPHA / RANK) * high @ low
    factors = 2 / np.linalg.norm(total, axis=1)
    if merged:
        rows = np.linalg.norm(found[f"{module}.weight"], axis=1)
        np.testing.assert_allclose(rows, 2, rtol=1e-5)
    else:
        np.testing.assert_allclose(found[f"{module}.lora_magnitude_vector"], factors, rtol=1e-5)
    keys = {"targets": ["key", "output.dense"], "feedforward": ["output.dense"]}
    ia3 = graph("ia3", **keys, merged=merged)
    scales = {
        p.name: p.elements for p in graph("ia3", **keys).parameters if p.name.endswith("ia3_l")
    }
    drawn = {name: np.linspace(0, 1, n, dtype=np.float32)[:, None] for name, n in scales.items()}
    head = {n: v for n, v in own.items() if ".lora_" not in n}
    named = {"target_modules": keys["targets"], "feedforward_modules": keys["feedforward"]}
    adapter = save_adapter(tmp_path / "ia3", {**head, **drawn}, peft_type="IA3", **named)
    saved = json.loads((adapter / "adapter_config.json").read_text())
    for key in ("r", "lora_alpha", "bias", "use_dora", "rank_pattern"):
        del saved[key]
    (adapter / "adapter_config.json").write_text(json.dumps(saved))
    found = load(tmp_path, adapter, backbone, graph=ia3).tensors
    for name in drawn:
        weight = name.replace("ia3_l", "weight")
        by = drawn[name][:, 0] if "output" in name else drawn[name]
        if merged:
            np.testing.assert_array_equal(found[weight], backbone[weight] * by)
        else:
            np.testing.assert_array_equal(found[name], drawn[name][:, 0])


@pytest.mark.parametrize("head", [True, False])
def test_merged_weights_are_the_sum(
    tmp_path: Path, parts: tuple[dict[str, Values], ...], head: bool
) -> None:
    backbone, own = parts
    kept = own if head else {n: v for n, v in own.items() if ".lora_" in n}
    folder, within = save_adapter(tmp_path / "lora", kept), graph(merged=True)
    loaded = load(tmp_path, folder, backbone, graph=within, seed=None if head else 1)
    assert "merged" in loaded.origin
    for name in (n for n in own if ".lora_A." in n):
        module = name.removesuffix(".lora_A.weight")
        product = own[f"{module}.lora_B.weight"] @ own[name]
        np.testing.assert_allclose(
            loaded.tensors[f"{module}.weight"],
            backbone[f"{module}.weight"] + ALPHA / RANK * product,
            rtol=1e-5,
            atol=1e-6,
        )
    assert not [name for name in loaded.tensors if ".lora_" in name]


def test_alpha_is_that_of_the_file_or_of_the_workload(
    tmp_path: Path, parts: tuple[dict[str, Values], ...]
) -> None:
    backbone, own = parts
    folder = save_adapter(tmp_path / "lora", own)
    twice = {"A": find_adaptation("lora", rank=RANK, alpha=2 * ALPHA)}
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, folder, backbone, adaptations=twice)
    assert str(caught.value).endswith(
        "the adaptation's alpha / rank at encoder.layer.0.attention.self.query is 3; leave alpha "
        "out, or give this task its own: 'tasks.NAME.adaptation: {peft: ...}'"
    )
    save_file(own, tmp_path / "plain.safetensors")
    low = next(n for n in own if ".lora_A." in n)
    high = low.replace("lora_A", "lora_B")
    found = load(tmp_path, tmp_path / "plain.safetensors", backbone, adaptations=twice).tensors
    np.testing.assert_array_equal(found[high], own[high] * 3)
    np.testing.assert_array_equal(found[low], own[low])


def test_the_three_parts_of_gpt2_have_one_a_and_their_own_b(tmp_path: Path) -> None:
    model = find_model("gpt2", hidden_size=8, layers=1, heads=2, vocabulary_size=9)
    lora = find_adaptation("lora", rank=2, targets=["c_attn"])
    adapted = lora.adapt(model.build(sequence_length=4, classes=1))
    shapes = {p.name: p.shape for p in adapted.parameters if ".lora_" in p.name}
    module = "h.0.attn.c_attn"
    parts = {f"{module}.{part}.lora_B.weight": (8, 2) for part in ("query", "key", "value")}
    assert shapes == {f"{module}.lora_A.weight": (2, 8), **parts}
    assert len([o for o in adapted.operators if o.name.endswith("_lora.down")]) == 1
    drawn = dict(synthetic_weights(adapted, 3).tensors)
    own = {f"{module}.lora_A.weight": drawn.pop(f"{module}.lora_A.weight")}
    stacked = np.concatenate([drawn.pop(name) for name in parts])
    folder = tmp_path / "lora"
    folder.mkdir()
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["c_attn"]}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    named = {**own, f"{module}.lora_B.weight": stacked}
    names = {f"base_model.model.transformer.{n}": v for n, v in named.items()}
    save_file(names, folder / "adapter_model.safetensors")
    turned = (".c_fc.weight", ".c_proj.weight")
    stored = {n: v.T.copy() if n.endswith(turned) else v for n, v in drawn.items()}
    found = load(tmp_path, folder, stored, graph=adapted).tensors
    for number, name in enumerate(parts):
        np.testing.assert_array_equal(found[name], stacked[8 * number : 8 * number + 8])


@pytest.mark.parametrize("merged", [True, None])
def test_lora_at_a_head_is_part_of_the_head(
    tmp_path: Path, parts: tuple[dict[str, Values], ...], merged: bool | None
) -> None:
    backbone, own = parts
    head = {n: own.pop(n) for n in [n for n in own if n.startswith("classifier")]}
    low, high = np.ones((RANK, 24), np.float32), np.ones((2, RANK), np.float32)
    own |= {"classifier.lora_A.weight": low, "classifier.lora_B.weight": high}
    folder = save_adapter(
        tmp_path / "lora", own, target_modules=["bert.encoder.layer.0.query", "classifier.dense"]
    )
    assert read_adaptation(folder)["targets"] == ["bert.encoder.layer.0.query"]
    loaded = load(tmp_path, folder, {**backbone, **head}, graph=graph(merged=merged))
    expected = head["classifier.weight"] + np.float32(ALPHA / RANK) * high @ low
    np.testing.assert_array_equal(loaded.tensors["classifier.weight"], expected)
