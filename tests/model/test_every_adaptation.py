"""What holds of all adaptations, on every kind of family."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from accelsim.errors import ConfigError
from accelsim.inference.forward import evaluate_graph, forward
from accelsim.model.adaptations import find_adaptation
from accelsim.model.families import find_model
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import AFFINE
from accelsim.model.tensors import Role

SIZES = {"hidden_size": 24, "layers": 2, "heads": 4, "intermediate_size": 40}
SIZES |= {"vocabulary_size": 50, "maximum_positions": 16}
PICTURE = {"image_height": 16, "image_width": 16, "batch_norm": "separate"}
MODELS: dict[str, Any] = {
    "albert-base": {**SIZES, "embedding_size": 8},
    "bert-base": {**SIZES, "embedding_size": 24},
    "gpt2": SIZES,
    "qwen2.5-0.5b": {**SIZES, "key_heads": 2, "head_size": 6},
    "vit-tiny": {"hidden_size": 24, "layers": 2, "heads": 4, "intermediate_size": 40, **PICTURE},
    "resnet-8": PICTURE,
    "mobilenet-v1-vww": PICTURE,
}
SENTENCES = ("albert-base", "bert-base", "gpt2", "qwen2.5-0.5b")
METHODS = (
    {"method": "head"},
    {"method": "full"},
    {"method": "bitfit"},
    {"method": "houlsby", "bottleneck": 6},
    {"method": "pfeiffer", "bottleneck": 6},
    {"method": "lora", "rank": 4},
    {"method": "lora", "rank": 4, "targets": ["all-linear"]},
    {"method": "lora", "rank": 4, "targets": ["convolution"]},
    {"method": "lora", "rank": 4, "merged": True},
    {"method": "lora", "rank": 4, "targets": ["all-linear"], "dora": True},
    {"method": "ia3", "targets": ["value", "output"], "feedforward": ["output"]},
    {"method": "prompt", "length": 2},
    {"method": "prefix", "length": 5},
    {"method": "residual", "form": "series"},
    {"method": "residual", "form": "parallel"},
)


@cache
def model_of(name: str) -> Any:
    return find_model(name, **MODELS[name])


@cache
def build(name: str) -> LayerGraph:
    graph: LayerGraph = model_of(name).build(
        sequence_length=min(6, model_of(name).longest), classes=3
    )
    return graph


def fitting() -> list[tuple[str, dict[str, Any]]]:
    """Return the models and the adaptations that make sense for each."""
    pairs = []
    for name in MODELS:
        for keys in METHODS:
            try:
                find_adaptation(**keys).adapt(build(name))
            except ConfigError:
                continue
            pairs.append((name, keys))
    return pairs


PAIRS = fitting()
EACH = pytest.mark.parametrize(("name", "keys"), PAIRS)


def test_every_family_takes_what_makes_sense_for_it() -> None:
    found = {name: "".join("x" if (name, m) in PAIRS else "-" for m in METHODS) for name in MODELS}
    assert found == {
        **dict.fromkeys(SENTENCES, "xxxxxxx-xxxxx--"),
        "vit-tiny": "xxxxxxx-xxx-x--",
        "resnet-8": "xxx----x-----xx",
        "mobilenet-v1-vww": "xxx---xx-x-----",
    }


@EACH
def test_roles_divide_all_and_the_pretrained_model_stays(name: str, keys: dict[str, Any]) -> None:
    base, digest = build(name), build(name).digest
    adapted = find_adaptation(**keys).apply(base)
    assert base.digest == digest
    assert sum(adapted.parameter_count(role) for role in Role) == adapted.parameter_count()
    known = {p.name: p for p in base.parameters}
    there = {p.name: p for p in adapted.parameters}
    assert known.keys() <= there.keys()
    assert all(there[n].shape == p.shape for n, p in known.items())
    assert {there[n].role for n in there.keys() - known.keys()} <= {Role.TASK}
    assert {p.kept_as for n, p in there.items() if n in known} <= set(Role)
    if keys.get("merged"):
        assert all(there[n].kept_as is p.role for n, p in known.items())


@EACH
def test_all_frozen_is_nothing_of_a_task_and_all_trainable_is_all(
    name: str, keys: dict[str, Any]
) -> None:
    frozen = find_adaptation(**keys, frozen=["*"]).apply(build(name))
    assert frozen.parameter_count(Role.TASK) == 0
    roles = {p.name: p.role for p in build(name).parameters}
    assert all(
        p.role is roles.get(p.name, Role.BACKBONE) or roles[p.name] is Role.TASK
        for p in frozen.parameters
    )
    trained = find_adaptation(**keys, trainable=["*"]).apply(build(name))
    assert trained.parameter_count(Role.TASK) == trained.parameter_count()
    assert find_adaptation(**keys, trainable=["*"], frozen=["*"]).apply(build(name)) == frozen


def test_layers_are_frozen_by_their_names() -> None:
    base = build("bert-base")
    full = find_adaptation(method="full", frozen=["encoder.layer.0"]).apply(base)
    first = base.parameter_count(module="encoder.layer.0")
    all_of_it = base.parameter_count(Role.BACKBONE) + base.parameter_count(Role.TASK)
    assert full.parameter_count(Role.TASK) == all_of_it - first
    head = find_adaptation(method="head", trainable=["encoder.layer.1", "pooler"]).apply(base)
    assert head == full
    norms = find_adaptation(method="head", trainable=["LayerNorm"]).apply(base)
    assert norms.parameter_count(Role.TASK) == 5 * 2 * 24 + 3 * 25


@pytest.mark.parametrize("key", ["frozen", "trainable"])
def test_a_pattern_that_matches_nothing_is_told_with_near_names(key: str) -> None:
    adaptation = find_adaptation(method="full", **{key: ["pooler", "atention"]})
    with pytest.raises(ConfigError) as caught:
        adaptation.apply(build("bert-base"))
    told, near = str(caught.value).split("; near names: ")
    assert told == f"{key}: no parameter is called 'atention'"
    assert near.split(", ")[0] == "attention"
    with pytest.raises(ConfigError) as caught:
        find_adaptation(method="full", **{key: ["pooler.dens.weight"]}).apply(build("bert-base"))
    assert "pooler.dense.weight" in str(caught.value)


@pytest.mark.parametrize("name", SENTENCES)
def test_rank_and_length_0_are_the_pretrained_model(name: str) -> None:
    for keys in ({"method": "lora", "rank": 0}, {"method": "prefix", "length": 0}):
        assert find_adaptation(**keys).apply(build(name)) == build(name)
    merged = find_adaptation(method="lora", rank=0, merged=True)
    assert merged.apply(build(name)) == build(name)


def drawn(graph: LayerGraph) -> dict[str, Any]:
    """Return weights that keep values at their size, of norms around 1."""
    ones = {o.parameters[at].name for o in graph.operators for at in o.kind.ones}
    generator = np.random.default_rng(3)
    weights = {}
    for parameter in graph.parameters:
        shape = parameter.shape
        scale = 1 / np.sqrt(shape[-1]) if len(shape) > 1 else 0.1
        values = generator.standard_normal(shape) * scale + (parameter.name in ones)
        weights[parameter.name] = values.astype(np.float32)
    return weights


def values_of(name: str, keys: dict[str, Any]) -> dict[str, Any]:
    return drawn(find_adaptation(**keys).apply(build(name)))


def outputs(name: str, keys: dict[str, Any], weights: dict[str, Any]) -> Any:
    """Return the logits of two inputs, of a language model the last ones."""
    adaptation = find_adaptation(**keys)
    if name in SENTENCES:
        tokens = np.random.default_rng(0).integers(0, 50, (2, 6))
        return forward(model_of(name), adaptation, weights, tokens).logits
    graph = adaptation.apply(build(name))
    pixels = np.random.default_rng(0).standard_normal((2, 256, 3)).astype(np.float32)
    outside: dict[str, Any] = {o.name: [] for o in graph.operators if not graph.predecessors(o)}
    for operator in outside:
        outside[operator] = [np.arange(graph[operator].rows)[None]]
        if graph[operator].window:
            outside[operator] = [pixels]
    return [value for _, value in evaluate_graph(graph, weights, outside)][-1]


NOTHING = ("lora_B.weight", ".up.weight", ".up.bias")


@pytest.mark.parametrize(
    ("name", "keys"),
    [p for p in PAIRS if p[1]["method"] not in ("head", "full", "prefix", "prompt")],
)
def test_branches_that_give_nothing_change_nothing(name: str, keys: dict[str, Any]) -> None:
    weights = values_of(name, keys)
    head = outputs(name, {"method": "head"}, weights)
    for each in weights:
        last = each.startswith("adapters.") and keys["method"] == "residual"
        if each.endswith(NOTHING) or (last and ".norm." not in each):
            weights[each][:] = 0
        if each.endswith((".ia3_l", ".lora_magnitude_vector")):
            weights[each][:] = 1
    found = outputs(name, keys, weights)
    np.testing.assert_allclose(found, head, rtol=2e-4, atol=2e-6)
    if any(n not in {p.name for p in build(name).parameters} for n in weights):
        changed = outputs(name, keys, values_of(name, keys))
        assert np.abs(changed - head).max() > 1e-2


@pytest.mark.parametrize(
    ("name", "keys"),
    [p for p in PAIRS if p[1]["method"] == "lora" and not p[1].keys() & {"merged", "dora"}],
)
def test_within_the_weights_is_beside_them(name: str, keys: dict[str, Any]) -> None:
    beside, merged = values_of(name, keys), {**keys, "merged": True}
    graph = find_adaptation(**keys).apply(build(name))
    for operator in graph.operators:
        if operator.name.endswith("_lora.up"):
            (down,) = graph.predecessors(operator)
            own = graph[operator.name.removesuffix("_lora.up")].parameters[0].name
            part = [beside[each.parameters[0].name] for each in (operator, down)]
            if f"{own} done" not in beside:
                beside[f"{own} done"] = beside[own] + part[0] @ part[1]
    within = {n: beside.get(f"{n} done", v) for n, v in beside.items()}
    one, other = outputs(name, keys, beside), outputs(name, merged, within)
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    assert np.abs(one - outputs(name, {"method": "head"}, beside)).max() > 1e-2
    ours = find_adaptation(**merged).apply(build(name))
    assert ours.macs == build(name).macs < graph.macs


@pytest.mark.parametrize("name", ["bert-base", "gpt2"])
def test_a_prefix_is_what_tokens_before_would_give(name: str) -> None:
    one = find_model(name, **{**MODELS[name], "layers": 1})
    prefix = find_adaptation("prefix", length=2)
    graph = prefix.adapt(one.build(sequence_length=4, classes=3))
    weights = drawn(graph)
    for table in ("embeddings.position_embeddings.weight", "wpe.weight"):
        weights[table] = np.zeros((16, 24), np.float32)
    # Of one layer without positions, the two tokens that the others see are a prefix to them.
    tokens = np.array([[7, 9, 4, 11, 5]])
    whole = one.build(sequence_length=5, classes=3)
    places = {"token": tokens, "position": np.arange(5)[None], "type": tokens * 0}
    outside: dict[str, Any] = {
        f"embedding.{n}": [v] for n, v in places.items() if f"embedding.{n}" in whole
    }
    outside |= one.outside(whole, np.array([4]))
    made = {o.name: v for o, v in evaluate_graph(whole, weights, outside)}
    for part in ("key", "value"):
        weights[f"prefixes.0.{part}"] = made[f"encoder.0.{part}"][0, :2]
    # A token that only pads is seen by none.
    mask = np.array([[True, True, True, False]])
    rest = np.array([[4, 11, 5, 30]])
    found = forward(one, prefix, weights, rest, mask).logits
    order = tokens if name == "gpt2" else np.array([[4, 11, 5, 7, 9]])
    expected = forward(one, None, weights, order).logits
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    alone = forward(one, None, weights, rest, mask).logits
    assert np.abs(alone - expected).max() > 1e-2


def test_virtual_tokens_are_tokens_whose_vectors_are_learned() -> None:
    for name in SENTENCES:
        model, prompt = model_of(name), find_adaptation("prompt", length=2)
        graph = prompt.apply(model.build(sequence_length=6, classes=3))
        assert graph.macs == build(name).macs
        weights = drawn(graph)
        (table,) = graph["embedding.token"].parameters
        tokens = np.array([[7, 9, 4, 11, 5, 30]])
        weights["prompt_embeddings"] = weights[table.name][tokens[0, :2]]
        found = forward(model, prompt, weights, tokens[:, 2:]).logits
        expected = forward(model, None, weights, tokens).logits
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        generating: dict[str, Any] = {"kept": 0} if model.generates else {}
        if generating:
            with pytest.raises(ConfigError, match=r"^virtual tokens of a model that generates"):
                prompt.apply(model.build(sequence_length=6, classes=3, **generating))


def test_a_prefix_costs_rows_of_attention_alone() -> None:
    for name in SENTENCES:
        base, model = build(name), model_of(name)
        longer = find_adaptation("prefix", length=5).apply(base)
        # Scores and context of five more keys, for each of six tokens, in each layer.
        assert longer.macs - base.macs == model.layers * 2 * 6 * 5 * 24
        assert longer.parameter_count() - base.parameter_count() == model.layers * 2 * 5 * (
            12 if name.startswith("qwen") else 24
        )


def test_residual_adapters_train_batch_norms() -> None:
    for form in ("series", "parallel"):
        graph = find_adaptation("residual", form=form).apply(build("resnet-8"))
        norms = {p.name for o in graph.operators if o.kind is AFFINE for p in o.parameters}
        own = {p.name for p in graph.parameters if p.role is Role.TASK}
        assert norms <= own
        assert {n for n in own - norms if not n.startswith("classifier")} == {
            p.name
            for p in graph.parameters
            if p.name.startswith("adapters.") and p.name not in norms
        }


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("resnet-8", {"method": "prefix", "length": 4}, "prefix tuning adds keys and values, "),
        ("bert-base", {"method": "residual", "form": "series"}, "residual adapters stand at "),
        ("resnet-8", {"method": "pfeiffer", "bottleneck": 4}, "pfeiffer adapters stand before "),
        ("gpt2", {"method": "lora", "rank": 4, "targets": ["q_proj"]}, "lora: no frozen product "),
        ("gpt2", {"method": "lora", "rank": 4, "targets": "wte"}, "lora: no frozen product is "),
        ("gpt2", {"method": "ia3", "targets": ["c_attn"], "layers": [7]}, "ia3: excluded and "),
        ("vit-tiny", {"method": "prompt", "length": 4}, "prompt tuning puts vectors before "),
        ("bert-base", {"method": "prompt", "length": 6}, "6 tokens have no room behind 6 virtual"),
    ],
)
def test_what_makes_no_sense_is_told(name: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_adaptation(**keys).apply(build(name))
    assert str(caught.value).startswith(message)


def test_folded_batch_norms_and_missing_biases_are_told() -> None:
    folded = find_model("resnet-8").build(classes=3)
    with pytest.raises(ConfigError, match=r"set model\.batch_norm to separate$"):
        find_adaptation("residual", form="series").apply(folded)
    llama = find_model("tinyllama-1.1b", layers=1).build(sequence_length=4, classes=1)
    with pytest.raises(ConfigError, match=r"^bitfit trains biases, but no parameter"):
        find_adaptation("bitfit").apply(llama)


def test_adapters_stand_at_the_targets_of_layers_of_another_kind() -> None:
    model = find_model("mobilebert", layers=2)
    base = model.build(sequence_length=4, classes=2)
    with pytest.raises(ConfigError, match=r"; name the modules that they stand at as targets$"):
        find_adaptation("houlsby", bottleneck=8).apply(base)
    places = ["attention.output.dense", "output.bottleneck.dense"]
    shapes = {p.module: p.shape[0] for p in base.parameters if len(p.shape) > 1}
    widths = [shapes[f"encoder.layer.0.{place}"] for place in places]
    added = sum(2 * 8 * width + width + 8 for width in widths)
    for method, targets in (("houlsby", places), ("pfeiffer", places)):
        adapted = find_adaptation(method, bottleneck=8, targets=targets).apply(base)
        assert adapted.parameter_count() - base.parameter_count() == 2 * added
        assert adapted.macs - base.macs == 2 * 2 * 4 * 8 * sum(widths)
    with pytest.raises(ConfigError) as caught:
        find_adaptation("pfeiffer", bottleneck=8, targets=["query"]).apply(base)
    assert str(caught.value) == (
        "pfeiffer adapters stand behind residual additions, but the result of 'encoder.0.query' is "
        "not just added; choose other targets"
    )
    with pytest.raises(ConfigError, match=r"^houlsby: no frozen product is called 'quarry'; near"):
        find_adaptation("houlsby", bottleneck=8, targets=["quarry"]).apply(base)
    # At the places of a layer of the usual kind they are what is put there unasked.
    bert = build("bert-base")
    unasked = find_adaptation("houlsby", bottleneck=6).apply(bert)
    asked = find_adaptation("houlsby", bottleneck=6, targets=["output.dense"]).apply(bert)
    assert asked.parameter_count(Role.TASK) == unasked.parameter_count(Role.TASK)
    assert [o.shape for o in asked.operators] == [o.shape for o in unasked.operators]
