"""Networks from ONNX files: convolutions, products and functions of one input; no code is run.

Shape arithmetic is folded away, initializers and Constant nodes become parameters, and what moves
no data (Reshape, Identity, Dropout ...) leaves no operator. A picture (1, C, H, W) is a matrix of a
row a pixel and a column a channel; a product behind a flattened one is a convolution of one window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.files import is_file
from accelsim.model.builder import GraphBuilder
from accelsim.model.graph import LayerGraph
from accelsim.model.importers.onnx_values import (
    FOLDS,
    Constant,
    Value,
    attributes_of,
    load_onnx,
    name_of,
    picture_of,
    window_of,
)
from accelsim.model.operators import (
    ADD,
    AFFINE,
    AVERAGE_POOL,
    GELU,
    MAX_POOL,
    MULTIPLY,
    RELU,
    SOFTMAX,
    TANH,
    OperatorKind,
    Window,
)
from accelsim.model.tensors import Role, Shape

_MOST_ELEMENTS, _SMALL = 1 << 31, 4096
_LISTED = 20
_DAMAGED = (
    ConfigError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
)
_FUNCTIONS: Mapping[str, OperatorKind] = {"Tanh": TANH, "Gelu": GELU, "Softmax": SOFTMAX}
_VIEWS = frozenset(
    {"Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose"}
)


def read_graph(path: Path, shapes: Mapping[str, Sequence[int]]) -> LayerGraph:
    """Return the graph of a file; ``shapes`` are those of inputs with dynamic axes, by name.

    Raises ConfigError for a file that is none, data outside its folder, an axis without a value, a
    node that reads what nothing before it makes, and all nodes at once that are not supported.
    """
    return _Reader(path, load_onnx(path), shapes).graph()


class _Reader:
    """Goes through the nodes of one file, in order."""

    def __init__(self, path: Path, graph: Any, shapes: Mapping[str, Sequence[int]]) -> None:
        self._path, self._source, self._shapes = path, graph, shapes
        self._builder = GraphBuilder(1)
        self._known: dict[str, Constant | Value] = {"": Constant("", (0,))}
        self._unsupported: list[str] = []
        self._layer, self._number = -1, 0

    def graph(self) -> LayerGraph:
        """Return the layer graph."""
        for tensor in self._source.initializer:
            self._known[tensor.name] = self._constant(tensor.name, tensor)
        for each in self._source.input:
            if each.name not in self._known:
                self._known[each.name] = self._input(each)
        for node in self._source.node:
            self._place(node)
        if self._unsupported:
            listed = ", ".join(self._unsupported[:_LISTED])
            more = len(self._unsupported) - _LISTED
            raise self._error(
                f"{len(self._unsupported)} nodes are not supported: {listed}"
                f"{f' and {more} more' if more > 0 else ''}"
            )
        return self._builder.build()

    # -- values --------------------------------------------------------------------------------

    def _error(self, text: str) -> ConfigError:
        return ConfigError(f"{self._path}: {text}")

    def _constant(self, name: str, tensor: Any) -> Constant:
        import onnx

        shape = tuple(tensor.dims)
        if any(size < 0 for size in shape) or prod(shape) > _MOST_ELEMENTS:
            raise self._error(f"tensor '{name}' claims the shape {shape}; it is damaged")
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            self._check_external(name, {each.key: each.value for each in tensor.external_data})
            return Constant(name, shape)
        if prod(shape) > _SMALL:
            return Constant(name, shape)
        try:
            return Constant(name, shape, onnx.numpy_helper.to_array(tensor))
        except (ValueError, TypeError) as error:
            raise self._error(f"tensor '{name}' is damaged: {error}") from None

    def _check_external(self, name: str, about: Mapping[str, str]) -> None:
        folder = self._path.parent.resolve()
        file = (folder / about.get("location", "")).resolve()
        if not file.is_relative_to(folder) or file == folder:
            raise self._error(f"tensor '{name}': its data lies outside the folder of the file")
        if not is_file(file):
            raise self._error(f"tensor '{name}': its data is missing; put '{file.name}' beside it")

    def _input(self, given: Any) -> Value:
        dims = given.type.tensor_type.shape.dim
        told = self._shapes.get(given.name)
        shape = tuple(told) if told else tuple(d.dim_value for d in dims)
        if len(shape) != len(dims) or any(size < 1 for size in shape[1:]):
            raise self._error(
                f"input '{given.name}' has axes without a value; give all, such as shapes: "
                f"{{{given.name}: [1, 3, 224, 224]}}"
            )
        return Value(None, (1, *shape[1:]), picture_of(shape))

    def _read(self, node: Any, at: int) -> Constant | Value:
        name = node.input[at]
        if name not in self._known:
            raise self._error(
                f"node '{name_of(node)}' reads '{name}', which nothing before it makes; the graph "
                "is cyclic or damaged"
            )
        return self._known[name]

    # -- nodes ---------------------------------------------------------------------------------

    def _place(self, node: Any) -> None:
        inputs, made = [self._read(node, at) for at in range(len(node.input))], None
        if not node.output:
            raise self._error(f"node '{node.name}' ({node.op_type}) makes nothing; it is damaged")
        try:
            made = self._made(node, inputs)
        except _DAMAGED as error:
            # Behind what is not supported, shapes are unknown.
            if not self._unsupported:
                text = str(error) or "it is damaged"
                raise self._error(f"node '{name_of(node)}' ({node.op_type}): {text}") from None
            made = inputs[0] if node.op_type in _PLACED else None
        if made is None:
            self._unsupported.append(f"{name_of(node)} ({node.op_type})")
            # What reads it is told of its own.
            made = inputs[0] if inputs else Constant(node.output[0], (1,))
        self._known[node.output[0]] = made

    def _made(self, node: Any, inputs: Sequence[Constant | Value]) -> Constant | Value | None:
        if all(isinstance(each, Constant) for each in inputs) or node.op_type == "Shape":
            return self._folded(node, inputs)
        first = inputs[0]
        if node.op_type in _VIEWS and isinstance(first, Value):
            return self._view(node, first, inputs[1:])
        values = [each for each in inputs if isinstance(each, Value)]
        constants = [each for each in inputs if isinstance(each, Constant)]
        if node.op_type in _FUNCTIONS and isinstance(first, Value):
            return self._same(_FUNCTIONS[node.op_type], first)
        maker = _PLACED.get(node.op_type)
        if maker is None or any(value.operator is None for value in values[1:]):
            return None
        return maker(self, attributes_of(node), values, constants)

    def _folded(self, node: Any, inputs: Sequence[Constant | Value]) -> Constant | None:
        """Return what a node of constants makes: shapes are worked out, others only named."""
        import numpy as np

        name, about = node.output[0], attributes_of(node)
        if node.op_type == "Constant":
            tensor = about.get("value")
            return self._constant(name, tensor) if hasattr(tensor, "dims") else None
        if node.op_type == "Shape":
            return Constant(name, (len(inputs[0].shape),), np.array(inputs[0].shape))
        values = [each.value for each in inputs if isinstance(each, Constant) and each.name]
        if any(value is None for value in values):
            return None
        if node.op_type == "ConstantOfShape":
            shape = tuple(int(size) for size in values[0].reshape(-1))
            if prod(shape) > _MOST_ELEMENTS or any(size < 0 for size in shape):
                raise self._error(f"tensor '{name}' claims the shape {shape}; it is damaged")
            return Constant(name, shape)
        fold = FOLDS.get(node.op_type)
        found = None if fold is None else np.asarray(fold(values, about))
        return None if found is None else Constant(name, found.shape, found)

    def _view(self, node: Any, value: Value, others: Sequence[Any]) -> Value | None:
        count = prod(value.shape)
        if node.op_type == "Transpose":
            perm = attributes_of(node).get("perm", [])
            shape = tuple(value.shape[axis] for axis in perm)
            moved = prod(value.picture) > 1 and list(perm) not in ([0, 2, 3, 1], [0, 3, 1, 2])
            return None if moved or not shape else Value(value.operator, shape, value.picture)
        if node.op_type in ("Identity", "Dropout"):
            return value
        told = getattr(others[0], "value", None) if others else None
        shape = (1, count)
        if node.op_type == "Reshape":
            if told is None:
                return None
            sizes = [value.shape[n] if s == 0 else int(s) for n, s in enumerate(told.reshape(-1))]
            known = prod(size for size in sizes if size > 0)
            shape = tuple(count // known if size < 0 else size for size in sizes)
        if prod(shape) != count or sum(size > 1 for size in shape) > 1:
            return None
        return Value(value.operator, shape, value.picture)

    # -- operators -----------------------------------------------------------------------------

    def _start(self, kind: str, *, layer: bool = False) -> str:
        """Return the name of the next operator; those that gather pixels begin a layer."""
        if layer:
            self._layer += 1
        part = max(0, self._layer)
        self._builder.enter("graph", part, layer=part)
        self._number += 1
        return f"{kind}{self._number}"

    def _parameters(
        self, constants: Iterable[Constant], shapes: Iterable[Shape]
    ) -> tuple[Any, ...]:
        return tuple(
            self._builder.parameter(each.name, shape, Role.BACKBONE)
            for each, shape in zip(constants, shapes, strict=False)
        )

    def _conv(self, about: dict[str, Any], values: Any, constants: Any) -> Value | None:
        (value,), (weight, *bias) = values, constants
        if len(weight.shape) != 4 or any(d != 1 for d in about.get("dilations", [1])):
            return None
        outputs, depth, *kernel = weight.shape
        window, groups = window_of(value.picture, tuple(kernel), about), about.get("group", 1)
        if depth * groups != value.channels:
            raise ValueError(f"weights for {depth * groups} channels, got {value.channels}")
        return self._windowed("convolution", value, weight, bias, (outputs, depth), window, groups)

    def _windowed(
        self,
        kind: str,
        value: Value,
        weight: Constant,
        bias: Sequence[Constant],
        shape: tuple[int, int],
        window: Window,
        groups: int = 1,
    ) -> Value:
        from accelsim.model.operators import CONVOLUTION, MATMUL

        outputs, channels = shape
        depth = channels * window.taps
        own = self._parameters((weight, *bias), ((outputs, depth), (outputs,)))
        sources = () if value.operator is None else (value.operator,)
        plain = window.kernel == window.stride == (1, 1) and not any(window.padding) and groups == 1
        sizes: dict[str, Any] = {"rows": window.rows, "columns": outputs, "depth": depth}
        if not plain:
            sizes |= {"window": window, "groups": groups}
        name = self._start(kind, layer=not plain)
        made = self._builder.place(
            name, MATMUL if plain else CONVOLUTION, *sources, **sizes, parameters=own
        )
        return Value(made, (1, outputs, *window.made), window.made)

    def _gemm(self, about: dict[str, Any], values: Any, constants: Any) -> Value | None:
        (value,), (weight, *bias) = values, constants
        outputs, inputs = weight.shape if about.get("transB") else weight.shape[::-1]
        if inputs != prod(value.shape):
            return None
        window = Window(value.picture, value.picture)
        made = self._windowed("product", value, weight, bias, (outputs, value.channels), window)
        return Value(made.operator, (1, outputs))

    def _matmul(self, about: dict[str, Any], values: Any, constants: Any) -> Value | None:
        if len(values) != 1 or len(constants) != 1 or len(constants[0].shape) != 2:
            return None
        return self._gemm({}, values, constants)

    def _batchnormalization(self, about: dict[str, Any], values: Any, constants: Any) -> Value:
        (value,) = values
        own = self._parameters(constants[:2], [(value.channels,)] * 2)
        return self._same(AFFINE, value, parameters=own)

    def _relu(self, about: dict[str, Any], values: Any, constants: Any) -> Value:
        return self._same(RELU, values[0])

    def _clip(self, about: dict[str, Any], values: Any, constants: Any) -> Value | None:
        bounds = [about.get("min"), about.get("max")]
        if constants:
            bounds = [None if each.value is None else float(each.value) for each in constants]
        forms = {(0.0, 6.0): "6", (0.0, None): ""}
        key = (bounds[0], bounds[1] if len(bounds) > 1 else None)
        return self._same(RELU, values[0], form=forms[key]) if key in forms else None

    def _add(self, about: dict[str, Any], values: Any, constants: Any) -> Value | None:
        alike = {value.shape for value in values}
        if constants or len(alike) > 1 or len({v.operator for v in values}) < len(values):
            return None
        return self._same(ADD, *values)

    def _mul(self, about: dict[str, Any], values: Any, constants: Any) -> Value | None:
        first, *rest = values
        if constants or any(each.shape != first.shape for each in rest) or first in rest:
            return None
        return self._same(MULTIPLY, *values)

    def _maxpool(self, about: dict[str, Any], values: Any, constants: Any) -> Value | None:
        return self._pool(MAX_POOL, about, values[0])

    def _averagepool(self, about: dict[str, Any], values: Any, constants: Any) -> Value | None:
        return self._pool(AVERAGE_POOL, about, values[0])

    def _globalaveragepool(
        self, about: dict[str, Any], values: Any, constants: Any
    ) -> Value | None:
        return self._pool(AVERAGE_POOL, {"kernel_shape": values[0].picture}, values[0])

    def _pool(self, kind: OperatorKind, about: dict[str, Any], value: Value) -> Value | None:
        if about.get("ceil_mode") or value.operator is None or len(about["kernel_shape"]) != 2:
            return None
        window = window_of(value.picture, tuple(about["kernel_shape"]), about)
        made = self._builder.pool(self._start(kind.name, layer=True), kind, value.operator, window)
        return Value(made, (1, value.channels, *window.made), window.made)

    def _same(
        self, kind: OperatorKind, *values: Value, parameters: Any = (), form: str = ""
    ) -> Value:
        """Place a function that keeps the shape."""
        sources = [value.operator for value in values if value.operator]
        first = values[0]
        rows = {} if sources else {"rows": prod(first.picture), "columns": first.channels}
        own = {"parameters": parameters, "form": form, **rows}
        made = self._builder.place(self._start(kind.name), kind, *sources, **own)
        return Value(made, first.shape, first.picture)


_PLACED = {
    "Add": _Reader._add,
    "AveragePool": _Reader._averagepool,
    "BatchNormalization": _Reader._batchnormalization,
    "Clip": _Reader._clip,
    "Conv": _Reader._conv,
    "Gemm": _Reader._gemm,
    "GlobalAveragePool": _Reader._globalaveragepool,
    "MatMul": _Reader._matmul,
    "MaxPool": _Reader._maxpool,
    "Mul": _Reader._mul,
    "Relu": _Reader._relu,
    "Sum": _Reader._add,
}
