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
from accelsim.model.operators import GELU, LAYER_NORM, RMS_NORM, Operator
from accelsim.model.tensors import Parameter, Role


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
        for host, _, added in self.adapters(graph, GELU, _gelu_form(graph)):
            chain = [host.name, *(operator.name for operator in added)]
            branches[host.name] = (added, [*pairwise(chain), (host.name, chain[-1])])
        return with_roles(extend(graph, branches), _role)


def _role(operator: Operator, parameter: Parameter) -> Role:
    return Role.TASK if operator.kind in (LAYER_NORM, RMS_NORM) else parameter.role


def _gelu_form(graph: LayerGraph) -> str:
    """Return the form of the model's own GELUs, as in the code that Houlsby et al. released."""
    return next((operator.form for operator in graph.operators if operator.kind is GELU), "")
