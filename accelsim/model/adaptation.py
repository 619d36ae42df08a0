"""Adaptation of a pretrained encoder to a task, as a transformation of its graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from accelsim.errors import ConfigError
from accelsim.model.graph import LayerGraph
from accelsim.model.hyperparameters import AdaptationConfig
from accelsim.model.operators import ADD, GELU, LAYER_NORM, MATMUL, Operator
from accelsim.model.tensors import Parameter, Role

# Half of a layer -> the operator whose output its adapter takes (Houlsby et al., figure 2).
_HOSTS = {"attention": "output", "ffn": "ffn2"}


def adapt(graph: LayerGraph, adaptation: AdaptationConfig) -> LayerGraph:
    """Return a new graph, adapted to a task; the given one is not changed.

    ``full`` gives the role ``task`` to every ``backbone`` parameter: encoder layers, pooler and
    classifier are trained for each task, the embedding is frozen and shared (EdgeBERT, Tambe et
    al., MICRO 2021).

    ``houlsby`` puts an adapter (down, GELU, up, skip connection; biases included) behind the
    attention output projection and behind the feed-forward network of every layer, before the
    residual addition. Adapters, all layer norms (the embedding's too) and the classifier are
    ``task`` (Houlsby et al., "Parameter-Efficient Transfer Learning for NLP", ICML 2019, and the
    released code, which trains every layer norm). The adapters' parameters are called
    ``adapters.attention.down.weight`` and so on where all layers share them, and
    ``adapters.3.attention.down.weight`` where layer 3 has its own.

    Raises ConfigError when the graph has no layers to adapt, or has adapters already.
    """
    if adaptation.method == "full":
        operators, edges = _assign_roles(graph.operators, _full_role), list(graph.edges)
    else:
        with_adapters, edges = _add_adapters(graph, adaptation)
        operators = _assign_roles(with_adapters, _houlsby_role)
    return LayerGraph(operators, edges, sequence_length=graph.sequence_length)


def _full_role(operator: Operator, parameter: Parameter) -> Role:
    return Role.TASK if parameter.role is Role.BACKBONE else parameter.role


def _houlsby_role(operator: Operator, parameter: Parameter) -> Role:
    return Role.TASK if operator.kind is LAYER_NORM else parameter.role


def _assign_roles(
    operators: Sequence[Operator], choose: Callable[[Operator, Parameter], Role]
) -> list[Operator]:
    """Return the operators with new roles; those that share a parameter go on sharing it."""
    assigned: dict[str, Parameter] = {}
    for operator in operators:
        for parameter in operator.parameters:
            if parameter.name not in assigned:
                assigned[parameter.name] = replace(parameter, role=choose(operator, parameter))
    return [
        replace(operator, parameters=tuple(assigned[p.name] for p in operator.parameters))
        if operator.parameters
        else operator
        for operator in operators
    ]


def _add_adapters(
    graph: LayerGraph, adaptation: AdaptationConfig
) -> tuple[list[Operator], list[tuple[str, str]]]:
    """Return the graph's operators and edges with adapters."""
    assert adaptation.bottleneck is not None  # AdaptationConfig has checked it
    hosts, form = _find_hosts(graph), _gelu_form(graph)
    shared = adaptation.shared_across_layers
    if shared is None:
        shared = _layers_share_parameters(graph)
    operators: list[Operator] = []
    edges = [(f"{hosts[a]}.add" if a in hosts else a, b) for a, b in graph.edges]
    for operator in graph.operators:
        operators.append(operator)
        if operator.name in hosts:
            prefix = hosts[operator.name]
            module = _module_of(prefix, None if shared else operator.layer)
            operators += _adapter(operator, prefix, module, adaptation.bottleneck, form)
            edges += _adapter_edges(operator.name, prefix)
    return operators, edges


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
                    "name; name the operators as build_encoder does"
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
