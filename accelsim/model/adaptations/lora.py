"""LoRA: a product of low rank beside a frozen one, or within its weights.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022; Kalajdzievski, "A Rank
Stabilization Scaling Factor for Fine-Tuning with LoRA", 2023 (rsLoRA); Liu et al., "DoRA:
Weight-Decomposed Low-Rank Adaptation", ICML 2024.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.model.adaptations.base import Branch, extend, with_roles
from accelsim.model.adaptations.targets import (
    Chosen,
    Expression,
    Targeted,
    check_used,
    merged,
    of_module,
    own_module,
    part_of,
    whole,
)
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ADD, AFFINE, MATMUL, Operator
from accelsim.model.tensors import Parameter, Role

Alpha = Annotated[float, Field(gt=0, le=1e6)]
Rank = Annotated[int, Field(ge=1, le=1_000_000)]


class Lora(Targeted):
    """Adds B A x to the result of every target, with A of ``rank`` rows and B of as many columns.

    A and B are ``task``, and so is the classifier; they are called like the target's module
    (``....query.lora_A.weight``), so that layers that share it share them. A of a convolution has
    its window, and B one of a pixel. B holds the factor ``alpha`` / rank, or alpha / root of rank
    where it is ``rooted``: values that are read from a file are multiplied by it where ``alpha`` is
    given; files of PEFT say it themselves. ``ranks`` and ``alphas`` are those of some modules, by
    regular expressions of the ends of their names. Biases that are a task's own too: ``all`` of
    the model, or those of the targets (``lora_only``).

    With ``dora`` the rows of the sum W + B A are then scaled to learned lengths; at inference one
    factor for each row of the result.

    ``merged`` into the weights, which a switch then rewrites in their home as a whole: the cold
    home holds those of every task [ours: to add and subtract B A on the chip would need less room
    there, but 8-bit weights do not come back from it]. Otherwise they stand beside the weights,
    which all tasks share, and every inference computes them.
    """

    method: Literal["lora"]
    rank: Annotated[int, Field(ge=0, le=1_000_000, examples=[8])]
    targets: Chosen = Field(["query", "value"])
    alpha: Alpha | None = None
    rooted: bool | None = None
    ranks: dict[Expression, Rank] | None = None
    alphas: dict[Expression, Alpha] | None = None
    bias: Literal["all", "lora_only"] | None = None
    dora: bool | None = None
    merged: bool | None = None

    def rank_of(self, module: str) -> int:
        """Return the rank at a module."""
        return of_module(self.ranks, module, self.rank)

    def factor_of(self, module: str) -> float | None:
        """Return what B of a module is multiplied by when it is read, if that is said."""
        alpha, rank = of_module(self.alphas, module, self.alpha or 0.0), self.rank_of(module)
        if not alpha or not rank:
            return None
        return alpha / (math.sqrt(rank) if self.rooted else rank)

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with two products and a sum behind every target, or with other roles.

        Raises ConfigError for a target that no product has, for an expression of ``ranks`` or
        ``alphas`` that no target has, and for a graph that has LoRA.
        """
        targets = self.find_targets(graph, self.targets)
        modules = [module for _, module in targets]
        for key, table in (("ranks", self.ranks), ("alphas", self.alphas)):
            check_used(f"{self.method}: {key}: no target", table, modules)
        for target, _ in targets:
            if f"{target.name}_lora.add" in graph:
                raise ConfigError(
                    f"the graph has LoRA at '{target.name}'; adapt the unadapted graph"
                )
        if self.rank and self.merged:
            graph = merged(graph, {each.parameters[0].name for each, _ in targets})
        elif self.rank:
            graph = self._beside(graph, targets)
        own = {each.name for target, _ in targets for each in target.parameters[1:]}
        return with_roles(graph, lambda _, p: self._role(p, own)) if self.bias else graph

    def _role(self, parameter: Parameter, own: set[str]) -> Role:
        every = self.bias == "all" and parameter.name.rpartition(".")[2] == "bias"
        return Role.TASK if every or parameter.name in own else parameter.role

    def _beside(self, graph: LayerGraph, targets: list[tuple[Operator, str]]) -> LayerGraph:
        shared: dict[tuple[str, ...], Operator] = {}
        extended = extend(graph, {t.name: self._branch(graph, t, m, shared) for t, m in targets})
        if not self.dora:
            return extended
        # Rows are scaled before their bias.
        unbiased = {o.name: replace(o, parameters=o.parameters[:1]) for o, _ in targets}
        operators = [unbiased.get(each.name, each) for each in extended.operators]
        return LayerGraph(operators, extended.edges, sequence_length=graph.sequence_length)

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
        name, rank, own = f"{target.name}_lora", down.columns, own_module(target)
        shape = (target.parameters[0].shape[0], rank)
        second = part_of(target, f"{own}.lora_B.weight", shape)
        rows, columns, layer = target.rows, target.columns, target.layer
        short = columns < shape[0]
        up = Operator(f"{name}.up", MATMUL, rows, columns, rank, 1, (second,), layer, partial=short)
        total = Operator(f"{name}.add", ADD, rows, columns, columns, layer=layer)
        edges = [] if known else [(source, down.name) for source in sources]
        edges += [(down.name, up.name), (target.name, total.name), (up.name, total.name)]
        added = [up, total] if known else [down, up, total]
        if self.dora:
            added.append(self._lengths(target, total, own))
            edges.append((total.name, added[-1].name))
        return added, edges

    def _down(self, target: Operator, module: str) -> Operator:
        inputs, rank = target.parameters[0].shape[1], self.rank_of(module)
        first = Parameter(f"{module}.lora_A.weight", (rank, inputs), Role.TASK)
        return replace(
            target,
            name=f"{target.name}_lora.down",
            label="",
            columns=rank,
            parameters=(first,),
            partial=target.depth < inputs,
        )

    def _lengths(self, target: Operator, total: Operator, own: str) -> Operator:
        """Return what scales the rows of a sum, and adds the bias that the target had."""
        whole(target, "dora")
        lengths = part_of(target, f"{own}.lora_magnitude_vector", (target.columns,))
        vectors, form = (lengths, *target.parameters[1:]), "" if target.parameters[1:] else "scale"
        name = f"{target.name}_lora.scale"
        return replace(total, name=name, label="", kind=AFFINE, parameters=vectors, form=form)
