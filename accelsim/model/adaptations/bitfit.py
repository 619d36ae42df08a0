"""BitFit: the biases alone are trained.

Ben Zaken et al., "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked
Language-models", ACL 2022; the released code trains every parameter whose name has ``bias``.
"""

from __future__ import annotations

from typing import Literal

from accelsim.errors import ConfigError
from accelsim.model.adaptations.base import Adaptation, with_roles
from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Parameter, Role


class Bitfit(Adaptation):
    """Gives the role ``task`` to all biases, those of norms and of the embedding too.

    Biases are what is called so, as PEFT's ``bias: all`` has it; batch norms that are folded are
    part of the weights, and what remains of them is a bias.
    """

    method: Literal["bitfit"]

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with other roles. Raises ConfigError when it has no bias."""
        if not any(map(_is_bias, graph.parameters)):
            raise ConfigError("bitfit trains biases, but no parameter of the graph is one")
        return with_roles(graph, lambda _, p: Role.TASK if _is_bias(p) else p.role)


def _is_bias(parameter: Parameter) -> bool:
    return parameter.role is not Role.TASK and parameter.name.rpartition(".")[2] == "bias"
