"""LoRA: a product of low rank beside a frozen one.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.model.adaptations.base import Adaptation, extend
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ADD, MATMUL, Operator
from accelsim.model.tensors import Parameter, Role


class Lora(Adaptation):
    """Adds B A x to the result of every target, with A of ``rank`` rows and B of as many columns.

    ``targets`` are patterns of the names of modules, or of their last parts: ``query``,
    ``attention.query``, ``*ffn*``; query and value unless given (Hu et al., section 5.1). A and B
    are ``task``, and so is the classifier; they are called like the target's module
    (``....query.lora_A.weight``), so that layers that share it share them. They are not merged
    into the weights, which all tasks share. The factor alpha / rank is part of B.
    """

    method: Literal["lora"]
    rank: Annotated[int, Field(gt=0, le=1_000_000, examples=[8])]
    targets: list[str] = Field(["query", "value"], min_length=1)

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with two products and a sum behind every target.

        Raises ConfigError for a target that no product has, and for a graph that has LoRA.
        """
        branches = {}
        for target in self._find_targets(graph):
            down, up, total = added = self._branch(target)
            edges = [(producer.name, down.name) for producer in graph.predecessors(target)]
            edges += [(down.name, up.name), (target.name, total.name), (up.name, total.name)]
            branches[target.name] = (added, edges)
        return LayerGraph(*extend(graph, branches), sequence_length=graph.sequence_length)

    def _find_targets(self, graph: LayerGraph) -> list[Operator]:
        products = [
            operator
            for operator in graph.operators
            if operator.kind is MATMUL and operator.parameters[0].role is not Role.TASK
        ]
        for target in self.targets:
            if not any(_matches(product, target) for product in products):
                modules = ", ".join(dict.fromkeys(each.parameters[0].module for each in products))
                raise ConfigError(
                    f"lora: no frozen product is called '{target}'; the graph has {modules}"
                )
        found = [each for each in products if any(_matches(each, t) for t in self.targets)]
        for name in (operator.name for operator in found):
            if f"{name}_lora.add" in graph:
                raise ConfigError(f"the graph has LoRA at '{name}'; adapt the unadapted graph")
        return found

    def _branch(self, target: Operator) -> tuple[Operator, Operator, Operator]:
        """Return down, up and sum; of a partial target they use as much as it does."""
        weight, rank, name = target.parameters[0], self.rank, f"{target.name}_lora"
        outputs, inputs = weight.shape
        first = Parameter(f"{weight.module}.lora_A.weight", (rank, inputs), Role.TASK)
        second = Parameter(f"{weight.module}.lora_B.weight", (outputs, rank), Role.TASK)
        rows, columns, depth, layer = target.rows, target.columns, target.depth, target.layer
        narrow, short = depth < inputs, columns < outputs
        return (
            Operator(f"{name}.down", MATMUL, rows, rank, depth, 1, (first,), layer, partial=narrow),
            Operator(f"{name}.up", MATMUL, rows, columns, rank, 1, (second,), layer, partial=short),
            Operator(f"{name}.add", ADD, rows, columns, columns, layer=layer),
        )


def _matches(product: Operator, pattern: str) -> bool:
    module = product.parameters[0].module
    return fnmatchcase(module, pattern) or fnmatchcase(module, f"*.{pattern}")
