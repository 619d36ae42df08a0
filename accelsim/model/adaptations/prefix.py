"""Prefix tuning: learned keys and values before those of the tokens, in every attention.

Li and Liang, "Prefix-Tuning: Optimizing Continuous Prompts for Generation", ACL 2021.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.model.adaptations.base import Adaptation
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ATTENTION_CONTEXT, ATTENTION_SCORES, PREPEND, Operator, Window
from accelsim.model.tensors import Parameter, Role


class Prefix(Adaptation):
    """Puts ``length`` keys and values before those of every attention; all tokens see them.

    They are ``task``, as wide as the keys (narrower where heads share them), and called
    ``prefixes.3.key`` and ``prefixes.3.value`` in layer 3: one set a layer even where layers share
    their parameters, unless ``shared_across_layers``, which gives one to all (``prefixes.key``).
    What the released code trains them by, a network of two layers, is gone after training. Tokens
    keep their positions. Keys that have a prefix are made as a whole and copied behind it [ours]: a
    machine that wrote them there at once would save that copy.
    """

    method: Literal["prefix"]
    length: Annotated[int, Field(ge=0, le=1_000_000, examples=[30])]
    shared_across_layers: bool | None = None

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with longer attentions. Raises ConfigError when it has none."""
        if not any(operator.kind is ATTENTION_SCORES for operator in graph.operators):
            raise ConfigError("prefix tuning adds keys and values, but the graph has no attention")
        if any(operator.kind.state(operator) for operator in graph.operators):
            raise ConfigError(
                "a prefix of a model that generates tokens would lie in its cache, which is not "
                "known here; choose another method, or leave generate out"
            )
        if not self.length:
            return graph
        operators: list[Operator] = []
        renamed: dict[tuple[str, str], str] = {}
        for operator in graph.operators:
            if part := _PARTS.get(operator.kind.name):
                source = graph.predecessors(operator)[1]
                name = part if self.shared_across_layers else f"{len(renamed) // 2}.{part}"
                operators.append(self._prefix(source, operator, name))
                renamed[source.name, operator.name] = operators[-1].name
            operators.append(self._longer(operator, graph))
        edges = [(renamed.get((a, b), a), b) for a, b in graph.edges]
        edges += [(source, name) for (source, _), name in renamed.items()]
        return LayerGraph(operators, edges, sequence_length=graph.sequence_length)

    def _prefix(self, source: Operator, attention: Operator, name: str) -> Operator:
        """Return what puts a prefix before the keys or values that an attention reads."""
        rows, width = self.length + source.rows, source.seen[0] * source.seen[1]
        table = Parameter(f"prefixes.{name}", (self.length, width), Role.TASK)
        return Operator(
            f"{attention.name}_prefix",
            PREPEND,
            rows,
            width,
            width,
            parameters=(table,),
            layer=attention.layer,
            label=f"{attention.label}_prefix",
            window=Window((source.rows, 1), (1, 1)),
        )

    def _longer(self, operator: Operator, graph: LayerGraph) -> Operator:
        """Return an operator of an attention with more columns, or more rows of values."""
        more = {"columns", "depth"}
        if operator.kind is ATTENTION_SCORES:
            more = {"columns"}
        elif operator.kind is ATTENTION_CONTEXT:
            more = {"depth"}
        elif not _is_between(operator, graph):
            return operator
        return replace(operator, **{size: getattr(operator, size) + self.length for size in more})


_PARTS = {"attention_scores": "key", "attention_context": "value"}


def _is_between(operator: Operator, graph: LayerGraph) -> bool:
    """Say whether an operator works on scores."""
    while len(below := graph.predecessors(operator)) == 1 and operator.kind.keeps_width:
        (operator,) = below
        if operator.kind is ATTENTION_SCORES:
            return True
    return False
