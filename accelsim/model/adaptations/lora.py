"""LoRA: a product of low rank beside a frozen one, or within its weights.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.model.adaptations.base import (
    Adaptation,
    Edge,
    Patterns,
    change_parameters,
    extend,
    is_called,
    nothing_called,
)
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ADD, CONVOLUTION, MATMUL, Operator
from accelsim.model.tensors import Parameter, Role

Branch = tuple[list[Operator], list[Edge]]
ALL_LINEAR = "all-linear"


class Lora(Adaptation):
    """Adds B A x to the result of every target, with A of ``rank`` rows and B of as many columns.

    ``targets`` are patterns of the names of modules, or of their last parts: ``query``,
    ``attention.query``, ``*ffn*``; of those of operators where no module is called so;
    ``all-linear`` are all products but the last. Query and value unless given (Hu et al., section
    5.1). A and B are ``task``, and so is the classifier; they are called like the target's module
    (``....query.lora_A.weight``), so that layers that share it share them. A of a convolution has
    its window, and B one of a pixel. B holds the factor ``alpha`` / rank: values that are read
    from a file are multiplied by it where ``alpha`` is given; files of PEFT say it themselves.

    ``merged`` into the weights, which a switch then rewrites in their home as a whole: the cold
    home holds those of every task [ours: to add and subtract B A on the chip would need less room
    there, but 8-bit weights do not come back from it]. Otherwise they stand beside the weights,
    which all tasks share, and every inference computes them.
    """

    method: Literal["lora"]
    rank: Annotated[int, Field(ge=0, le=1_000_000, examples=[8])]
    targets: Patterns = Field(["query", "value"])
    alpha: Annotated[float, Field(gt=0, le=1e6)] | None = None
    merged: bool | None = None

    @property
    def factor(self) -> float | None:
        """What B is multiplied by when it is read: alpha / rank, if that is said."""
        return self.alpha / self.rank if self.alpha and self.rank else None

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with two products and a sum behind every target, or with other roles.

        Raises ConfigError for a target that no product has, and for a graph that has LoRA.
        """
        targets = self._find_targets(graph)
        if not self.rank:
            return graph
        if self.merged:
            return _merged(graph, {each.parameters[0].name for each, _ in targets})
        branches: dict[str, Branch] = {}
        shared: dict[tuple[str, ...], Operator] = {}
        for target, module in targets:
            branches[target.name] = self._branch(graph, target, module, shared)
        return LayerGraph(*extend(graph, branches), sequence_length=graph.sequence_length)

    def _find_targets(self, graph: LayerGraph) -> list[tuple[Operator, str]]:
        """Return the targets with what A is called after, in order."""
        products = [each for each in graph.operators if _may_be_target(each)]
        found: dict[str, str] = {}
        for target in self.targets:
            # Of an operator that is one part of a module, A is its own.
            chosen = {o.name: o.parameters[0].module for o in products if _is_module(o, target)}
            if target == ALL_LINEAR:
                chosen = {o.name: o.parameters[0].module for o in products if _is_inner(o, graph)}
            chosen = chosen or {o.name: _own(o) for o in products if is_called(o.name, target)}
            if not chosen:
                modules = (each.parameters[0].module for each in products)
                raise nothing_called("lora: no frozen product", target, modules)
            found = {**chosen, **found}
        for name in found:
            if f"{name}_lora.add" in graph:
                raise ConfigError(f"the graph has LoRA at '{name}'; adapt the unadapted graph")
        return [(each, found[each.name]) for each in products if each.name in found]

    def _branch(
        self,
        graph: LayerGraph,
        target: Operator,
        module: str,
        shared: dict[tuple[str, ...], Operator],
    ) -> Branch:
        """Return down, up and sum; of a partial target they use as much as it does.

        Targets of one module that read the same have one ``shared`` down.
        """
        sources = [producer.name for producer in graph.predecessors(target)]
        key = (module, *sources, *([] if sources else [target.name]))
        known = shared.get(key)
        down = shared.setdefault(key, self._down(target, module))
        weight, name, rank = target.parameters[0], f"{target.name}_lora", self.rank
        second = Parameter(f"{_own(target)}.lora_B.weight", (weight.shape[0], rank), Role.TASK)
        rows, columns, layer = target.rows, target.columns, target.layer
        short = columns < weight.shape[0]
        up = Operator(f"{name}.up", MATMUL, rows, columns, rank, 1, (second,), layer, partial=short)
        total = Operator(f"{name}.add", ADD, rows, columns, columns, layer=layer)
        edges = [] if known else [(source, down.name) for source in sources]
        edges += [(down.name, up.name), (target.name, total.name), (up.name, total.name)]
        return ([up, total] if known else [down, up, total]), edges

    def _down(self, target: Operator, module: str) -> Operator:
        inputs = target.parameters[0].shape[1]
        first = Parameter(f"{module}.lora_A.weight", (self.rank, inputs), Role.TASK)
        return replace(
            target,
            name=f"{target.name}_lora.down",
            label="",
            columns=self.rank,
            parameters=(first,),
            partial=target.depth < inputs,
        )


def _merged(graph: LayerGraph, weights: set[str]) -> LayerGraph:
    """Return the graph with weights of the tasks' own in their old home."""

    def change(operator: Operator, parameter: Parameter) -> Parameter:
        if parameter.name not in weights:
            return parameter
        return replace(parameter, role=Role.TASK, home=parameter.role)

    operators = change_parameters(graph.operators, change)
    return LayerGraph(operators, graph.edges, sequence_length=graph.sequence_length)


def _may_be_target(operator: Operator) -> bool:
    product = operator.kind is MATMUL or (operator.kind is CONVOLUTION and operator.groups == 1)
    return product and operator.parameters[0].role is not Role.TASK


def _is_inner(operator: Operator, graph: LayerGraph) -> bool:
    return operator.kind is MATMUL and bool(graph.successors(operator))


def _is_module(operator: Operator, pattern: str) -> bool:
    return is_called(operator.parameters[0].module, pattern)


def _own(operator: Operator) -> str:
    """Return the name of the weight alone: that of its module, unless that has several."""
    return operator.parameters[0].name.rpartition(".")[0]
