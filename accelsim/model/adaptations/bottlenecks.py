"""What adapters of a bottleneck have in common: down, a function, up, in every layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from accelsim.errors import ConfigError
from accelsim.model.adaptations.base import Adaptation, Patterns, is_called, nothing_called
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ADD, MATMUL, Operator, OperatorKind
from accelsim.model.operators.activations import Activation, activation
from accelsim.model.tensors import Parameter, Role

HALVES = ("attention", "ffn")
Width = Annotated[int, Field(gt=0, le=1_000_000, examples=[64])]
Widths = Annotated[list[Width], Field(min_length=1)]
# By what is given, so that what is wrong with a number is told of a number.
Bottleneck = Annotated[
    Annotated[Width, Tag("one")] | Annotated[Widths, Tag("each")],
    Discriminator(lambda given: "each" if isinstance(given, list) else "one"),
]


class Bottlenecks(Adaptation):
    """Adapters at the ends of the halves of every layer: its attention, its feed-forward network.

    ``bottleneck`` is the adapters' inner width in elements, one for all or a list with one for
    each layer. ``shared_across_layers`` says whether all layers use one set of adapters; by default
    they do where the layers themselves share their parameters. The adapters' parameters are called
    ``adapters.attention.down.weight`` and so on where all layers share them, and
    ``adapters.3.attention.down.weight`` where layer 3 has its own.

    ``activation`` is the function inside, each method's own unless given.

    ``targets`` are patterns of the modules of products, or of their last parts, that adapters stand
    at instead, for layers of another kind; they are then called and shared like these modules.
    """

    bottleneck: Bottleneck
    shared_across_layers: bool | None = None
    targets: Patterns | None = None
    activation: Activation | None = None

    def adapters(
        self, graph: LayerGraph, kind: OperatorKind, form: str = ""
    ) -> Iterator[tuple[Operator, str, list[Operator]]]:
        """Yield the products that end the halves of all layers, the halves, and an adapter of each.

        An adapter is down, a function, up and a sum; targets are of no half. Raises ConfigError
        when there are no such layers or targets, or they have adapters already.
        """
        function = activation(self.activation) if self.activation else (kind, form)
        if self.targets is not None:
            widths = self._widths(graph.layers, shared=False)
            for host in self._targets(graph, self.targets):
                width, module = widths[host.layer or 0], f"adapters.{host.parameters[0].module}"
                yield host, "", _adapter(host, f"{host.name}_adapter", module, width, function)
            return
        hosts = self._hosts(graph)
        shared = self.shared_across_layers
        if shared is None:
            shared = len({host.parameters for host, half in hosts if half == HALVES[-1]}) == 1
        widths = self._widths(graph.layers, shared=shared)
        for host, half in hosts:
            module = f"adapters.{half}" if shared else f"adapters.{host.layer}.{half}"
            name, width = _prefix(host.layer, half), widths[host.layer or 0]
            yield host, half, _adapter(host, name, module, width, function)

    def _targets(self, graph: LayerGraph, patterns: list[str]) -> list[Operator]:
        """Return the products that the patterns match, in order."""
        products = [o for o in graph.operators if o.kind is MATMUL and o.parameters]
        frozen = [o for o in products if o.parameters[0].role is not Role.TASK]
        modules = [operator.parameters[0].module for operator in frozen]
        for pattern in patterns:
            if not any(is_called(module, pattern) for module in modules):
                raise nothing_called(f"{self.method}: no frozen product", pattern, modules)
        return [
            operator
            for operator, module in zip(frozen, modules, strict=True)
            if any(is_called(module, pattern) for pattern in patterns)
        ]

    def _hosts(self, graph: LayerGraph) -> list[tuple[Operator, str]]:
        if not graph.layers:
            raise ConfigError(f"{self.method} adapters need encoder layers, but the graph has none")
        hosts: list[tuple[Operator, str]] = []
        for layer in range(graph.layers):
            operators = graph.layer_operators(layer)
            for half in HALVES:
                if f"{_prefix(layer, half)}.down" in graph:
                    raise ConfigError(
                        f"the graph has the adapter '{_prefix(layer, half)}' already; adapt the "
                        "unadapted graph"
                    )
            added = [below for o in operators if o.kind is ADD for below in graph.predecessors(o)]
            products = [each for each in added if each.kind is MATMUL and each.layer == layer]
            if len(products) != len(HALVES):
                raise ConfigError(
                    f"{self.method} adapters stand before the two residual additions of a layer, "
                    f"but layer {layer} adds the result of {len(products)} products; name the "
                    "modules that they stand at as targets"
                )
            hosts += zip(products, HALVES, strict=True)
        return hosts

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


def _prefix(layer: int | None, half: str) -> str:
    return f"encoder.{layer}.{half}_adapter"


def _adapter(
    host: Operator, name: str, module: str, inner: int, function: tuple[OperatorKind, str]
) -> list[Operator]:
    (kind, form), rows, width, layer = function, host.rows, host.columns, host.layer
    down = _linear(f"{module}.down", inner, width)
    up = _linear(f"{module}.up", width, inner)
    return [
        Operator(f"{name}.down", MATMUL, rows, inner, width, parameters=down, layer=layer),
        Operator(f"{name}.{kind}", kind, rows, inner, inner, layer=layer, form=form),
        Operator(f"{name}.up", MATMUL, rows, width, inner, parameters=up, layer=layer),
        Operator(f"{name}.add", ADD, rows, width, width, layer=layer),
    ]


def _linear(module: str, outputs: int, inputs: int) -> tuple[Parameter, Parameter]:
    weight = Parameter(f"{module}.weight", (outputs, inputs), Role.TASK)
    return weight, Parameter(f"{module}.bias", (outputs,), Role.TASK)
