"""A layer graph as text that other programs draw: Graphviz's DOT, and GraphML."""

from __future__ import annotations

import json
from collections.abc import Mapping

from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Activation, Shape, format_shape

Attributes = Mapping[str, str | int]


def to_graphml(graph: LayerGraph, described: Mapping[str, Attributes]) -> str:
    """Return the graph as GraphML; ``described`` are attributes of its operators, by name."""
    import networkx

    plain: networkx.DiGraph[str] = networkx.DiGraph()
    for operator in graph.operators:
        plain.add_node(operator.name, **described[operator.name])
    for operator in graph.operators:
        for activation in graph.inputs(operator):
            shape = format_shape(read_shape(activation))
            plain.add_edge(activation.name, operator.name, shape=shape)
    return "\n".join(networkx.generate_graphml(plain)) + "\n"


def to_dot(graph: LayerGraph, described: Mapping[str, Attributes]) -> str:
    """Return the graph as DOT, a box an operator, layers in frames."""
    lines = ["digraph model {", "  rankdir=TB; node [shape=box, fontname=sans]"]
    for layer in dict.fromkeys(operator.layer for operator in graph.operators):
        inner = [op for op in graph.operators if op.layer == layer]
        named = [f"    {_quoted(op.name)} [label={_label(described[op.name])}]" for op in inner]
        framed = [f"  subgraph cluster_{layer} {{", f"    label={_quoted(f'layer {layer}')}"]
        lines += named if layer is None else [*framed, *named, "  }"]
    for operator in graph.operators:
        for activation in graph.inputs(operator):
            names = f"{_quoted(activation.name)} -> {_quoted(operator.name)}"
            lines.append(f"  {names} [label={_quoted(format_shape(read_shape(activation)))}]")
    return "\n".join([*lines, "}"]) + "\n"


def read_shape(activation: Activation) -> Shape:
    """Return the shape of what is read; one matrix has two sizes."""
    matrix = (activation.rows, activation.columns)
    return matrix if activation.batch == 1 else (activation.batch, *matrix)


def _label(attributes: Attributes) -> str:
    return _quoted("\n".join(f"{key}: {value}" for key, value in attributes.items()))


def _quoted(text: str) -> str:
    # What DOT escapes in a text in quotes, JSON escapes alike.
    return json.dumps(text, ensure_ascii=False)
