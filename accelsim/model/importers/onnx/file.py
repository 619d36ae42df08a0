"""Networks from ONNX files; no code is run.

Shape arithmetic and masks are worked out by ONNX's own reference, initializers and Constant nodes
become parameters, and what moves no data (Reshape, Transpose, Slice ...) leaves no operator. A
picture (1, C, H, W) is a matrix of a row a pixel and a column a channel; a product behind a
flattened one is a convolution of one window. Inputs of integers are numbers of tokens and masks:
they come from outside the graph, as look-ups and masks of a softmax.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import ConfigError
from accelsim.model.graph import LayerGraph
from accelsim.model.importers.onnx.fused import parts_of
from accelsim.model.importers.onnx.kinds import MAKERS, OWN_DOMAIN, REASONS, is_supported
from accelsim.model.importers.onnx.operated import operated
from accelsim.model.importers.onnx.parts import Value, gathered, look_up, settled
from accelsim.model.importers.onnx.placer import Placer, checked
from accelsim.model.importers.onnx.turned import Turned
from accelsim.model.importers.onnx.values import (
    FOLDED,
    Constant,
    Inputs,
    UnsupportedError,
    attributes_of,
    check_names,
    is_integer,
    load_onnx,
    name_of,
    names_read,
    needed_nodes,
    shape_of,
    sparse_constant,
    tensor_constant,
    work_out,
)
from accelsim.model.importers.onnx.views import as_input

_LISTED = 20
_DAMAGED = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError),
    *(AssertionError, MemoryError, RuntimeError),
)


@dataclass(frozen=True, eq=False)
class Imported:
    """What a file holds: its graph, ``parameters`` by name, and what is known of its ends.

    ``outside`` is what operators take from outside the graph, and ``state`` what they kept, by
    their names; ``rounded`` what integer formats do to what they make, and ``read_as`` to the first
    operand of products; ``outputs`` are those of the file, of which each sees an operator's matrix.
    """

    path: Path
    graph: LayerGraph
    outside: Mapping[str, Sequence[Any]]
    state: Mapping[str, Any]
    rounded: Mapping[str, Callable[[Any], Any]]
    read_as: Mapping[str, Callable[[Any], Any]]
    _values: Mapping[str, Constant]
    _outputs: Mapping[str, tuple[str, Value]]

    def parameters(self) -> dict[str, Any]:
        """Return the arrays of all parameters, float32. Raises ConfigError for damaged data."""
        return checked(self._values, self.path)

    def outputs(self, made: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs of the file, from what operators of these names have made."""
        return {
            name: gathered(value, made[operator][0])
            for name, (operator, value) in self._outputs.items()
        }

    @property
    def ends(self) -> frozenset[str]:
        """The operators that make the outputs."""
        return frozenset(operator for operator, _ in self._outputs.values())


def onnx_parameters(path: Path) -> dict[str, Any]:
    """Return the arrays of a file's parameters, by name; dynamic axes take sizes that are usual.

    Raises ConfigError as ``import_onnx``, and for damaged data.
    """
    return _Reader(path, load_onnx(path), {}, {}, usual=True).read().parameters()


def import_onnx(
    path: Path, shapes: Mapping[str, Sequence[int]], inputs: Mapping[str, Any] | None = None
) -> Imported:
    """Return what a file holds; ``shapes`` are those of inputs with dynamic axes, by name.

    ``inputs`` are arrays for a forward pass, by name.

    Raises ConfigError for a file that is none, data outside its folder, an axis without a value, a
    node that reads what nothing before it makes, and all nodes at once that are not supported.
    """
    return _Reader(path, load_onnx(path), shapes, inputs or {}).read()


class _Reader:
    """Goes through the nodes of one file, in order."""

    def __init__(
        self,
        path: Path,
        model: Any,
        shapes: Mapping[str, Sequence[int]],
        inputs: Mapping[str, Any],
        *,
        usual: bool = False,
    ) -> None:
        if model.functions:
            import onnx.inliner

            try:
                model = onnx.inliner.inline_local_functions(model)
            except Exception as error:  # noqa: BLE001 - its checker has errors of its own
                text = " ".join(str(error).split())[:200]
                raise ConfigError(f"{path}: its functions are damaged: {text}") from None
        self._path, self._source = path, model.graph
        self._shapes, self._inputs, self._usual = shapes, inputs, usual
        opset = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
        self._needed = needed_nodes(self._source)
        check_names(path, self._source)
        readers = Counter(name for node in self._needed for name in names_read(node))
        readers.update(each.name for each in self._source.output)
        self._placer = Placer(opset, readers)
        self._known: dict[str, Constant | Value | None] = {}
        self._unsupported: dict[str, str] = {}

    def read(self) -> Imported:
        """Return what the file holds."""
        for tensor in self._source.initializer:
            self._known[tensor.name] = tensor_constant(self._path, tensor.name, tensor)
        for sparse in self._source.sparse_initializer:
            self._known[sparse.values.name] = sparse_constant(self._path, sparse)
        asked = [each for each in self._source.input if each.name not in self._known]
        names = [each.name for each in asked]
        for name in {**self._shapes, **self._inputs}:
            if name not in names:
                raise self._error(
                    f"shapes: no input is called '{name}'; inputs: {', '.join(names)}"
                )
        self._known.update((each.name, self._input(each)) for each in asked)
        for node in self._needed:
            self._node(node)
        outputs = self._outputs()
        if self._unsupported:
            listed = list(self._unsupported.values())
            more = len(listed) - _LISTED
            raise self._error(
                f"{len(listed)} node{'s are' if len(listed) > 1 else ' is'} not supported: "
                f"{'; '.join(listed[:_LISTED])}{f'; and {more} more' if more > 0 else ''}"
            )
        graph, placer = self._placer.builder.build(), self._placer
        ends = (placer.outside, placer.state, placer.rounded, placer.read_as)
        return Imported(self._path, graph, *ends, placer.values, outputs)

    def _error(self, text: str) -> ConfigError:
        # Names in a damaged file may hold anything.
        return ConfigError(f"{self._path}: {text}".replace("\n", "\\n"))

    def _input(self, given: Any) -> Constant | Value:
        kind, name = given.type.tensor_type.elem_type, given.name
        dims = given.type.tensor_type.shape.dim
        told = self._shapes.get(name)
        shape = tuple(told) if told else tuple(d.dim_value for d in dims)
        if self._usual:
            size = 224 if len(dims) == 4 else 16
            shape = tuple(d.dim_value if d.dim_value > 0 else size for d in dims)
        array = self._inputs.get(name)
        shape = shape if array is None else tuple(np.shape(array))
        least = 0 if told or array is not None else 1  # a cache may be empty
        if len(shape) != len(dims):
            raise self._error(f"input '{name}' has {len(dims)} axes, got the shape {list(shape)}")
        if any(size < least for size in shape[1:]):
            raise self._error(
                f"input '{name}' has axes without a value; give all, such as shapes: "
                f"{{{name}: [1, {'128' if kind in _INTEGERS else '3, 224, 224'}]}}"
            )
        if told is None and array is None:
            if len(shape) and shape[0] > 1 and not self._usual:
                one = [1, *shape[1:]]
                raise self._error(
                    f"input '{name}' has {shape[0]} on its first axis: a batch, or rows of one "
                    f"input? say which: shapes: {{{name}: {one}}} or {{{name}: {list(shape)}}}"
                )
            shape = (1, *shape[1:]) if shape else ()
        if kind in _INTEGERS:
            # Tokens of number 0, and masks that hide nothing.
            usual = np.full(shape, "mask" in name or kind == _BOOL, np.int64).astype(
                _INTEGERS[kind]
            )
            values = usual if array is None else np.asarray(array)
            return Constant(name, shape, lambda: values, outside=True)
        if prod(shape) > _MOST_INPUT:
            raise self._error(f"input '{name}' claims the shape {shape}; it is damaged")
        if len(shape) > 3 and shape[0] > 1:
            raise self._error(f"input '{name}' has the shape {list(shape)}; one picture at a time")
        return as_input(shape, array)

    # -- nodes ---------------------------------------------------------------------------------

    def _node(self, node: Any) -> None:
        for name in node.input:
            if name and name not in self._known:
                raise self._error(
                    f"node '{name_of(node)}' reads '{name}', which nothing before it makes; the "
                    "graph is cyclic or damaged"
                )
        inputs = [self._known[name] if name else _ABSENT for name in node.input]
        supported = is_supported(node)
        try:
            if any(each is None for each in inputs) and supported:
                made: list[Any] = []  # what it reads is not supported, and listed
            else:
                made = self._made(node, [None if each is _ABSENT else each for each in inputs])
        except UnsupportedError as error:
            self._note(error.node or node, error.reason)
            made = []
        except _DAMAGED as error:
            raise self._damaged(node, error) from None
        self._known.update(dict.fromkeys(node.output))
        self._known.update(zip(node.output, made, strict=False))

    def _damaged(self, node: Any, error: Exception) -> ConfigError:
        text = " ".join(str(error).split())[:200] or "it is damaged"
        if isinstance(error, AttributeError):
            text = (
                "an input is missing, or an activation where a constant is expected, or the reverse"
            )
        return self._error(f"node '{name_of(node)}' ({node.op_type}): {text}")

    def _note(self, node: Any, reason: str) -> None:
        kind = node.op_type if node.domain in OWN_DOMAIN else f"{node.domain}.{node.op_type}"
        self._unsupported[node.output[0]] = f"{name_of(node)} ({kind}): {reason}"

    def _made(self, node: Any, inputs: Inputs) -> list[Any]:
        kind = node.op_type
        if not is_supported(node):
            raise UnsupportedError(REASONS.get(node.domain, "accelsim has no such operator"))
        parts = parts_of(node, inputs, self._made)
        if parts is not None:
            return parts
        if kind == "Constant":
            return [self._constant(node)]
        if kind == "If":
            return self._branch(node, *inputs)
        if kind in ("Shape", "Size"):
            return [shape_of(node, inputs[0])]
        if kind == "Gather" and all(isinstance(each, Constant) for each in inputs):
            table, numbers = inputs
            matrix = (
                len(table.shape) == 2 and not table.outside and not attributes_of(node).get("axis")
            )
            kept = is_integer(table.value.dtype) and table.value.dtype.itemsize > 1
            if matrix and (numbers.outside or not (kept or table.value.dtype == bool)):
                return [look_up(table, numbers)]
        if kind in ("MatMul", "Gemm", "Conv") and _is_given(inputs):
            inputs = [as_input(inputs[0].shape, inputs[0].value), *inputs[1:]]
        plain = kind not in ("QuantizeLinear", "DequantizeLinear")
        if plain and all(each is None or isinstance(each, Constant) for each in inputs):
            return self._folded(node, inputs)
        maker = MAKERS.get(kind)
        if maker is None:
            raise UnsupportedError("is for shapes and constants alone, not for activations")
        return operated(self._placer, maker, node, inputs)

    def _branch(self, node: Any, condition: Any) -> list[Any]:
        """Return what the branch makes that an If takes."""
        if not isinstance(condition, Constant):
            raise UnsupportedError("its condition depends on activations")
        taken = "then_branch" if condition.value.all() else "else_branch"
        graph = attributes_of(node)[taken]
        for tensor in graph.initializer:
            self._known[tensor.name] = tensor_constant(self._path, tensor.name, tensor)
        for each in graph.node:
            self._node(each)
        return [self._known[each.name] for each in graph.output]

    def _constant(self, node: Any) -> Constant:
        ((key, given),) = attributes_of(node).items()
        name = node.output[0]
        if key == "value":
            return tensor_constant(self._path, name, given)
        if key == "sparse_value":
            return replace(sparse_constant(self._path, given), name=name)
        array = np.asarray(given, np.float32 if key in ("value_float", "value_floats") else None)
        return Constant(name, array.shape, lambda: array)

    def _folded(self, node: Any, inputs: Sequence[Constant | None]) -> list[Constant]:
        """Return what a node of constants makes; what keeps their number keeps their name."""
        if node.op_type not in FOLDED:
            raise UnsupportedError("accelsim has no such operator")
        given = [each for each in inputs if each]
        outside = any(each.outside for each in given)
        if node.op_type == "ConstantOfShape":
            return [self._filled(node, given[0])]
        values = [None if each is None else each.value for each in inputs]
        made = work_out(node, values, self._placer.opset)
        largest = max(given, key=lambda each: each.elements) if given else None
        found = []
        for name, array in zip(node.output, map(np.asarray, made), strict=True):
            same = largest and largest.elements == array.size > 1 and array.dtype.kind == "f"
            own = largest.name if same and largest else name
            found.append(Constant(own, array.shape, partial(np.asarray, array), outside))
        return found

    def _filled(self, node: Any, told: Constant) -> Constant:
        name, shape = node.output[0], tuple(int(size) for size in told.value.reshape(-1))
        if any(size < 0 for size in shape) or prod(shape) > _MOST_FILLED:
            raise ConfigError(
                f"{self._path}: tensor '{name}' claims the shape {shape}; it is damaged"
            )
        one, value = np.zeros(1, np.float32), attributes_of(node).get("value")
        if value is not None:
            one = tensor_constant(self._path, name, value).value
        filled = np.broadcast_to(one.reshape(-1)[0], shape)
        return Constant(name, shape, lambda: filled, told.outside)

    def _outputs(self) -> dict[str, tuple[str, Value]]:
        found = {}
        for each in self._source.output:
            value = self._known.get(each.name)
            if not isinstance(value, (Value, Turned)):
                continue
            makers = [node for node in self._needed if each.name in node.output]
            try:
                value = value.told(self._placer) if isinstance(value, Turned) else value
                value = value if value.made.is_placed else settled(value, first=True)
                operator = value.made.place(self._placer)
            except UnsupportedError as error:
                self._note(error.node or makers[0], error.reason)
                continue
            except _DAMAGED as error:
                raise self._damaged(makers[0], error) from None
            if operator:
                found[each.name] = (operator, value)
        if not found and not self._unsupported:
            raise self._error("no output depends on an input; expected a graph that computes one")
        return found


def _is_given(inputs: Sequence[Any]) -> bool:
    """Say whether weights multiply what is worked out of tokens, such as ones for each of them."""
    value, weight, *_ = inputs
    outside = isinstance(value, Constant) and value.outside
    return outside and isinstance(weight, Constant) and min(weight.shape[:2], default=1) > 1


_ABSENT = Constant("", (0,), lambda: None)
_BOOL = 9
_INTEGERS = {2: "u1", 3: "i1", 5: "i2", 6: "i4", 7: "i8", 9: "?", 12: "u4", 13: "u8"}
_MOST_INPUT, _MOST_FILLED = 1 << 28, 1 << 31
