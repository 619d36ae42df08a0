"""Houlsby's adapters: two bottlenecks in every layer.

Houlsby et al., "Parameter-Efficient Transfer Learning for NLP", ICML 2019, and the released code,
which trains every layer norm.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from accelsim.errors import ConfigError
from accelsim.model.adaptations.base import Adaptation, assign_roles, extend
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ADD, GELU, LAYER_NORM, MATMUL, Operator
from accelsim.model.tensors import Parameter, Role

_HALVES = ("attention", "ffn")
Width = Annotated[int, Field(gt=0, le=1_000_000, examples=[64])]
Widths = Annotated[list[Width], Field(min_length=1)]
# By what is given, so that what is wrong with a number is told of a number.
Bottleneck = Annotated[
    Annotated[Width, Tag("one")] | Annotated[Widths, Tag("each")],
    Discriminator(lambda given: "each" if isinstance(given, list) else "one"),
]


class Houlsby(Adaptation):
    """Puts an adapter into both halves of every layer, before the residual addition.

    An adapter (down, GELU, up, skip connection; biases included) stands behind the product whose
    result is added to the residual: the attention output projection and the end of the
    feed-forward network (Houlsby et al., figure 2). Adapters, all layer norms (the embedding's
    too) and the classifier are ``task``. ``bottleneck`` is the adapters' inner width in elements,
    one for all or a list with one for each layer.
    ``shared_across_layers`` says whether all layers use one set of adapters; by default they do
    where the layers themselves share their parameters. The adapters' parameters are called
    ``adapters.attention.down.weight`` and so on where all layers share them, and
    ``adapters.3.attention.down.weight`` where layer 3 has its own.
    """

    method: Literal["houlsby"]
    bottleneck: Bottleneck
    shared_across_layers: bool | None = None

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with adapters.

        Raises ConfigError when it has no layers to adapt, or has adapters already.
        """
        hosts, form = _find_hosts(graph), _gelu_form(graph)
        shared = self.shared_across_layers
        if shared is None:
            shared = len({host.parameters for host, half in hosts if half == _HALVES[-1]}) == 1
        widths, branches = self._widths(graph.layers, shared=shared), {}
        for host, half in hosts:
            module = f"adapters.{half}" if shared else f"adapters.{host.layer}.{half}"
            added = _adapter(host, _prefix(host.layer, half), module, widths[host.layer or 0], form)
            chain = [host.name, *(operator.name for operator in added)]
            branches[host.name] = (added, [*pairwise(chain), (host.name, chain[-1])])
        operators, edges = extend(graph, branches)
        roles = assign_roles(operators, _role)
        return LayerGraph(roles, edges, sequence_length=graph.sequence_length)

    def _widths(self, layers: int, *, shared: bool) -> list[int]:
        """Return the bottleneck of every layer."""
        if not isinstance(self.bottleneck, list):
            return [self.bottleneck] * layers
        if len(self.bottleneck) != layers:
            raise ConfigError(
                f"bottleneck: expected {layers} numbers, one a layer, got {len(self.bottleneck)}"
            )
        if shared and len(set(self.bottleneck)) > 1:
            raise ConfigError(
                "bottleneck: layers that share one set of adapters have one bottleneck; set "
                "shared_across_layers to false, or give one number"
            )
        return self.bottleneck


def _role(operator: Operator, parameter: Parameter) -> Role:
    return Role.TASK if operator.kind is LAYER_NORM else parameter.role


def _prefix(layer: int | None, half: str) -> str:
    return f"encoder.{layer}.{half}_adapter"


def _find_hosts(graph: LayerGraph) -> list[tuple[Operator, str]]:
    """Return the products that end the halves of all layers, with the halves, in order."""
    if not graph.layers:
        raise ConfigError("houlsby adapters need encoder layers, but the graph has none")
    hosts: list[tuple[Operator, str]] = []
    for layer in range(graph.layers):
        operators = graph.layer_operators(layer)
        if f"{_prefix(layer, _HALVES[0])}.down" in graph:
            raise ConfigError(
                f"the graph has the adapter '{_prefix(layer, _HALVES[0])}' already; adapt the "
                "unadapted graph"
            )
        added = [below for o in operators if o.kind is ADD for below in graph.predecessors(o)]
        products = [each for each in added if each.kind is MATMUL and each.layer == layer]
        if len(products) != len(_HALVES):
            raise ConfigError(
                "houlsby adapters stand before the two residual additions of a layer, but layer "
                f"{layer} adds the result of {len(products)} products"
            )
        hosts += zip(products, _HALVES, strict=True)
    return hosts


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
