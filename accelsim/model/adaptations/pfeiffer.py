"""Pfeiffer's adapters: one bottleneck in every layer, behind its feed-forward network.

Pfeiffer et al., "AdapterFusion: Non-Destructive Task Composition for Transfer Learning", EACL 2021;
``SeqBnConfig`` of the library ``adapters``.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Literal

from accelsim.errors import ConfigError
from accelsim.model.adaptations.base import Branch, extend
from accelsim.model.adaptations.bottlenecks import HALVES, Bottlenecks
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ADD, RELU, Operator


class Pfeiffer(Bottlenecks):
    """Puts an adapter behind the feed-forward network of every layer.

    An adapter (down, ReLU, up; biases included) reads the residual sum, or its norm where a norm is
    all that reads the sum. Its result is added to that sum, and the norm is gone through once more,
    with the same parameters. Adapters and the classifier are ``task``.
    """

    method: Literal["pfeiffer"]

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with adapters. Raises ConfigError as ``adapters``."""
        branches = {}
        for product, half, adapter in self.adapters(graph, RELU):
            if half != HALVES[0]:
                host, branch = _behind(graph, product, adapter)
                branches[host.name] = branch
        return extend(graph, branches)


def _behind(
    graph: LayerGraph, product: Operator, adapter: list[Operator]
) -> tuple[Operator, Branch]:
    """Return what an adapter reads, and what stands behind that with the edges into it."""
    total, *others = graph.successors(product)
    if others or total.kind is not ADD:
        raise ConfigError(
            "pfeiffer adapters stand behind residual additions, but the result of "
            f"'{product.name}' is not just added; choose other targets"
        )
    norm = _only_norm(graph, total)
    host, end = norm or total, adapter[-1].name
    edges = [*pairwise((host.name, *(operator.name for operator in adapter))), (total.name, end)]
    if norm is None:
        return host, (adapter, edges)
    again = replace(norm, name=f"{end.rpartition('.')[0]}.norm", label="")
    return host, ([*adapter, again], [*edges, (end, again.name)])


def _only_norm(graph: LayerGraph, total: Operator) -> Operator | None:
    """Return the norm of the layer that is all that reads a sum, if there is one."""
    reader, *others = graph.successors(total)
    return reader if not others and reader.kind.ones and reader.layer == total.layer else None
