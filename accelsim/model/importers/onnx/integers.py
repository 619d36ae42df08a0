"""Products and functions of integers: what they are with the numbers that these stand for.

Weights are integers less their zero point, times their scale. Activations are rounded in a forward
pass where an operator makes or reads them; inside what is one operator here, and was several nodes,
they are not [ours]. A range that begins at zero is a ReLU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from accelsim.model.importers.onnx.elements import elements
from accelsim.model.importers.onnx.parts import Input, Look, Value
from accelsim.model.importers.onnx.placer import Placer
from accelsim.model.importers.onnx.products import conv, gemm, matmul
from accelsim.model.importers.onnx.rows import pool
from accelsim.model.importers.onnx.values import Constant, Inputs, Own, UnsupportedError, is_integer
from accelsim.model.importers.onnx.views import concat


def dequantised(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Any:
    """Return what integers of a parameter, or of a table, stand for; activations as they are."""
    value, scale, *zero = inputs
    return number(value, scale, zero[0] if zero else None, own.get("axis", 1))


def quantised(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Any:
    """Return the integers of a parameter; activations as they are."""
    given, scale, *zeros = inputs
    zero = zeros[0] if zeros else None
    if not isinstance(given, Constant):
        alone = placer.readers.get(node.input[0], 1) == 1
        return _ranged(placer, node, given, [scale, zero] if alone else [None, zero])

    def read() -> Any:
        at = _along(given, own.get("axis", 1))
        found = np.rint(given.value / at(scale)) + (at(zero) if zero else 0)
        bounds = _bounds(zero)
        return found.clip(*bounds) if bounds else found

    return replace(given, read=read)


def integer_product(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Any:
    """Return the product of MatMulInteger or ConvInteger, whose scales are multiplied behind it."""
    value, weight, *zeros = inputs
    zero = zeros[1] if len(zeros) > 1 else None
    make, axis = (conv, 0) if node.op_type == "ConvInteger" else (matmul, -1)
    return make(placer, node, own, [value, number(weight, None, zero, axis)], integer=True)


def linear_product(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Any:
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
    return _ranged(placer, node, made, rest[1:] if general else rest)


def linear_function(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Any:
    """Return what QLinearAdd, QLinearConcat, QLinearSoftmax and their kind are of numbers."""
    import onnx

    kind = node.op_type.removeprefix("QLinear")
    begin, count = (2, len(inputs) - 2) if kind == "Concat" else (0, _OPERANDS[kind] * 3)
    chosen = range(begin, begin + count, 3)
    numbers = [number(inputs[at], inputs[at + 1], inputs[at + 2], 0) for at in chosen]
    plain = onnx.helper.make_node(kind, [node.input[at] for at in chosen], node.output, node.name)
    make = concat if kind == "Concat" else elements
    made = make(placer, plain, own, numbers)
    return _ranged(placer, node, made, inputs if kind == "Concat" else inputs[begin + count :])


def _ranged(placer: Placer, node: Any, value: Any, told: Sequence[Constant | None]) -> Any:
    """Return a value in the format of a scale and a zero point, as far as they are ``told``.

    One whose zero point is the least integer is a ReLU.
    """
    import onnx

    scale, zero = [*told, None, None][:2]
    bounds = _bounds(zero)
    if zero and bounds and value.made.signed and (zero.value == bounds[0]).all():
        relu = onnx.helper.make_node("Relu", [""], node.output, node.name)
        value = elements(placer, relu, {}, [value])
    if scale and bounds and scale.elements == 1:
        return _rounded(value, scale, zero, bounds)
    return value


def _rounded(value: Value, scale: Constant, zero: Constant | None, bounds: Any) -> Value:
    """Return a value that is rounded where it is made."""
    step = np.float32(scale.value.reshape(()))
    middle = np.float32(zero.value.reshape(())) if zero else np.float32(0)

    def rounding(values: Any) -> Any:
        return ((np.rint(values / step) + middle).clip(*bounds) - middle) * step

    made = value.made
    if type(made) is Input:
        given = Input(made.rows, made.width)
        given.array = None if made.array is None else rounding(made.array)
        return replace(value, made=given, seen=given.view(value).seen)
    if value.seen.size == made.base.size:
        made.rounding = rounding
    return value


def _bounds(zero: Constant | None) -> tuple[int, int] | None:
    """Return the least and the greatest integer of a format, None for one of floats."""
    kind = str(np.asarray(zero.value).dtype) if zero else "uint8"
    if not is_integer(kind):
        return None
    bits, signed = int(kind.lstrip("uint")), not kind.startswith("u")
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def linear_pool(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return the pooling that QLinearGlobalAveragePool or QLinearAveragePool is."""
    if own.get("channels_last"):
        raise UnsupportedError("channels_last 1, expected 0")
    return _ranged(placer, node, pool(placer, node, own, inputs[:1]), inputs[3:])  # type: ignore[no-any-return]


def number(given: Any, scale: Constant | None, zero: Constant | None, axis: int) -> Any:
    """Return what integers stand for; scales and zero points are those of an ``axis``, or one."""
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
