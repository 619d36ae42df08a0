from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_strategies import add, exactly, gelu

from accelsim.errors import ConfigError
from accelsim.model.builder import GraphBuilder
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import (
    ATTENTION_CONTEXT,
    ATTENTION_SCORES,
    ENTROPY,
    GATHER,
    GELU,
    MATMUL,
    SOFTMAX,
    Operator,
)
from accelsim.model.tensors import Activation, Parameter, Role

WEIGHT = Parameter("m.weight", (6, 8), Role.BACKBONE)
PRODUCT = Operator("m", MATMUL, 4, 6, 8, parameters=(WEIGHT,))


def build(operators: list[Operator], edges: list[tuple[str, str]]) -> LayerGraph:
    return LayerGraph(operators, edges, sequence_length=4)


@st.composite
def random_graphs(draw: st.DrawFn) -> tuple[list[Operator], list[tuple[str, str]]]:
    """Draw an acyclic graph whose operators stand in any order."""
    count = draw(st.integers(1, 12))
    operators, edges = [], []
    for number in range(count):
        earlier = st.lists(st.integers(0, max(0, number - 1)), unique=True, max_size=3)
        sources = draw(earlier) if number else []
        operators.append(add(str(number)) if len(sources) > 1 else gelu(str(number)))
        edges += [(str(source), str(number)) for source in sources]
    return draw(st.permutations(operators)), edges


@given(random_graphs())
def test_every_producer_stands_before_its_consumers(
    drawn: tuple[list[Operator], list[tuple[str, str]]],
) -> None:
    operators, edges = drawn
    graph = build(operators, edges)
    position = {operator.name: number for number, operator in enumerate(graph.operators)}
    assert position.keys() == {operator.name for operator in operators}
    assert all(position[producer] < position[consumer] for producer, consumer in edges)
    assert sorted(graph.edges) == sorted(edges)


@given(random_graphs())
def test_an_order_that_is_already_possible_is_kept(
    drawn: tuple[list[Operator], list[tuple[str, str]]],
) -> None:
    graph = build(*drawn)
    again = build(list(graph.operators), list(graph.edges))
    assert again.operators == graph.operators
    assert again.digest == graph.digest


def test_operands_keep_the_order_of_their_edges() -> None:
    graph = build([gelu("b"), gelu("a"), add("sum")], [("a", "sum"), ("b", "sum")])
    assert [operator.name for operator in graph.operators] == ["b", "a", "sum"]
    assert [operator.name for operator in graph.predecessors("sum")] == ["a", "b"]
    assert graph.inputs("sum") == (Activation("a", 4, 8), Activation("b", 4, 8))
    assert graph.successors("a") == (graph["sum"],)
    assert graph.inputs(graph["a"]) == ()


def test_the_first_token_is_one_row_of_the_sequence() -> None:
    graph = build([gelu("x"), replace(PRODUCT, rows=1)], [("x", "m")])
    assert graph.inputs("m") == (Activation("x", 1, 8),)


def test_an_entropy_follows_a_classifier() -> None:
    entropy = Operator("entropy", ENTROPY, 4, 1, 6)
    graph = build([PRODUCT, entropy], [("m", "entropy")])
    assert graph.inputs("entropy") == (Activation("m", 4, 6),)


def test_parameters_are_unique_and_counted_once() -> None:
    bias = Parameter("m.bias", (6,), Role.TASK)
    twin = replace(PRODUCT, name="n", parameters=(WEIGHT, bias))
    graph = build([PRODUCT, twin], [])
    assert graph.parameters == (WEIGHT, bias)
    assert graph.parameter_count() == 54
    assert graph.parameter_count(Role.TASK) == graph.parameter_count(module="m") - 48 == 6
    assert graph.parameter_count(Role.EMBEDDING) == 0


def test_a_module_is_counted_with_all_below_it_but_not_its_namesakes() -> None:
    parameters = [Parameter(name, (1, 8), Role.BACKBONE) for name in ("a.w", "a.b.w", "ab.w")]
    operators = [Operator(p.name, MATMUL, 4, 1, 8, parameters=(p,)) for p in parameters]
    graph = build(operators, [])
    assert [graph.parameter_count(module=m) for m in ("a", "a.b", "ab", "b")] == [16, 8, 8, 0]


def test_layers_are_found_by_number() -> None:
    operators = [replace(gelu(name), layer=layer) for name, layer in [("a", 0), ("b", 1)]]
    graph = build([*operators, gelu("c")], [("a", "b"), ("b", "c")])
    assert graph.layers == 2
    assert graph.layer_operators(1) == (graph["b"],)
    message = "the graph has no layer 2; it has 2 layers"
    with pytest.raises(ConfigError, match=exactly(message)):
        graph.layer_operators(2)


def test_the_graph_cannot_be_changed() -> None:
    graph = build([gelu("a")], [])
    with pytest.raises(networkx.NetworkXError, match=exactly("Frozen graph can't be modified")):
        graph.digraph.add_node("b")


def test_a_graph_survives_pickling() -> None:
    graph = build([gelu("x"), PRODUCT], [("x", "m")])
    again = pickle.loads(pickle.dumps(graph))
    assert again == graph
    assert again.operators == graph.operators


DIGEST = """
from accelsim.model.families import find_model
graph = find_model("albert-base", layers=1).build(sequence_length=8, classes=2)
"""


def test_the_digest_is_the_same_in_every_process() -> None:
    scope: dict[str, LayerGraph] = {}
    exec(DIGEST, {}, scope)
    for seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", DIGEST + "import sys; sys.stdout.write(graph.digest)"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout == scope["graph"].digest


def test_the_digest_sees_every_part_of_the_content() -> None:
    operators, edges = [gelu("a"), gelu("b"), add("s", 8)], [("a", "s"), ("b", "s")]
    norm = Operator("n", SOFTMAX, 4, 8, 8)
    task = replace(PRODUCT, parameters=(replace(WEIGHT, role=Role.TASK),))
    graphs = [
        build(operators, edges),
        build(operators, edges[::-1]),
        build([gelu("a"), gelu("c"), add("s")], [("a", "s"), ("c", "s")]),
        build([replace(gelu("a"), layer=0), *operators[1:]], edges),
        build([norm], []),
        build([replace(norm, masked=True)], []),
        build([replace(norm, batch=2)], []),
        build([replace(norm, rows=5)], []),
        build([PRODUCT], []),
        build([task], []),
        LayerGraph([PRODUCT], [], sequence_length=5),
    ]
    assert len({graph.digest for graph in graphs}) == len(graphs)
    assert len(set(graphs)) == len(graphs)


def test_a_name_that_stands_twice_is_refused() -> None:
    message = "operator 'a' stands twice; give every operator its own name"
    with pytest.raises(ConfigError, match=exactly(message)):
        build([gelu("a"), gelu("a")], [])


@pytest.mark.parametrize("edge", [("a", "x"), ("x", "a")])
def test_an_edge_to_nowhere_is_refused(edge: tuple[str, str]) -> None:
    message = (
        f"edge {edge[0]} -> {edge[1]}: no operator is called 'x'; add it to the operators or "
        "correct the edge"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        build([gelu("a")], [edge])


def test_an_edge_that_stands_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=exactly("edge a -> b stands twice; keep one")):
        build([gelu("a"), add("b")], [("a", "b"), ("a", "b")])


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_cycle_is_named(length: int) -> None:
    names = [f"o{number}" for number in range(length)]
    edges = [*pairwise(names), (names[-1], names[0])]
    message = f"the graph has a cycle: {' -> '.join([*names, names[0]])}; remove one of these edges"
    with pytest.raises(ConfigError, match=exactly(message)):
        build([gelu("start"), *map(gelu, names)], edges)


def test_shapes_that_do_not_fit_name_both_operators_and_both_shapes() -> None:
    message = (
        "edge x -> m: the producer gives 4 x 7, but the consumer (matmul, depth 8) reads 4 x 8 "
        "as input 1; make the producer's columns and the consumer's depth agree"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        build([gelu("x", 7), PRODUCT], [("x", "m")])


def test_only_a_matmul_may_read_fewer_rows() -> None:
    pattern = r"^edge a -> b: the producer gives 4 x 8, but .* reads 3 x 8 as input 1; make .*$"
    with pytest.raises(ConfigError, match=pattern):
        build([gelu("a"), gelu("b", rows=3)], [("a", "b")])
    with pytest.raises(ConfigError, match=r"^edge a -> m: the producer gives 3 x 8, .*$"):
        build([gelu("a", rows=3), PRODUCT], [("a", "m")])


HEADS = {"batch": 2}
PER_HEAD_SCORES = Operator("scores", ATTENTION_SCORES, 4, 5, 3, **HEADS)
PER_HEAD_SOFTMAX = Operator("softmax", SOFTMAX, 4, 5, 5, **HEADS)
PER_HEAD_CONTEXT = Operator("context", ATTENTION_CONTEXT, 4, 3, 5, **HEADS)
ATTENTION_EDGES = [
    ("query", "scores"),
    ("key", "scores"),
    ("scores", "softmax"),
    ("softmax", "context"),
    ("value", "context"),
]


def attention(query: Operator, key: Operator, value: Operator) -> LayerGraph:
    return build(
        [query, key, value, PER_HEAD_SCORES, PER_HEAD_SOFTMAX, PER_HEAD_CONTEXT], ATTENTION_EDGES
    )


def test_attention_splits_rows_into_heads() -> None:
    graph = attention(gelu("query", 6), gelu("key", 6, rows=5), gelu("value", 6, rows=5))
    assert graph.inputs("scores") == (Activation("query", 4, 6), Activation("key", 5, 6))
    assert graph.inputs("context") == (
        Activation("softmax", 4, 5, batch=2),
        Activation("value", 5, 6),
    )


def test_a_function_takes_the_heads_as_its_producer_leaves_them() -> None:
    graph = GraphBuilder(4)
    table = graph.gather("token", "table", (10, 6), Role.EMBEDDING)
    query, key, value = (graph.linear(n, n, table, (6, 6), Role.BACKBONE) for n in "qkv")
    context = graph.attention(query, key, value, 2)
    normal = graph.norm("norm", "norm", graph.place("gelu", GELU, context), Role.BACKBONE)
    made = graph.build()
    assert made["softmax"].shape == (2, 4, 4)
    assert made["gelu"].shape == made[normal].shape == (4, 6)
    graph.place("apart", GELU, context, columns=3, batch=2)
    told = "context -> apart: the producer gives 1 matrix of 6 columns, but .* a batch of 2"
    with pytest.raises(ConfigError, match=told):
        graph.build()


@pytest.mark.parametrize(
    ("sizes", "edge"),
    [
        ({"query": (7, 4)}, "query -> scores"),
        ({"query": (6, 5)}, "query -> scores"),
        ({"key": (7, 5)}, "key -> scores"),
        ({"key": (6, 4)}, "key -> scores"),
        ({"value": (7, 5)}, "value -> context"),
        ({"value": (6, 4)}, "value -> context"),
    ],
)
def test_attention_operands_must_fit(sizes: dict[str, tuple[int, int]], edge: str) -> None:
    sizes = {"query": (6, 4), "key": (6, 5), "value": (6, 5)} | sizes
    with pytest.raises(ConfigError, match=f"^edge {edge}: the producer gives .* agree$"):
        attention(*(gelu(name, *size) for name, size in sizes.items()))


@pytest.mark.parametrize(
    ("consumer", "count", "wanted"),
    [
        (gelu("x"), 2, "gelu takes 1 input"),
        (add("x"), 1, "add takes 2 or more inputs"),
        (replace(PER_HEAD_SCORES, name="x"), 1, "attention_scores takes 2 inputs"),
        (replace(PER_HEAD_CONTEXT, name="x"), 3, "attention_context takes 2 inputs"),
        (
            Operator(
                "x",
                GATHER,
                4,
                8,
                1,
                parameters=(Parameter("t", (9, 8), Role.EMBEDDING),),
            ),
            1,
            "gather takes no input from another operator",
        ),
    ],
)
def test_the_number_of_inputs_must_fit(consumer: Operator, count: int, wanted: str) -> None:
    sources = [gelu(str(number)) for number in range(count)]
    message = (
        f"operator 'x': {wanted}, got {count}; an operator that reads from outside the graph "
        "has no edges to it"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        build([*sources, consumer], [(source.name, "x") for source in sources])


def test_two_parameters_of_one_name_are_refused() -> None:
    other = replace(PRODUCT, name="n", parameters=(replace(WEIGHT, role=Role.TASK),))
    message = (
        "operator 'n': parameter 'm.weight' is 6 x 8 of role task, but an earlier one of this "
        "name is 6 x 8 of role backbone; give one of them another name"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        build([PRODUCT, other], [])


def test_an_unknown_operator_and_an_empty_sequence_are_refused() -> None:
    graph = build([gelu("a")], [])
    assert "a" in graph
    assert "b" not in graph
    for read in (graph.predecessors, graph.successors, graph.inputs):
        with pytest.raises(ConfigError, match=exactly("the graph has no operator 'b'")):
            read("b")
    with pytest.raises(ConfigError, match=exactly("sequence_length is 0, must be 1 or more")):
        LayerGraph([gelu("a")], [], sequence_length=0)
