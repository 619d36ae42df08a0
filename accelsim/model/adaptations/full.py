"""Full fine-tuning: every task has an encoder of its own."""

from __future__ import annotations

from typing import Literal

from accelsim.model.adaptations.base import Adaptation, with_roles
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Operator
from accelsim.model.tensors import Parameter, Role


class Full(Adaptation):
    """Gives the role ``task`` to every ``backbone`` parameter.

    Encoder layers, pooler and classifier are trained for each task, the embedding is frozen and
    shared (EdgeBERT, Tambe et al., MICRO 2021).
    """

    keeps_backbone = False

    method: Literal["full"]

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with other roles."""
        return with_roles(graph, _role)


def _role(operator: Operator, parameter: Parameter) -> Role:
    return Role.TASK if parameter.role is Role.BACKBONE else parameter.role
