"""The classifier alone is trained: linear probing."""

from __future__ import annotations

from typing import Literal

from accelsim.model.adaptations.base import Adaptation
from accelsim.model.graph import LayerGraph


class Head(Adaptation):
    """Leaves the pretrained roles: only what stands behind the frozen backbone is a task's own."""

    method: Literal["head"]

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph as it is."""
        return graph
