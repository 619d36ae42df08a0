"""Early exit and attention spans in the layer graph."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_strategies import exactly, model_configs

from accelsim.errors import ConfigError
from accelsim.model.adaptations import Adaptation, find_adaptation
from accelsim.model.families import Exits, ModelFamily, find_model
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import (
    ATTENTION_CONTEXT,
    ATTENTION_SCORES,
    GATHER,
    GELU,
    MATMUL,
    SOFTMAX,
    Operator,
)
from accelsim.model.tensors import Parameter, Role

FULL = find_adaptation("full")
HOULSBY = find_adaptation("houlsby", bottleneck=8)
PER_HEAD = (ATTENTION_SCORES, SOFTMAX, ATTENTION_CONTEXT)
deep_models = model_configs().filter(lambda model: model.layers > 1)
exit_kinds = st.sampled_from(["shared", "per_layer"])


def build(model: ModelFamily, exits: Exits = "none", classes: int = 3) -> LayerGraph:
    return model.build(sequence_length=16, classes=classes, exits=exits)


@given(deep_models, exit_kinds, st.integers(2, 9))
def test_checks_follow_every_layer_but_the_last(
    model: ModelFamily, kind: Exits, classes: int
) -> None:
    graph = build(model, kind, classes)
    order = [operator.name for operator in graph.operators]
    pooler = ["pooler", "pooler.tanh"] if model.pooler else []
    for layer in range(model.layers - 1):
        check = [f"exit.{layer}.{part}" for part in (*pooler, "classifier", "entropy")]
        at = order.index(check[0])
        assert order[at : at + len(check)] == check
        assert order[at - 1] == f"encoder.{layer}.ffn_layer_norm"
        assert order[at + len(check)] == f"encoder.{layer + 1}.query"
        first, entropy = graph[check[0]], graph[check[-1]]
        assert graph.predecessors(first) == (graph[f"encoder.{layer}.ffn_layer_norm"],)
        assert (first.rows, first.layer, entropy.layer) == (1, None, None)
        assert (entropy.shape, entropy.depth) == ((1, 1), classes)
    assert not [name for name in order if name.startswith(f"exit.{model.layers - 1}.")]


@given(deep_models, exit_kinds)
def test_checks_cost_a_pooler_and_a_classifier_each(model: ModelFamily, kind: Exits) -> None:
    plain, graph = build(model), build(model, kind)
    hidden, checks = model.hidden_size, model.layers - 1
    pooler = hidden**2 if model.pooler else 0
    assert graph.macs == plain.macs + checks * (pooler + 3 * hidden)
    own = checks * 3 * (hidden + 1) if kind == "per_layer" else 0
    assert graph.parameter_count() == plain.parameter_count() + own
    assert graph.parameter_count(module="exits") == own


@given(deep_models)
def test_shared_checks_use_the_parameters_of_the_head(model: ModelFamily) -> None:
    graph = build(model, "shared")
    assert set(graph.parameters) == set(build(model).parameters)
    for layer in range(model.layers - 1):
        for part in ("pooler", "classifier") if model.pooler else ("classifier",):
            mine, last = graph[f"exit.{layer}.{part}"].parameters, graph[part].parameters
            assert all(a is b for a, b in zip(mine, last, strict=True))


def test_checks_of_their_own_have_their_own_classifier_and_the_one_pooler() -> None:
    graph = build(find_model("albert-base"), "per_layer")
    names = [parameter.name for parameter in graph["exit.4.classifier"].parameters]
    assert names == ["exits.4.classifier.weight", "exits.4.classifier.bias"]
    assert graph["exit.4.pooler"].parameters == graph["pooler"].parameters


@given(deep_models, exit_kinds, st.sampled_from([FULL, HOULSBY]))
def test_adaptation_gives_the_checks_the_roles_of_the_head(
    model: ModelFamily, kind: Exits, adaptation: Adaptation
) -> None:
    graph = adaptation.adapt(build(model, kind))
    pooler = Role.TASK if adaptation is FULL else Role.BACKBONE
    for layer in range(model.layers - 1):
        classifier = graph[f"exit.{layer}.classifier"]
        assert {parameter.role for parameter in classifier.parameters} == {Role.TASK}
        if model.pooler:
            roles = {parameter.role for parameter in graph[f"exit.{layer}.pooler"].parameters}
            assert roles == {pooler}
        source = graph.predecessors(f"exit.{layer}.{'pooler' if model.pooler else 'classifier'}")
        assert source == (graph[f"encoder.{layer}.ffn_layer_norm"],)


def test_no_exits_is_the_graph_of_before() -> None:
    model = find_model("albert-base")
    plain = model.build(sequence_length=16, classes=3)
    assert build(model, "none") == plain
    spans = model.build(sequence_length=16, classes=3, attention_spans=[5] * 12)
    assert spans == plain


def test_a_regression_and_a_single_layer_have_no_exits() -> None:
    message = (
        "a regression (1 class) has no entropy by which a sentence could exit early, got exits; "
        "choose a task with 2 or more classes or exits: none"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        build(find_model("albert-base"), "shared", classes=1)
    message = (
        "albert-base has 1 encoder layer and so no exit before its end, got exits; choose 2 or "
        "more layers or exits: none"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        build(find_model("albert-base", layers=1), "per_layer")


@st.composite
def spans_of(draw: st.DrawFn, model: ModelFamily) -> list[int]:
    spans = draw(st.lists(st.integers(0, 200), min_size=model.heads, max_size=model.heads))
    if not any(spans):
        spans[draw(st.integers(0, model.heads - 1))] = 1
    return spans


@given(model_configs(), st.integers(1, 64), st.data())
def test_heads_of_span_zero_cost_nothing(
    model: ModelFamily, tokens: int, data: st.DataObject
) -> None:
    spans = data.draw(spans_of(model))
    graph = model.build(sequence_length=tokens, classes=2, attention_spans=spans)
    plain = model.build(sequence_length=tokens, classes=2)
    hidden, off = model.hidden_size, spans.count(0)
    width = off * (hidden // model.heads)
    saved = model.layers * (4 * tokens * hidden * width + 2 * tokens**2 * width)
    assert graph.macs == plain.macs - saved
    assert graph.parameters == plain.parameters
    for operator in graph.operators:
        if operator.kind in PER_HEAD:
            assert operator.batch == model.heads - off
        part = operator.name.rpartition(".")[2]
        projection = part in ("query", "key", "value", "output")
        assert operator.partial == (projection and off > 0)
    used = graph["encoder.0.output"].used_shapes
    assert used == ((hidden, hidden - width), (hidden,))
    assert graph["encoder.0.query"].used_shapes == ((hidden - width, hidden), (hidden - width,))


@given(model_configs(), st.integers(1, 200))
def test_all_that_is_used_is_used_whole_without_spans(model: ModelFamily, tokens: int) -> None:
    length = min(tokens, model.maximum_positions)
    for operator in model.build(sequence_length=length, classes=2).operators:
        shapes = tuple(parameter.shape for parameter in operator.parameters)
        if operator.kind is GATHER:
            [(entries, width)] = shapes
            shapes = ((min(length, entries), width),)
        assert operator.used_shapes == shapes


def test_spans_mask_the_softmax() -> None:
    model = find_model("albert-base")
    spans = [20, 0, 0, 0, 0, 0, 36, 81, 0, 0, 0, 10]
    graph = model.build(sequence_length=8, classes=2, padding_mask=False, attention_spans=spans)
    assert {operator.kind for operator in graph.operators if operator.masked} == {SOFTMAX}
    assert graph["encoder.11.softmax"].batch == 4


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        (
            [3] * 11,
            "attention_spans has 11 values, but albert-base has 12 heads; give each head its span "
            "in tokens, 0 to switch it off",
        ),
        (
            [3, -1] + [0] * 10,
            "attention_spans: head 1 has the span -1, must be 0 (off) or more tokens",
        ),
        (
            [0] * 12,
            "attention_spans are all 0, so no token would see another; give at least one head a "
            "span of 1 token or more",
        ),
    ],
)
def test_spans_that_do_not_fit_the_heads_are_refused(spans: list[int], message: str) -> None:
    model = find_model("albert-base")
    with pytest.raises(ConfigError, match=exactly(message)):
        model.build(sequence_length=8, classes=2, attention_spans=spans)


WEIGHT = Parameter("m.weight", (6, 5), Role.BACKBONE)
BIAS = Parameter("m.bias", (6,), Role.BACKBONE)
SHORT_BIAS = Parameter("m.bias", (4,), Role.BACKBONE)


@pytest.mark.parametrize("parameters", [(WEIGHT,), (WEIGHT, BIAS)])
@pytest.mark.parametrize(("columns", "depth"), [(6, 5), (1, 5), (6, 1), (2, 3)])
def test_a_partial_matmul_uses_a_part_of_its_weight(
    parameters: tuple[Parameter, ...], columns: int, depth: int
) -> None:
    kind = MATMUL
    matmul = Operator("m", kind, 4, columns, depth, parameters=parameters, partial=True)
    assert matmul.macs == 4 * columns * depth
    assert matmul.used_shapes == ((columns, depth), (columns,))[: len(parameters)]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ((), "[]"),
        ((BIAS,), "[6]"),
        ((WEIGHT, WEIGHT), "[6 x 5, 6 x 5]"),
        ((WEIGHT, SHORT_BIAS), "[6 x 5, 4]"),
    ],
)
@pytest.mark.parametrize(("columns", "depth"), [(4, 5), (7, 5), (6, 6)])
def test_a_partial_matmul_needs_a_weight_that_holds_its_part(
    parameters: tuple[Parameter, ...], found: str, columns: int, depth: int
) -> None:
    if (columns, depth) != (4, 5):
        parameters, found = (WEIGHT, BIAS), "[6 x 5, 6]"
    message = (
        f"operator 'm': a partial matmul of {columns} columns and depth {depth} has parameters "
        f"{found}, expected a weight of at least {columns} x {depth} and one bias for each of its "
        "outputs"
    )
    kind = MATMUL
    with pytest.raises(ConfigError, match=exactly(message)):
        Operator("m", kind, 4, columns, depth, parameters=parameters, partial=True)


def test_only_a_matmul_is_partial() -> None:
    message = "operator 'g': partial is for a matmul, not for gelu"
    with pytest.raises(ConfigError, match=exactly(message)):
        Operator("g", GELU, 4, 8, 8, partial=True)
