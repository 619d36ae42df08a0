"""Graphs that are not post-norm encoders with three projections and one product a matrix."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from compiled_encoder import SMALL_MODEL
from layer_graphs import pre_norm_layer

from accelsim.model.adaptations.lora import Lora
from accelsim.model.builder import GraphBuilder
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ADD, GELU, LAYER_NORM, RMS_NORM, Operator
from accelsim.model.tensors import Role

TOKENS, WIDTH, HEADS = 16, 64, 2
SQUARE = (WIDTH, WIDTH)


def lora(*targets: str) -> LayerGraph:
    adaptation = Lora(method="lora", rank=4, targets=list(targets))
    return adaptation.adapt(SMALL_MODEL.build(sequence_length=TOKENS, classes=3))


def with_rms_norm() -> LayerGraph:
    """An encoder whose layer norms are root-mean-square norms."""
    graph = SMALL_MODEL.build(sequence_length=TOKENS, classes=3)

    def changed(operator: Operator) -> Operator:
        if operator.kind is not LAYER_NORM:
            return operator
        return replace(operator, kind=RMS_NORM, parameters=operator.parameters[:1])

    return LayerGraph(map(changed, graph.operators), graph.edges, sequence_length=TOKENS)


def started() -> tuple[GraphBuilder, str]:
    graph = GraphBuilder(TOKENS)
    hidden = graph.gather("embedding.token", "table", (50, WIDTH), Role.EMBEDDING)
    graph.enter("encoder", 0, layer=0)
    return graph, hidden


def linear(
    graph: GraphBuilder,
    name: str,
    source: str,
    outputs: int = WIDTH,
    inputs: int = WIDTH,
    rows: int = TOKENS,
) -> str:
    return graph.linear(name, name, source, (outputs, inputs), Role.BACKBONE, rows=rows)


def pre_norm(layers: int = 2) -> LayerGraph:
    graph, hidden = started()
    norm = partial(graph.norm, role=Role.BACKBONE)
    for layer in range(layers):
        graph.enter("encoder", layer, layer=layer)
        normal = norm("attention_norm", f"{layer}.attention_norm", hidden)
        heads = [graph.linear(n, f"{layer}.{n}", normal, SQUARE, Role.BACKBONE) for n in "qkv"]
        context = graph.attention(*heads, HEADS)
        output = graph.linear("output", f"{layer}.output", context, SQUARE, Role.BACKBONE)
        middle = graph.place("attention_add", ADD, output, hidden)
        normal = norm("ffn_norm", f"{layer}.ffn_norm", middle)
        wide = graph.linear("up", f"{layer}.up", normal, (144, WIDTH), Role.BACKBONE)
        wide = graph.place("gelu", GELU, wide)
        down = graph.linear("down", f"{layer}.down", wide, (WIDTH, 144), Role.BACKBONE)
        hidden = graph.place("ffn_add", ADD, down, middle)
    graph.enter()
    linear(graph, "classifier", norm("norm", "norm", hidden), 3, rows=1)
    return graph.build()


def fewer_rows_after_attention() -> LayerGraph:
    """The first rows of a context go through a network, then all rows of it through another."""
    graph, hidden = started()
    context = graph.attention(*(linear(graph, name, hidden) for name in "qkv"), HEADS)
    few = graph.place("gelu", GELU, linear(graph, "few", context, 48, rows=4))
    linear(graph, "few_out", few, 8, 48, rows=4)
    linear(graph, "classifier", linear(graph, "all", context), 3, rows=1)
    return graph.build()


def normal_queries() -> LayerGraph:
    """Queries and keys are normalised over whole rows before the scores."""
    graph, hidden = started()
    query, key, value = (linear(graph, name, hidden) for name in "qkv")
    query, key = (graph.norm(f"{n}_norm", f"{n}_norm", n, Role.BACKBONE) for n in (query, key))
    linear(graph, "output", graph.attention(query, key, value, HEADS))
    return graph.build()


def two_attentions() -> LayerGraph:
    """The context of one attention asks the hidden state once more; both come together."""
    graph, hidden = started()
    first = graph.attention(*(linear(graph, name, hidden) for name in "qkv"), HEADS)
    graph.enter("encoder.second", 0, layer=0)
    query = linear(graph, "q", first)
    second = graph.attention(query, *(linear(graph, name, hidden) for name in "kv"), HEADS)
    output = linear(graph, "output", graph.place("add", ADD, first, second))
    linear(graph, "classifier", output, 3, rows=1)
    return graph.build()


def functions_of_a_context() -> LayerGraph:
    """The heads of a context stand side by side in what a function and a norm read."""
    graph, hidden = started()
    context = graph.attention(*(linear(graph, name, hidden) for name in "qkv"), HEADS)
    normal = graph.norm("norm", "norm", graph.place("gelu", GELU, context), Role.BACKBONE)
    linear(graph, "output", graph.place("add", ADD, normal, context), 3)
    return graph.build()


def query_with_a_second_reader() -> LayerGraph:
    """A function of queries goes into the scores, the queries themselves around the attention."""
    graph, hidden = started()
    query, key, value = (linear(graph, name, hidden) for name in "qkv")
    context = graph.attention(graph.place("gelu", GELU, query), key, value, HEADS)
    linear(graph, "output", graph.place("add", ADD, context, query), 3)
    return graph.build()


def one_tensor_twice(*operands: int) -> LayerGraph:
    """Two of queries, keys and values are one tensor."""
    graph, hidden = started()
    made = [linear(graph, name, hidden) for name in "ab"]
    query, key, value = (made[each] for each in operands)
    linear(graph, "output", graph.attention(query, key, value, HEADS), 3)
    return graph.build()


def low_rank_pairs() -> LayerGraph:
    """Two pairs of products of low rank beside one product, and a product of their sum."""
    graph, hidden = started()
    beside = linear(graph, "beside", hidden, 48)
    pairs = [linear(graph, f"{n}_up", linear(graph, f"{n}_down", hidden, 4), 48, 4) for n in "ab"]
    total = graph.place("gelu", GELU, graph.place("add", ADD, beside, *pairs))
    back = graph.place("residual", ADD, linear(graph, "back", total, WIDTH, 48), hidden)
    linear(graph, "output", back, 3)
    return graph.build()


def skip_over_a_product() -> LayerGraph:
    """A sum of two products of which one reads the other."""
    graph, hidden = started()
    first = linear(graph, "first", hidden)
    total = graph.place("add", ADD, first, linear(graph, "second", first))
    linear(graph, "output", graph.place("again", ADD, total, first, hidden), 3)
    return graph.build()


def branches(*, product_last: bool) -> LayerGraph:
    """A product and a function read one value, neither of them the other's result."""
    graph, hidden = started()

    if product_last:
        bent = graph.place("gelu", GELU, hidden)
        both = (linear(graph, "product", hidden), bent)
    else:
        both = (linear(graph, "product", hidden), graph.place("gelu", GELU, hidden))
        both = (both[0], linear(graph, "third", both[1]))
    second = linear(graph, "second", both[0])
    linear(graph, "output", graph.place("add", ADD, second, both[1]), 3)
    return graph.build()


GRAPHS = {
    "pre_norm": pre_norm,
    "pre_norm_gated": partial(pre_norm_layer, TOKENS, WIDTH),
    "rms_norm": with_rms_norm,
    "lora_query_value": partial(lora, "query", "value"),
    "lora_ffn": partial(lora, "ffn", "ffn_output"),
    "lora_everywhere": partial(lora, "query", "key", "value", "dense", "ffn", "ffn_output"),
    "fewer_rows_after_attention": fewer_rows_after_attention,
    "normal_queries": normal_queries,
    "two_attentions": two_attentions,
    "functions_of_a_context": functions_of_a_context,
    "query_with_a_second_reader": query_with_a_second_reader,
    "key_is_value": partial(one_tensor_twice, 0, 1, 1),
    "query_is_value": partial(one_tensor_twice, 0, 1, 0),
    "low_rank_pairs": low_rank_pairs,
    "skip_over_a_product": skip_over_a_product,
    "product_last": partial(branches, product_last=True),
    "function_last": partial(branches, product_last=False),
}
