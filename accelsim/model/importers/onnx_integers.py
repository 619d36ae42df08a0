"""Products and functions of integers: what they are with the numbers that these stand for.

Weights are integers less their zero point, times their scale. Activations are taken as they are:
what rounding them does to a result is not simulated [ours]. A range that begins at zero is a ReLU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from accelsim.model.importers.onnx_elements import elements
from accelsim.model.importers.onnx_parts import Look, Value
from accelsim.model.importers.onnx_placer import Placer
from accelsim.model.importers.onnx_products import conv, gemm, matmul
from accelsim.model.importers.onnx_rows import pool
from accelsim.model.importers.onnx_values import Constant, UnsupportedError, is_integer
from accelsim.model.importers.onnx_views import concat


def dequantised(placer: Placer, node: Any, own: Mapping[str, Any], inputs: Sequence[Any]) -> Any:
    """Return what integers of a parameter, or of a table, stand for; activations as they are."""
    value, scale, *zero = inputs
    return number(value, scale, zero[0] if zero else None, own.get("axis", 1))


def quantised(placer: Placer, node: Any, own: Mapping[str, Any], inputs: Sequence[Any]) -> Any:
    """Return the integers of a parameter; activations as they are."""
    import numpy as np

    given, scale, *zeros = inputs
    zero = zeros[0] if zeros else None
    if not isinstance(given, Constant):
        return _clipped(placer, node, given, zero)

    def read() -> Any:
        at = _along(given, own.get("axis", 1))
        kind = np.asarray(zero.value).dtype if zero else np.dtype(np.uint8)
        found = np.rint(given.value / at(scale)) + (at(zero) if zero else 0)
        return found.clip(np.iinfo(kind).min, np.iinfo(kind).max)

    return replace(given, read=read)


def integer_product(
    placer: Placer, node: Any, own: Mapping[str, Any], inputs: Sequence[Any]
) -> Any:
    """Return the product of MatMulInteger or ConvInteger, whose scales are multiplied behind it."""
    value, weight, *zeros = inputs
    zero = zeros[1] if len(zeros) > 1 else None
    make, axis = (conv, 0) if node.op_type == "ConvInteger" else (matmul, -1)
    return make(placer, node, own, [value, number(weight, None, zero, axis)], integer=True)


def linear_product(placer: Placer, node: Any, own: Mapping[str, Any], inputs: Sequence[Any]) -> Any:
    """Return the product of QLinearConv, QLinearMatMul or QGemm."""
    value, scale, _, weight, weight_scale, zero, *rest = inputs
    convolves, general = node.op_type == "QLinearConv", node.op_type == "QGemm"
    axis = 0 if convolves or own.get("transB") else -1
    given = [value, number(weight, weight_scale, zero, axis)]
    bias = rest[2] if convolves and len(rest) > 2 else rest[0] if general and rest else None
    if bias is not None:
        given.append(number(bias, _times(scale, weight_scale), None, 0))
    make = conv if convolves else gemm if general else matmul
    made = make(placer, node, own, given)
    return _clipped(placer, node, made, rest[1] if len(rest) > 1 and not general else None)


def linear_function(
    placer: Placer, node: Any, own: Mapping[str, Any], inputs: Sequence[Any]
) -> Any:
    """Return what QLinearAdd, QLinearConcat, QLinearSoftmax and their kind are of numbers."""
    import onnx

    kind = node.op_type.removeprefix("QLinear")
    begin, count = (2, len(inputs) - 2) if kind == "Concat" else (0, _OPERANDS[kind] * 3)
    chosen = range(begin, begin + count, 3)
    numbers = [number(inputs[at], inputs[at + 1], inputs[at + 2], 0) for at in chosen]
    plain = onnx.helper.make_node(kind, [node.input[at] for at in chosen], node.output, node.name)
    make = concat if kind == "Concat" else elements
    made = make(placer, plain, own, numbers)
    return _clipped(placer, node, made, inputs[7] if kind == "Add" and len(inputs) > 7 else None)


def _clipped(placer: Placer, node: Any, value: Any, zero: Constant | None) -> Any:
    """Return the ReLU that a zero point at the end of its range is; the value where it is not."""
    import numpy as np
    import onnx

    if zero is None or not value.made.signed or np.asarray(zero.value).dtype.kind not in "iu":
        return value
    if (zero.value != np.iinfo(zero.value.dtype).min).any():
        return value
    relu = onnx.helper.make_node("Relu", [""], node.output, node.name)
    return elements(placer, relu, {}, [value])


def linear_pool(placer: Placer, node: Any, own: Mapping[str, Any], inputs: Sequence[Any]) -> Value:
    """Return the pooling that QLinearGlobalAveragePool or QLinearAveragePool is."""
    if own.get("channels_last"):
        raise UnsupportedError("channels_last 1, expected 0")
    return pool(placer, node, own, inputs[:1])


def number(given: Any, scale: Constant | None, zero: Constant | None, axis: int) -> Any:
    """Return what integers stand for; scales and zero points are those of an ``axis``, or one."""
    import numpy as np

    if isinstance(given, Value) and isinstance(given.made, Look):
        look = given.made
        if is_integer(look.table.value.dtype):
            return Look(number(look.table, scale, zero, axis), look.numbers).view(given)
    if not isinstance(given, Constant):
        return given

    def read() -> Any:
        values, at = np.asarray(given.value, np.float32), _along(given, axis)
        values = values if zero is None else values - at(zero)
        return values if scale is None else values * at(scale)

    return replace(given, read=read)


def _along(given: Constant, axis: int) -> Callable[[Constant], Any]:
    """Return what gives scales of an axis, or of blocks along it, the shape of what is scaled."""
    import numpy as np

    def shaped(each: Constant) -> Any:
        values = np.asarray(each.value, np.float32)
        if len(each.shape) == len(given.shape) > 1:
            blocks = -(-given.shape[axis] // each.shape[axis])
            return values.repeat(blocks, axis).take(range(given.shape[axis]), axis)
        shape = [1] * len(given.shape)
        if each.elements > 1:
            shape[axis] = each.elements
        return values.reshape(shape)

    return shaped


_OPERANDS = {"Add": 2, "Mul": 2, "Softmax": 1, "Sigmoid": 1, "LeakyRelu": 1}


def _times(first: Constant, second: Constant) -> Constant:
    return replace(second, read=lambda: first.value * second.value)
