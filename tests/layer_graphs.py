"""Layers that no family of the package has, put together from operators."""

from __future__ import annotations

from functools import partial

from accelsim.model.builder import GraphBuilder
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ADD, MULTIPLY, RMS_NORM, SILU
from accelsim.model.tensors import Role


def pre_norm_layer(
    tokens: int = 8, width: int = 32, heads: int = 2, inner: int = 48, classes: int = 3
) -> LayerGraph:
    """One layer with a norm before each half and a gated feed-forward, as in Llama.

    Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023, section 2.2.
    """
    graph, role = GraphBuilder(tokens), Role.BACKBONE
    norm = partial(graph.norm, role=role, kind=RMS_NORM, vectors=("weight",))
    linear = partial(graph.linear, role=role, bias=False)
    hidden = graph.gather("embedding.token", "table", (50, width), Role.EMBEDDING)
    graph.enter("encoder", 0, layer=0)
    normal = norm("attention_norm", "attention_norm", hidden)
    query, key, value = (linear(n, n, normal, (width, width)) for n in ("query", "key", "value"))
    context = graph.attention(query, key, value, heads)
    output = linear("output", "output", context, (width, width))
    middle = graph.place("attention_add", ADD, output, hidden)
    normal = norm("ffn_norm", "ffn_norm", middle)
    gate, up = (linear(name, name, normal, (inner, width)) for name in ("gate", "up"))
    gated = graph.place("gated", MULTIPLY, graph.place("silu", SILU, gate), up)
    final = graph.place("ffn_add", ADD, linear("down", "down", gated, (width, inner)), middle)
    graph.enter()
    graph.linear("classifier", "classifier", final, (classes, width), Role.TASK, rows=1)
    return graph.build()
