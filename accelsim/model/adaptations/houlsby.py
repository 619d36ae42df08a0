"""Houlsby's adapters: two bottlenecks in every layer.

Houlsby et al., "Parameter-Efficient Transfer Learning for NLP", ICML 2019, and the released code,
which trains every layer norm.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.model.adaptations.base import Adaptation, assign_roles
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ADD, GELU, LAYER_NORM, MATMUL, Operator
from accelsim.model.tensors import Parameter, Role

# Half of a layer -> the operator whose output its adapter takes (Houlsby et al., figure 2).
_HOSTS = {"attention": "output", "ffn": "ffn2"}


class Houlsby(Adaptation):
    """Puts an adapter into both halves of every layer, before the residual addition.

    An adapter (down, GELU, up, skip connection; biases included) stands behind the attention
    output projection and behind the feed-forward network. Adapters, all layer norms (the
    embedding's too) and the classifier are ``task``. ``bottleneck`` is the adapters' inner width
    in elements. ``shared_across_layers`` says whether all layers use one set of adapters; by
    default they do where the layers themselves share their parameters. The adapters' parameters
    are called ``adapters.attention.down.weight`` and so on where all layers share them, and
    ``adapters.3.attention.down.weight`` where layer 3 has its own.
    """

    method: Literal["houlsby"]
    bottleneck: Annotated[int, Field(gt=0, le=1_000_000, examples=[64])]
    shared_across_layers: bool | None = None

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with adapters.

        Raises ConfigError when it has no layers to adapt, or has adapters already.
        """
        hosts, form = _find_hosts(graph), _gelu_form(graph)
        shared = self.shared_across_layers
        if shared is None:
            shared = _layers_share_parameters(graph)
        operators: list[Operator] = []
        edges = [(f"{hosts[a]}.add" if a in hosts else a, b) for a, b in graph.edges]
        for operator in graph.operators:
            operators.append(operator)
            if operator.name in hosts:
                prefix = hosts[operator.name]
                module = _module_of(prefix, None if shared else operator.layer)
                operators += _adapter(operator, prefix, module, self.bottleneck, form)
                edges += _adapter_edges(operator.name, prefix)
        roles = assign_roles(operators, _role)
        return LayerGraph(roles, edges, sequence_length=graph.sequence_length)


def _role(operator: Operator, parameter: Parameter) -> Role:
    return Role.TASK if operator.kind is LAYER_NORM else parameter.role


def _find_hosts(graph: LayerGraph) -> dict[str, str]:
    """Return host operator -> prefix of its adapter's operators, in layer order."""
    if not graph.layers:
        raise ConfigError("houlsby adapters need encoder layers, but the graph has none")
    hosts: dict[str, str] = {}
    for layer in _layer_numbers(graph):
        for half, part in _HOSTS.items():
            host, prefix = f"encoder.{layer}.{part}", f"encoder.{layer}.{half}_adapter"
            if host not in graph:
                raise ConfigError(
                    f"houlsby adapters follow operator '{host}', but the graph has none of this "
                    "name; name the operators as albert and bert do"
                )
            if f"{prefix}.down" in graph:
                raise ConfigError(
                    f"the graph has the adapter '{prefix}' already; adapt the unadapted graph"
                )
            hosts[host] = prefix
    return hosts


def _layer_numbers(graph: LayerGraph) -> list[int]:
    return sorted({operator.layer for operator in graph.operators if operator.layer is not None})


def _layers_share_parameters(graph: LayerGraph) -> bool:
    weights = {graph[f"encoder.{n}.ffn2"].parameters for n in _layer_numbers(graph)}
    return len(weights) == 1


def _module_of(prefix: str, layer: int | None) -> str:
    half = prefix.rpartition(".")[2].removesuffix("_adapter")
    return f"adapters.{half}" if layer is None else f"adapters.{layer}.{half}"


def _gelu_form(graph: LayerGraph) -> str:
    """Return the form of the model's own GELUs, as in the code that Houlsby et al. released."""
    return next((operator.form for operator in graph.operators if operator.kind is GELU), "")


def _adapter(
    host: Operator, prefix: str, module: str, bottleneck: int, form: str
) -> list[Operator]:
    rows, width, layer = host.rows, host.columns, host.layer
    down = _linear(f"{module}.down", bottleneck, width)
    up = _linear(f"{module}.up", width, bottleneck)
    return [
        Operator(f"{prefix}.down", MATMUL, rows, bottleneck, width, parameters=down, layer=layer),
        Operator(f"{prefix}.gelu", GELU, rows, bottleneck, bottleneck, layer=layer, form=form),
        Operator(f"{prefix}.up", MATMUL, rows, width, bottleneck, parameters=up, layer=layer),
        Operator(f"{prefix}.add", ADD, rows, width, width, layer=layer),
    ]


def _linear(module: str, outputs: int, inputs: int) -> tuple[Parameter, Parameter]:
    weight = Parameter(f"{module}.weight", (outputs, inputs), Role.TASK)
    return weight, Parameter(f"{module}.bias", (outputs,), Role.TASK)


def _adapter_edges(host: str, prefix: str) -> list[tuple[str, str]]:
    chain = [host, f"{prefix}.down", f"{prefix}.gelu", f"{prefix}.up", f"{prefix}.add"]
    return [*pairwise(chain), (host, f"{prefix}.add")]
