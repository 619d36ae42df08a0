"""Residual adapters: a convolution of one pixel at every larger one, in series or in parallel.

Rebuffi, Bilen and Vedaldi, "Learning multiple visual domains with residual adapters", NIPS 2017
(series), and "Efficient parametrization of multi-domain deep neural networks", CVPR 2018
(parallel), as released: srebuffi/residual_adapters, models.py. MEMTI (Donato et al., IEEE Micro
39(6), 2019) keeps what they leave frozen in dense non-volatile memory.
"""

from __future__ import annotations

from typing import Literal

from accelsim.errors import ConfigError
from accelsim.model.adaptations.base import Adaptation, Branch, extend, with_roles
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ADD, AFFINE, CONVOLUTION, MATMUL, Operator, Window
from accelsim.model.tensors import Parameter, Role


class Residual(Adaptation):
    """Puts a convolution of one pixel at every convolution of several within the layers.

    In ``series`` it reads their result, through a batch norm of its own; in ``parallel`` it reads
    what they read. Its result is added to theirs, before their batch norm. The adapters, all batch
    norms and the classifier are ``task``. The adapters' parameters are called like the
    convolution's, behind ``adapters.``. A depthwise convolution has none.
    """

    method: Literal["residual"]
    form: Literal["series", "parallel"]

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph with adapters.

        Raises ConfigError for one without such convolutions or without batch norms.
        """
        hosts = [operator for operator in graph.operators if _is_host(operator)]
        if not hosts:
            raise ConfigError(
                "residual adapters stand at convolutions of several pixels within layers, but the "
                "graph has none"
            )
        if not any(operator.kind is AFFINE for operator in graph.operators):
            raise ConfigError(
                "residual adapters train the batch norms, which are folded into frozen weights; "
                "set model.batch_norm to separate"
            )
        if f"{hosts[0].name}_adapter.add" in graph:
            raise ConfigError("the graph has residual adapters already; adapt the unadapted graph")
        make = _series if self.form == "series" else _parallel
        extended = extend(graph, {host.name: make(graph, host) for host in hosts})
        return with_roles(extended, lambda o, p: Role.TASK if o.kind is AFFINE else p.role)


def _is_host(operator: Operator) -> bool:
    window = operator.window if operator.kind is CONVOLUTION else None
    inside = operator.layer is not None and operator.groups == 1
    return window is not None and inside and window.taps > 1


def _series(graph: LayerGraph, host: Operator) -> Branch:
    rows, width, layer, name = host.rows, host.columns, host.layer, f"{host.name}_adapter"
    module = f"adapters.{host.parameters[0].module}"
    vectors = tuple(
        Parameter(f"{module}.norm.{part}", (width,), Role.TASK) for part in ("weight", "bias")
    )
    weight = Parameter(f"{module}.weight", (width, width), Role.TASK)
    norm, product, total = (f"{name}.{part}" for part in ("norm", "product", "add"))
    return [
        Operator(norm, AFFINE, rows, width, width, parameters=vectors, layer=layer),
        Operator(product, MATMUL, rows, width, width, parameters=(weight,), layer=layer),
        Operator(total, ADD, rows, width, width, layer=layer),
    ], [(host.name, norm), (norm, product), (product, total), (host.name, total)]


def _parallel(graph: LayerGraph, host: Operator) -> Branch:
    window, rows, width, name = host.window, host.rows, host.columns, f"{host.name}_adapter"
    assert window
    inputs = host.depth // window.taps
    own = Parameter(f"adapters.{host.parameters[0].module}.weight", (width, inputs), Role.TASK)
    plain = window.stride == (1, 1)
    one = None if plain else Window(window.picture, (1, 1), window.stride)
    kind, product, total = MATMUL if plain else CONVOLUTION, f"{name}.product", f"{name}.add"
    edges = [(source.name, product) for source in graph.predecessors(host)]
    return [
        Operator(product, kind, rows, width, inputs, 1, (own,), host.layer, window=one),
        Operator(total, ADD, rows, width, width, layer=host.layer),
    ], [*edges, (host.name, total), (product, total)]
