"""Houlsby's adapters: two bottlenecks in every layer.

Houlsby et al., "Parameter-Efficient Transfer Learning for NLP", ICML 2019, and the released code,
which trains every layer norm.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from accelsim.model.adaptations.base import extend, with_roles
from accelsim.model.adaptations.bottlenecks import Bottlenecks
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import GELU, LAYER_NORM, RMS_NORM
from accelsim.model.tensors import Role


class Houlsby(Bottlenecks):
    """Puts an adapter into both halves of every layer, before the residual addition.

    An adapter (down, GELU, up, skip connection; biases included) stands behind the product whose
    result is added to the residual: the attention output projection and the end of the
    feed-forward network (Houlsby et al., figure 2). Adapters, all layer norms (the embedding's
    too) and the classifier are ``task``.
    """

    method: Literal["houlsby"]

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with adapters. Raises ConfigError as ``adapters``."""
        branches = {}
        # The form of the model's own GELUs, as in the code that Houlsby et al. released.
        form = next((each.form for each in graph.operators if each.kind is GELU), "")
        for host, _, added in self.adapters(graph, GELU, form):
            chain = [host.name, *(operator.name for operator in added)]
            branches[host.name] = (added, [*pairwise(chain), (host.name, chain[-1])])
        norms = (LAYER_NORM, RMS_NORM)
        extended = extend(graph, branches)
        return with_roles(extended, lambda o, p: Role.TASK if o.kind in norms else p.role)
