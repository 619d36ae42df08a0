from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_graphs import pre_norm_layer
from model_strategies import exactly, gelu, model_configs

from accelsim.errors import ConfigError
from accelsim.model.adaptations import Adaptation, find_adaptation
from accelsim.model.families import ModelFamily, find_model
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import MATMUL, Operator
from accelsim.model.tensors import Activation, Parameter, Role

FULL = find_adaptation("full")
HOULSBY_48 = find_adaptation("houlsby", bottleneck=48)


@st.composite
def adaptations(draw: st.DrawFn) -> Adaptation:
    if draw(st.booleans()):
        return FULL
    return find_adaptation(
        "houlsby",
        bottleneck=draw(st.integers(1, 40)),
        shared_across_layers=draw(st.sampled_from([None, True, False])),
    )


def build(model: ModelFamily) -> LayerGraph:
    return model.build(sequence_length=16, classes=3)


def roles(graph: LayerGraph) -> dict[Role, int]:
    return {role: graph.parameter_count(role) for role in Role}


@given(model_configs(), adaptations())
def test_the_roles_divide_all_parameters(model: ModelFamily, adaptation: Adaptation) -> None:
    base = build(model)
    adapted = adaptation.adapt(base)
    assert sum(roles(adapted).values()) == adapted.parameter_count()
    added = adapted.parameter_count(module="adapters")
    assert adapted.parameter_count() == base.parameter_count() + added


@given(model_configs(), adaptations())
def test_adaptation_leaves_the_given_graph_and_its_operators_alone(
    model: ModelFamily, adaptation: Adaptation
) -> None:
    base = build(model)
    before = base.digest
    adapted = adaptation.adapt(base)
    assert base.digest == before == build(model).digest
    kept = [o for o in adapted.operators if "_adapter." not in o.name]
    assert [(o.name, o.shape, o.depth) for o in kept] == [
        (o.name, o.shape, o.depth) for o in base.operators
    ]
    names = [{p.name for p in o.parameters} for o in base.operators]
    assert [{p.name for p in o.parameters} for o in kept] == names


@given(model_configs())
def test_full_adaptation_keeps_the_embedding_and_trains_the_rest(model: ModelFamily) -> None:
    base, adapted = build(model), FULL.adapt(build(model))
    assert adapted.parameter_count(Role.EMBEDDING) == base.parameter_count(Role.EMBEDDING)
    assert adapted.parameter_count(Role.BACKBONE) == 0
    assert adapted.edges == base.edges


@given(model_configs(), st.integers(1, 40), st.sampled_from([None, True, False]))
def test_houlsby_trains_adapters_layer_norms_and_classifier(
    model: ModelFamily, bottleneck: int, shared: bool | None
) -> None:
    base = build(model)
    adapted = find_adaptation("houlsby", bottleneck=bottleneck, shared_across_layers=shared).adapt(
        base
    )
    one_set = model.shared_layers or model.layers == 1 if shared is None else shared
    sets = 1 if one_set else model.layers
    hidden, stored = model.hidden_size, 1 if model.shared_layers else model.layers
    adapter = 2 * hidden * bottleneck + hidden + bottleneck
    norms, embedding_norm = stored * 4 * hidden, 2 * model.embedding_size
    assert adapted.parameter_count(module="adapters") == sets * 2 * adapter
    assert roles(adapted) == {
        Role.EMBEDDING: base.parameter_count(Role.EMBEDDING) - embedding_norm,
        Role.BACKBONE: base.parameter_count(Role.BACKBONE) - norms,
        Role.TASK: sets * 2 * adapter + norms + embedding_norm + 3 * (hidden + 1),
    }


@given(model_configs(), st.integers(1, 40))
def test_an_adapter_costs_two_products_a_token_and_half_layer(
    model: ModelFamily, bottleneck: int
) -> None:
    base = build(model)
    for shared in (True, False):
        adaptation = find_adaptation("houlsby", bottleneck=bottleneck, shared_across_layers=shared)
        extra = adaptation.adapt(base).macs - base.macs
        assert extra == model.layers * 2 * 2 * 16 * model.hidden_size * bottleneck


def test_an_adapter_of_albert_base_has_the_published_size() -> None:
    # adapters 1.3: seq_bn and double_seq_bn with reduction factor 16, 768 -> 48 -> 768.
    graph = HOULSBY_48.adapt(build(find_model("albert-base")))
    assert graph.parameter_count(module="adapters.attention") == 74_544
    assert graph.parameter_count(module="adapters.ffn") == 74_544
    assert graph.parameter_count(module="adapters") == 149_088


@pytest.mark.parametrize(("name", "sets"), [("albert-base", 1), ("bert-base", 12)])
def test_adapters_are_shared_where_the_layers_are(name: str, sets: int) -> None:
    graph = HOULSBY_48.adapt(build(find_model(name)))
    assert graph.parameter_count(module="adapters") == sets * 149_088
    first, last = (graph[f"encoder.{n}.ffn_adapter.up"].parameters for n in (0, 11))
    assert (first[0] is last[0]) is (sets == 1)


def test_layers_of_albert_may_have_adapters_of_their_own() -> None:
    own = find_adaptation("houlsby", bottleneck=48, shared_across_layers=False)
    graph = own.adapt(build(find_model("albert-base")))
    assert graph.parameter_count(module="adapters") == 12 * 149_088
    assert [p.name for p in graph["encoder.3.ffn_adapter.down"].parameters] == [
        "adapters.3.ffn.down.weight",
        "adapters.3.ffn.down.bias",
    ]


@pytest.mark.parametrize(
    ("half", "host", "residual"),
    [("attention", "output", "encoder.0.ffn_layer_norm"), ("ffn", "ffn2", "attention_layer_norm")],
)
def test_an_adapter_stands_between_its_host_and_the_residual_addition(
    half: str, host: str, residual: str
) -> None:
    graph = HOULSBY_48.adapt(build(find_model("albert-base")))

    def short(operators: tuple[Operator, ...]) -> list[str]:
        return [operator.name.removeprefix("encoder.1.") for operator in operators]

    adapter = f"{half}_adapter"
    prefix = f"encoder.1.{adapter}"
    assert short(graph.successors(f"encoder.1.{host}")) == [f"{adapter}.down", f"{adapter}.add"]
    assert short(graph.predecessors(f"{prefix}.gelu")) == [f"{adapter}.down"]
    assert short(graph.predecessors(f"{prefix}.up")) == [f"{adapter}.gelu"]
    assert short(graph.predecessors(f"{prefix}.add")) == [f"{adapter}.up", host]
    assert short(graph.predecessors(f"encoder.1.{half}_add")) == [f"{adapter}.add", residual]
    assert graph.inputs(f"{prefix}.up") == (Activation(f"{prefix}.gelu", 16, 48),)
    order = [operator.name for operator in graph.layer_operators(1)]
    at = order.index(f"encoder.1.{host}")
    parts = ("down", "gelu", "up", "add")
    assert order[at + 1 : at + 5] == [f"{prefix}.{part}" for part in parts]


def test_a_graph_is_not_given_adapters_twice() -> None:
    once = HOULSBY_48.adapt(build(find_model("albert-base")))
    message = (
        "the graph has the adapter 'encoder.0.attention_adapter' already; adapt the unadapted graph"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        HOULSBY_48.adapt(once)


def test_a_graph_without_the_halves_of_a_layer_is_refused() -> None:
    outside = LayerGraph([gelu("x")], [], sequence_length=4)
    message = "houlsby adapters need encoder layers, but the graph has none"
    with pytest.raises(ConfigError, match=exactly(message)):
        HOULSBY_48.adapt(outside)
    weight = Parameter("w", (8, 8), Role.BACKBONE)
    other = Operator("dense", MATMUL, 4, 8, 8, parameters=(weight,), layer=0)
    message = (
        "houlsby adapters stand before the two residual additions of a layer, but layer 0 adds the "
        "result of 0 products; name the modules that they stand at as targets"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        HOULSBY_48.adapt(LayerGraph([other], [], sequence_length=4))


def test_adapters_find_their_places_in_a_pre_norm_layer() -> None:
    graph = HOULSBY_48.adapt(pre_norm_layer())
    hosts = [
        graph.predecessors(f"encoder.0.{half}_adapter.add")[1] for half in ("attention", "ffn")
    ]
    assert [host.name for host in hosts] == ["encoder.0.output", "encoder.0.down"]
