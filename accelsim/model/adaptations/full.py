"""Full fine-tuning: every task has an encoder of its own."""

from __future__ import annotations

from typing import Literal

from accelsim.model.adaptations.base import Adaptation, with_roles
from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Role


class Full(Adaptation):
    """Gives the role ``task`` to every ``backbone`` parameter.

    Encoder layers, pooler and classifier are trained for each task, the embedding is frozen and
    shared (EdgeBERT, Tambe et al., MICRO 2021).
    """

    keeps_backbone = False

    method: Literal["full"]

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with other roles."""
        return with_roles(graph, lambda _, p: Role.TASK if p.role is Role.BACKBONE else p.role)
