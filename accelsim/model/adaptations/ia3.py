"""(IA)3: learned factors at keys, values and within the feed-forward network.

Liu et al., "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context
Learning", NeurIPS 2022; ``IA3Config`` of PEFT.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

from accelsim.errors import ConfigError
from accelsim.model.adaptations.targets import (
    Chosen,
    Targeted,
    is_chosen,
    merged,
    own_module,
    part_of,
    whole,
)
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import AFFINE, Operator
from accelsim.model.tensors import Parameter, Role


class Ia3(Targeted):
    """Multiplies each column of the result of every target by a factor.

    Of those that ``feedforward`` names it is the columns of what they read. The factors are
    ``task``, called like the target's module (``....key.ia3_l``). ``merged`` into the weights (and
    biases), which a switch then rewrites in their home, they cost an inference nothing.
    """

    method: Literal["ia3"]
    targets: Chosen
    feedforward: Chosen | None = None
    merged: bool | None = None

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with a scaling behind or before every target, or with other roles.

        Raises ConfigError for a target that no product has, and for a graph that has (IA)3.
        """
        targets = self.find_targets(graph, self.targets)
        if self.merged:
            return merged(graph, self._changed(targets))
        scales: dict[str, Operator] = {}
        before: dict[str, str] = {}
        behind: dict[str, str] = {}
        for target, module in targets:
            reads = self._reads(module)
            name = _source(graph, target).name if reads else target.name
            scale = _scale(graph[name], target, module if reads else own_module(target), reads)
            made = scales.setdefault(f"{name} {scale.parameters[0].name}", scale)
            (before if reads else behind)[target.name] = made.name
        return _with(graph, {each.name: each for each in scales.values()}, before, behind)

    def _reads(self, module: str) -> bool:
        return self.feedforward is not None and is_chosen(self.feedforward, module)

    def _changed(self, targets: list[tuple[Operator, str]]) -> set[str]:
        """Return the names of weights, and of biases where results are scaled."""
        return {
            parameter.name
            for target, module in targets
            for parameter in target.parameters[: 1 if self._reads(module) else None]
        }


def _source(graph: LayerGraph, target: Operator) -> Operator:
    """Return what a target reads."""
    for source in graph.predecessors(target):
        return source
    raise ConfigError(f"ia3: '{target.name}' reads the input of the model; leave it out")


def _scale(host: Operator, target: Operator, module: str, reads: bool) -> Operator:
    """Return what scales the columns of a host, for a target that reads it or is it."""
    (batch, columns), name = host.seen, f"{whole(target, 'ia3').name}_ia3"
    width = batch * columns
    vector = f"{module}.ia3_l"
    own = Parameter(vector, (width,), Role.TASK) if reads else part_of(target, vector, (width,))
    layer = target.layer
    return Operator(
        name, AFFINE, host.rows, width, width, parameters=(own,), layer=layer, form="scale"
    )


def _with(
    graph: LayerGraph,
    scales: Mapping[str, Operator],
    before: Mapping[str, str],
    behind: Mapping[str, str],
) -> LayerGraph:
    """Return a graph with scales between targets and what they read, or behind targets."""
    operators: dict[str, Operator] = {}
    edges: dict[tuple[str, str], None] = {}
    for each in graph.operators:
        inside, end = before.get(each.name), behind.get(each.name)
        around = [scales.get(inside or ""), each, scales.get(end or "")]
        operators |= {operator.name: operator for operator in around if operator}
        for source in (behind.get(o.name, o.name) for o in graph.predecessors(each)):
            edges |= dict.fromkeys(pairwise([source, *([inside] if inside else []), each.name]))
        edges |= {(each.name, end): None} if end else {}
    return LayerGraph(operators.values(), edges, sequence_length=graph.sequence_length)
