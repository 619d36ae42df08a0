from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_strategies import exactly, gelu, model_configs

from accelsim.errors import ConfigError
from accelsim.model.adaptations import find_adaptation
from accelsim.model.families import ModelFamily, find_model
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import MATMUL, Operator
from accelsim.model.tensors import Activation, Parameter, Role

ALBERT = find_model("albert-base")


def build(model: ModelFamily, **options: object) -> LayerGraph:
    return model.build(sequence_length=16, classes=3, **options)  # type: ignore[arg-type]


@given(model_configs(), st.integers(1, 40))
def test_parameters_and_macs_equal_their_closed_forms(model: ModelFamily, rank: int) -> None:
    base = build(model)
    adapted = find_adaptation("lora", rank=rank).adapt(base)
    width = model.hidden_size
    stored = 1 if model.shared_layers else model.layers
    added = stored * 2 * 2 * width * rank
    assert adapted.parameter_count() == base.parameter_count() + added
    assert adapted.parameter_count(Role.TASK) == added + 3 * (width + 1)
    for role in (Role.EMBEDDING, Role.BACKBONE):
        assert adapted.parameter_count(role) == base.parameter_count(role)
    assert adapted.macs - base.macs == model.layers * 2 * 16 * 2 * width * rank


@given(model_configs(), st.integers(1, 40))
def test_the_feed_forward_network_is_a_target(model: ModelFamily, rank: int) -> None:
    base = build(model)
    names = {"albert": ["ffn", "ffn_output"], "bert": ["intermediate.dense", "*.?.output.dense"]}
    adapted = find_adaptation("lora", rank=rank, targets=names[model.family]).adapt(base)
    stored = 1 if model.shared_layers else model.layers
    added = stored * 2 * (model.hidden_size + model.intermediate_size) * rank
    assert adapted.parameter_count() - base.parameter_count() == added


def test_lora_of_bert_base_has_the_published_size() -> None:
    # Hu et al., table 2: 0.3 M for RoBERTa base, whose layers have these sizes, with rank 8.
    graph = find_adaptation("lora", rank=8).adapt(build(find_model("bert-base")))
    names = [p.name for p in graph.parameters if "lora" in p.name]
    assert len(names) == 48
    assert sum(p.elements for p in graph.parameters if "lora" in p.name) == 294_912
    assert names[:2] == [
        "encoder.layer.0.attention.self.query.lora_A.weight",
        "encoder.layer.0.attention.self.query.lora_B.weight",
    ]


@pytest.mark.parametrize(
    ("keys", "modules"),
    [
        ({"targets": r"model\..*\.[01]\..*(q|v)_proj"}, "0.q 0.v 1.q 1.v"),
        ({"targets": ["q_proj", "v_proj"], "layers": [1]}, "1.q 1.v"),
        ({"targets": ["q_proj", "model.layers.0.self_attn.v_proj"], "layers": [2]}, "0.v 2.q"),
        (
            {"targets": "all-linear", "excluded": r".*(mlp|o_proj).*"},
            "0.q 0.k 0.v 1.q 1.k 1.v 2.q 2.k 2.v",
        ),
        ({"targets": ["k_proj"], "excluded": ["1.self_attn.k_proj"]}, "0.k 2.k"),
        ({"targets": ["k_proj"], "layers": [0], "layer_lists": ["layers"]}, "0.k"),
    ],
)
def test_targets_are_chosen_as_peft_chooses_them(keys: dict[str, object], modules: str) -> None:
    model = find_model("tinyllama-1.1b", layers=3)
    adapted = find_adaptation("lora", rank=2, **keys).adapt(build(model))
    lows = [p.name for p in adapted.parameters if ".lora_A." in p.name]
    found = [".".join(name.split(".")[1:4:2]).removesuffix("_proj") for name in lows]
    assert sorted(found) == sorted(modules.split())


def test_modules_have_ranks_and_factors_of_their_own() -> None:
    lora = find_adaptation("lora", rank=8, alpha=4, ranks={r".*layer\.0.*query": 2, "value": 16})
    adapted = lora.adapt(build(find_model("bert-base", layers=2)))
    shapes = {p.name: p.shape for p in adapted.parameters}
    name = "encoder.layer.{}.attention.self.{}.lora_{}.weight"
    targets = [(n, part) for n in (0, 1) for part in ("query", "value")]
    assert [shapes[name.format(*each, "A")][0] for each in targets] == [2, 16, 8, 16]
    assert shapes[name.format(0, "query", "B")] == (768, 2)
    assert lora.factor_of("encoder.layer.0.attention.self.query") == 4 / 2
    rooted = find_adaptation("lora", rank=4, alpha=4, rooted=True, alphas={"key": 6})
    assert (rooted.factor_of("query"), rooted.factor_of("self.key")) == (2, 3)


@pytest.mark.parametrize("key", ["ranks", "alphas"])
def test_an_expression_that_no_target_has_is_told(key: str) -> None:
    lora = find_adaptation("lora", rank=8, **{key: {"query": 4, "k_proj": 16}})
    near = "query, value"
    message = f"lora: {key}: no target is called 'k_proj'; near names: "
    with pytest.raises(ConfigError) as caught:
        lora.adapt(build(ALBERT))
    told = str(caught.value)
    assert told.startswith(message)
    assert set(near.split(", ")) <= set(told.removeprefix(message).split(", "))


def test_names_without_a_module_are_told_by_their_operators() -> None:
    weight = Parameter("weight", (4, 4), Role.BACKBONE)
    sizes = {"rows": 4, "columns": 4, "depth": 4, "parameters": (weight,)}
    graph = LayerGraph([Operator("layer.0.matmul1", MATMUL, **sizes)], [], sequence_length=4)
    with pytest.raises(ConfigError, match="near names: matmul1"):
        find_adaptation("lora", rank=8, targets=["q_proj"]).adapt(graph)


def test_a_wrong_expression_is_told() -> None:
    with pytest.raises(ConfigError, match=r"targets: not a regular expression: missing \)"):
        find_adaptation("lora", rank=4, targets="(q_proj")


@pytest.mark.parametrize(
    "endless",
    ["(.*)*(.*)*zz", "(a+|[a-z._0-9]+)+X", "((x|y?))*", "(?:a{1,}){2,}b", ".*.*.*.*.*.*.*zz"],
)
def test_an_expression_that_may_search_without_an_end_is_told(endless: str) -> None:
    with pytest.raises(ConfigError, match="targets: repeats within repeats"):
        find_adaptation("lora", rank=4, targets=endless)
    layers = r"(?:.*?(?:text|vision).*?(?:attn|mlp).*?(?:q_proj|v_proj).*?)|(?:\bmodel\.\d{1,}\.q)"
    for usual in (layers, r".*\.(?:layers\.\d+\.)?q_proj", r"[(*+]+q\(\)*"):
        find_adaptation("lora", rank=4, targets=usual)


@pytest.mark.parametrize(("bias", "own"), [("all", 102_912), ("lora_only", 12 * 2 * 768)])
def test_biases_are_trained_too(bias: str, own: int) -> None:
    base = build(find_model("bert-base"))
    plain, biased = (
        find_adaptation("lora", rank=8, bias=each).adapt(base) for each in (None, bias)
    )
    assert biased.parameter_count(Role.TASK) - plain.parameter_count(Role.TASK) == own
    assert biased.parameter_count() == plain.parameter_count()


def test_dora_scales_rows_before_their_bias() -> None:
    base = build(find_model("bert-base"))
    plain, dora = (find_adaptation("lora", rank=8, dora=d).adapt(base) for d in (None, True))
    assert dora.parameter_count() - plain.parameter_count() == 12 * 2 * 768
    scale = dora["encoder.0.query_lora.scale"]
    module = "encoder.layer.0.attention.self.query"
    names = [f"{module}.lora_magnitude_vector", f"{module}.bias"]
    assert [each.name for each in scale.parameters] == names
    assert [p.name for p in dora["encoder.0.query"].parameters] == [f"{module}.weight"]
    within = find_adaptation("lora", rank=8, dora=True, merged=True).adapt(base)
    assert within == find_adaptation("lora", rank=8, merged=True).adapt(base)
    spans = [9, 0, *[9] * 10]
    with pytest.raises(ConfigError, match=r"^dora scales whole rows, but 'encoder\.0\.query' uses"):
        find_adaptation("lora", rank=8, dora=True).adapt(
            build(find_model("bert-base"), attention_spans=spans)
        )


def test_the_two_products_stand_beside_the_target() -> None:
    base = build(ALBERT)
    graph = find_adaptation("lora", rank=8).adapt(base)

    def sources(name: str) -> list[str]:
        return [operator.name.removeprefix("encoder.1.") for operator in graph.predecessors(name)]

    below = "encoder.0.ffn_layer_norm"
    assert sources("encoder.1.query_lora.down") == sources("encoder.1.query") == [below]
    assert sources("encoder.1.query_lora.up") == ["query_lora.down"]
    assert sources("encoder.1.query_lora.add") == ["query", "query_lora.up"]
    assert sources("encoder.1.scores") == ["query_lora.add", "key"]
    assert sources("encoder.1.context") == ["softmax", "value_lora.add"]
    assert graph.inputs("encoder.1.query_lora.up") == (
        Activation("encoder.1.query_lora.down", 16, 8),
    )
    order = [operator.name.removeprefix("encoder.1.") for operator in graph.layer_operators(1)]
    assert order[:5] == ["query", "query_lora.down", "query_lora.up", "query_lora.add", "key"]
    kept = [operator for operator in graph.operators if "_lora." not in operator.name]
    assert kept == list(base.operators)


def test_layers_share_lora_where_they_share_the_target() -> None:
    for name, shared in (("albert-base", True), ("bert-base", False)):
        graph = find_adaptation("lora", rank=4).adapt(build(find_model(name)))
        first, last = (graph[f"encoder.{n}.value_lora.up"].parameters for n in (0, 11))
        assert (first == last) is shared


def test_a_target_that_reads_another_reads_the_end_of_its_branch() -> None:
    lora = find_adaptation("lora", rank=4, targets=["embedding_hidden_mapping_in", "query"])
    graph = lora.adapt(build(ALBERT))
    for reader in ("query", "query_lora.down", "key"):
        (below,) = graph.predecessors(f"encoder.0.{reader}")
        assert below.name == "embedding.projection_lora.add"


def test_a_target_with_heads_off_uses_as_much_of_lora_as_of_its_weight() -> None:
    spans = [5, 0] * 6
    graph = find_adaptation("lora", rank=4, targets=["query", "attention.dense"]).adapt(
        build(ALBERT, attention_spans=spans)
    )
    used = {
        name: graph[f"encoder.0.{name}"].used_shapes[0]
        for name in ("query_lora.down", "query_lora.up", "output_lora.down", "output_lora.up")
    }
    assert used == {
        "query_lora.down": (4, 768),
        "query_lora.up": (384, 4),
        "output_lora.down": (4, 384),
        "output_lora.up": (768, 4),
    }
    assert graph.parameter_count(module=graph["encoder.0.query"].parameters[0].module) == (
        768 * 769 + 2 * 4 * 768
    )


def test_a_target_that_no_product_has_is_refused_with_near_names() -> None:
    lora = find_adaptation("lora", rank=8, targets=["query", "quarry"])
    near = "query, key, value, pooler"
    message = f"lora: no frozen product is called 'quarry'; near names: {near}"
    with pytest.raises(ConfigError, match=exactly(message)):
        lora.adapt(build(ALBERT))
    message = "lora: no frozen product is called 'query'; there is none at all"
    with pytest.raises(ConfigError, match=exactly(message)):
        lora.adapt(LayerGraph([gelu("x")], [], sequence_length=4))


def test_a_graph_is_not_given_lora_twice() -> None:
    lora = find_adaptation("lora", rank=8, targets=["pooler"])
    once = lora.adapt(build(ALBERT))
    message = "the graph has LoRA at 'pooler'; adapt the unadapted graph"
    with pytest.raises(ConfigError, match=exactly(message)):
        lora.adapt(once)


@pytest.mark.parametrize(
    ("method", "keys", "text"),
    [
        ("full", {}, "full fine-tuning"),
        ("houlsby", {"bottleneck": 32}, "houlsby fine-tuning, bottleneck 32"),
        ("lora", {"rank": 8}, "lora fine-tuning, rank 8, targets query and value"),
    ],
)
def test_an_adaptation_says_what_it_is(method: str, keys: dict[str, int], text: str) -> None:
    adaptation = find_adaptation(method, **keys)
    assert adaptation.describe() == text
    assert adaptation.keeps_backbone == (method != "full")
