"""What an ONNX file holds: its graph, constants, and nodes that ONNX itself works out."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import ConfigError
from accelsim.inputs.extras import installation
from accelsim.inputs.files import is_file, read_bytes
from accelsim.model.tensors import Shape

# The attributes of a node by name, and what it reads.
Own = Mapping[str, Any]
Inputs = Sequence[Any]

_MOST_NODES, _MOST_ELEMENTS = 100_000, 1 << 31
# No shape arithmetic and no mask is larger; parameters are stored, not worked out.
_MOST_MADE = 1 << 28


class UnsupportedError(Exception):
    """A node that cannot be an operator, and why; ``node`` is None for the one at work."""

    def __init__(self, reason: str, node: Any = None) -> None:
        super().__init__(reason, node)
        self.reason, self.node = reason, node


@dataclass(frozen=True, eq=False)
class Constant:
    """A value that no activation decides: a parameter, shape arithmetic, or an input of numbers.

    ``name`` is that of the tensor that it was made of, element by element, or its own; ``module``
    is the place of the node that reads it. What depends on the numbers of tokens or on a mask
    comes from ``outside``.
    """

    name: str
    shape: Shape
    read: Callable[[], Any]
    outside: bool = False
    module: str = ""

    @cached_property
    def value(self) -> Any:
        """The array."""
        return self.read()

    @property
    def elements(self) -> int:
        """Number of values."""
        return prod(self.shape)


def load_onnx(path: Path) -> Any:
    """Return the model of a file, of an opset that the package knows. Raises ConfigError."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise ConfigError(f"{path}: reading ONNX needs a package: {installation('onnx')}") from None
    try:
        model = onnx.load_model_from_string(read_bytes(path))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; name an ONNX file") from None
    except (OSError, ValueError, DecodeError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or "it is truncated, damaged or of another kind"
        raise ConfigError(f"{path}: cannot be read as ONNX: {reason}") from None
    newest = onnx.defs.onnx_opset_version()
    opsets = [each.version for each in model.opset_import if each.domain in ("", "ai.onnx")]
    if not opsets or not 7 <= opsets[0] <= newest:
        given = opsets[0] if opsets else "none"
        raise ConfigError(f"{path}: expected an opset of 7 to {newest}, got {given}; convert it")
    if not model.graph.node or len(model.graph.node) > _MOST_NODES:
        count = len(model.graph.node)
        raise ConfigError(f"{path}: expected a graph of 1 to {_MOST_NODES} nodes, got {count}")
    return model


def tensor_constant(path: Path, name: str, tensor: Any) -> Constant:
    """Return the constant of a stored tensor; its values are read when they are asked for.

    Raises ConfigError for a shape that its data cannot fill, and for data outside the folder.
    """
    import onnx

    shape, where = tuple(tensor.dims), f"{path}: tensor '{name}'"
    if any(size < 0 for size in shape) or prod(shape) > _MOST_ELEMENTS:
        raise ConfigError(f"{where} claims the shape {shape}; it is damaged")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        about = {each.key: each.value for each in tensor.external_data}
        file, begin = _external(path, where, about)
        try:
            kind = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
        except (KeyError, TypeError):
            raise ConfigError(f"{where} is of an unknown type; it is damaged") from None
        size = prod(shape) * kind.itemsize
        told = int(about["length"]) if about.get("length", "").isdecimal() else size
        if begin < 0 or begin + max(size, told) > file.stat().st_size:
            raise ConfigError(f"{where}: '{file.name}' is shorter than its data; it is truncated")
        return Constant(name, shape, lambda: np.memmap(file, kind, "r", begin, shape))

    def read() -> Any:
        try:
            return onnx.numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"{where} is damaged: {error}") from None

    made = Constant(name, shape, read)
    if not tensor.raw_data or prod(shape) < _SMALL:
        _ = made.value  # a shape that its data does not fill is told at once
    elif len(tensor.raw_data) * 2 < prod(shape):
        raise ConfigError(f"{where} claims the shape {shape}; it is damaged")
    return made


_SMALL = 4096


def _external(path: Path, where: str, about: Mapping[str, str]) -> tuple[Path, int]:
    folder = path.parent.resolve()
    file = (folder / about.get("location", "")).resolve()
    if not file.is_relative_to(folder) or file == folder:
        raise ConfigError(f"{where}: its data lies outside the folder of the file")
    if not is_file(file):
        raise ConfigError(f"{where}: its data is missing; put '{file.name}' beside it")
    offset = about.get("offset", "0")
    if not offset.isdecimal():
        raise ConfigError(f"{where}: its offset is '{offset[:20]}'; it is damaged")
    return file, int(offset)


def is_integer(kind: Any) -> bool:
    """Say whether a type of NumPy, or one of fewer bits beside it, is of integers."""
    return str(kind).lstrip("u").startswith("int")


def name_of(node: Any) -> str:
    """Return what a message calls a node."""
    return str(node.name or node.output[0])[:100]


def attributes_of(node: Any) -> dict[str, Any]:
    """Return the values of a node's attributes by name."""
    import onnx

    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}


def needed_nodes(graph: Any) -> list[Any]:
    """Return the nodes that outputs depend on, in their order."""
    for node in graph.node:
        if not node.output:
            raise ConfigError(f"node '{node.name}' ({node.op_type}) makes nothing; it is damaged")
    wanted, found = {each.name for each in graph.output}, []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            found.append(node)
            wanted.update(names_read(node))
    # A cycle, or nodes in the wrong order, must not end up as dead ones.
    made = {name for node in found for name in node.output}
    left = [n for n in graph.node if n not in found] if wanted - made - {""} else []
    return found[::-1] if not left else list(graph.node)


def names_read(node: Any) -> list[str]:
    """Return the names that a node reads, those in its graphs that others make among them."""
    found = list(node.input)
    for graph in (each.g for each in node.attribute if each.HasField("g")):
        own = {t.name for t in (*graph.initializer, *graph.input)}
        own.update(name for inner in graph.node for name in inner.output)
        read = [name for inner in graph.node for name in names_read(inner)]
        found += [n for n in (*read, *(e.name for e in graph.output)) if n not in own]
    return found


def check_names(path: Path, graph: Any) -> None:
    """Raise ConfigError for a name that two tensors have."""
    stored = [each.name for each in graph.initializer]
    stored += [each.values.name for each in graph.sparse_initializer]
    given = {each.name for each in graph.input}
    made = [name for node in graph.node for name in node.output if name]
    inputs = [each.name for each in graph.input]
    for names in (stored, inputs, [*made, *given.union(stored)]):
        name, count = next(iter(Counter(names).most_common(1)), ("", 0))
        if count > 1:
            raise ConfigError(
                f"{path}: {count} tensors have the name '{name}'; it is damaged: give each its own"
            )


def sparse_constant(path: Path, sparse: Any) -> Constant:
    """Return the constant of a tensor of which the values that are not 0 are stored."""
    name, shape = sparse.values.name, tuple(sparse.dims)
    where = f"{path}: tensor '{name}'"
    if any(size < 0 for size in shape) or prod(shape) > _MOST_ELEMENTS:
        raise ConfigError(f"{where} claims the shape {shape}; it is damaged")
    values = tensor_constant(path, name, sparse.values)
    places = tensor_constant(path, name, sparse.indices)

    def read() -> Any:
        found = np.zeros(shape, values.value.dtype)
        flat = len(places.shape) == 1
        found[np.unravel_index(places.value, shape) if flat else tuple(places.value.T)] = (
            values.value
        )
        return found

    try:
        _ = Constant(name, shape, read).value
    except (ValueError, IndexError):
        raise ConfigError(
            f"{where}: its places lie outside its shape {shape}; it is damaged"
        ) from None
    return Constant(name, shape, read)


def times(given: Constant, scale: Constant | float) -> Constant:
    """Return a parameter times a scale, or one of each row."""
    if scale == 1:
        return given

    def read() -> Any:
        factor = np.asarray(scale.value if isinstance(scale, Constant) else scale, np.float32)
        wide = factor.reshape(-1, *[1] * (len(given.shape) - 1))
        return np.asarray(given.value, np.float32) * wide

    return replace(given, read=read)


def rows_of(constant: Constant, chosen: Sequence[int]) -> Constant:
    """Return some rows of a parameter, as one of its own."""
    name = f"{constant.name}[{chosen[0]}:{chosen[-1] + 1}]"
    shape = (len(chosen), *constant.shape[1:])
    return Constant(name, shape, lambda: constant.value[list(chosen)])


def shape_of(node: Any, given: Any) -> Constant:
    """Return what a Shape or Size makes of what has a shape."""
    own = attributes_of(node)
    shape = np.array(given.shape, np.int64)[own.get("start", 0) : own.get("end")]
    array = shape if node.op_type == "Shape" else np.array(prod(given.shape))
    return Constant(node.output[0], array.shape, lambda: array)


def work_out(node: Any, values: Sequence[Any], opset: int) -> list[Any]:
    """Return the outputs of a node, as ONNX's own reference computes them.

    Raises UnsupportedError for what would be too large.
    """
    import onnx

    _check_size(node, values)
    if node.op_type == "GatherElements":
        return [_chosen(values[0], values[1], attributes_of(node).get("axis", 0))]
    plain = onnx.NodeProto()
    plain.CopyFrom(node)
    plain.ClearField("name")
    plain.ClearField("doc_string")
    del plain.input[:], plain.output[:]
    plain.input.extend("" if value is None else f"i{n}" for n, value in enumerate(values))
    plain.output.extend(f"o{n}" for n in range(len(node.output)))
    given = {f"i{n}": value for n, value in enumerate(values) if value is not None}
    floats = [n for n, each in given.items() if "float" in str(np.asarray(each).dtype)]
    if len({np.asarray(given[n]).dtype for n in floats}) > 1:  # samples are float32
        given |= {n: _single(given[n]) for n in floats}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found: list[Any] = _evaluator(plain.SerializeToString(), opset).run(None, given)
        except RuntimeError as error:
            raise UnsupportedError(f"ONNX's reference cannot work it out: {error}") from None
    return found


def _single(given: Any) -> Any:
    """Return an array as float32; an epsilon of float16 as the number that was rounded to it."""
    array = np.asarray(given)
    tiny = array.dtype == np.float16 and array.size == 1 and abs(array).max() < 1e-3
    shortest = [float(str(each)) for each in array.reshape(-1)] if tiny else array
    return np.asarray(shortest, np.float32).reshape(array.shape)


def _chosen(values: Any, numbers: Any, axis: int) -> Any:
    """Return what GatherElements chooses; the reference fails where other axes are cut short."""
    cut = [slice(size) for size in np.shape(numbers)]
    cut[axis] = slice(None)
    try:
        return np.take_along_axis(np.asarray(values)[tuple(cut)], np.asarray(numbers), axis)
    except IndexError:
        raise UnsupportedError("it chooses elements beyond the end; it is damaged") from None


@lru_cache(maxsize=256)
def _evaluator(content: bytes, opset: int) -> Any:
    import onnx
    from onnx.reference import ReferenceEvaluator

    node, helper = onnx.NodeProto.FromString(content), onnx.helper
    ends = [
        [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            for name in names
            if name
        ]
        for names in (node.input, node.output)
    ]
    graph = helper.make_graph([node], "node", *ends)
    versions = [helper.make_opsetid("", _opset_with(node.op_type, opset))]
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=versions))


def _opset_with(kind: str, opset: int) -> int:
    """Return the opset, or the first that has a kind: optimizers put late ones into old graphs."""
    import onnx

    if onnx.defs.has(kind, opset):
        return opset
    every = onnx.defs.get_all_schemas_with_history()
    return min((e.since_version for e in every if e.name == kind and not e.domain), default=opset)


def _check_size(node: Any, values: Sequence[Any]) -> None:
    """Refuse what would make more values than any graph needs."""
    shapes = [np.shape(value) for value in values if value is not None]
    claimed = max((prod(shape) for shape in shapes), default=0)
    if node.op_type in ("Expand", "ConstantOfShape"):
        told = [int(size) for size in np.reshape(values[-1], -1)]
        claimed = max(claimed, prod(told))
    elif node.op_type == "Tile":
        claimed *= prod(int(size) for size in np.reshape(values[1], -1))
    elif node.op_type == "Range":
        start, limit, delta = (float(np.reshape(value, -1)[0]) for value in values)
        claimed = int(abs((limit - start) / delta)) if delta else 0
    elif node.op_type.startswith("Gather"):
        claimed = prod(shapes[1]) * (prod(shapes[0]) // max(1, shapes[0][0] if shapes[0] else 1))
    elif node.op_type in WORKED_OUT_TOGETHER:
        claimed = prod(np.broadcast_shapes(*shapes))
    if claimed > _MOST_MADE:
        raise UnsupportedError(f"it claims {claimed} values; the file is damaged")


# What is worked out of elements of several inputs, of elements and rows of one, and of rows.
_TOGETHER = """Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Max Min Mod Mul Or Pow
    PRelu Sub Where Xor"""
_ALONE = """Abs Cast Ceil Celu Clip Elu Erf Exp Floor Gelu HardSigmoid HardSwish IsInf IsNaN
    LeakyRelu Log LogSoftmax Mish Neg Not Reciprocal Relu Round Selu Sigmoid Sign Softmax
    Softplus Softsign Sqrt Swish Tanh ThresholdedRelu"""
WORKED_OUT_TOGETHER, FUNCTIONS = frozenset(_TOGETHER.split()), frozenset(_ALONE.split())
REDUCTIONS = frozenset({"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"})
# Constants may go through all of these, and through what only moves them.
_MOVED = """ArgMax BitShift Compress Concat ConstantOfShape Cos CumSum Einsum Expand EyeLike Flatten
    Gather GatherElements GatherND Gemm Identity MatMul NonZero OneHot Range ReduceProd Reshape
    ScatterElements ScatterND Sin Slice Split Squeeze Tile Transpose Trilu Unsqueeze"""
FOLDED = WORKED_OUT_TOGETHER | FUNCTIONS | REDUCTIONS | set(_MOVED.split())
