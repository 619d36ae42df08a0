"""Products: with weights, of pictures, and of two activations of an attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from accelsim.model.importers.onnx.attention import Probabilities, Scores
from accelsim.model.importers.onnx.elements import vector_of
from accelsim.model.importers.onnx.functions import Function
from accelsim.model.importers.onnx.moved import moved_value
from accelsim.model.importers.onnx.parts import (
    Input,
    Made,
    Product,
    Value,
    gathered,
    joined,
    settled,
)
from accelsim.model.importers.onnx.placer import Placer
from accelsim.model.importers.onnx.values import Constant, Inputs, Own, UnsupportedError, times
from accelsim.model.operators import Window


def matmul(placer: Placer, node: Any, own: Any, inputs: Sequence[Any], **how: Any) -> Value:
    """Return a product with weights, or of two activations of an attention."""
    left, right = map(joined, inputs[:2])
    if isinstance(left, Constant):
        raise UnsupportedError("its weights stand before the activation")
    if isinstance(right, Constant):
        return _linear(placer, node, left, _turned(right), None, **how)
    axis, groups = right.repeated
    if groups > 1 and axis >= len(right.shape) - 2:
        raise UnsupportedError("it repeats rows or columns of an activation")
    right = replace(right, repeated=(0, 1))
    if isinstance(right.made, (Product, Function)) or left.made is not right.made:
        left, right = settled(left), settled(right)
    if isinstance(left.made, Probabilities):
        return _context(placer, left.made, left, right, groups)
    return _scores(placer, left, right, groups)


def _scores(placer: Placer, left: Value, right: Value, groups: int) -> Value:
    heads, rows, depth = prod(left.shape[:-2]), *left.shape[-2:]
    (query, first), (key, second) = _unscaled(left.made), _unscaled(right.made)
    if groups == 1 and _heads(left.seen) != (heads, rows, depth, depth, heads * depth):
        # Windows of a picture: each head of each window is a head, which takes a copy.
        left = side_by_side(placer, replace(left, made=query), -2)
        right = side_by_side(placer, replace(right, made=key), -1)
        query, key = left.made, right.made
    turned = _heads(right.seen.swapaxes(-1, -2)) if right.seen.ndim > 1 else ()
    if (
        _heads(left.seen) != (heads, rows, depth, depth, heads * depth)
        or turned != (heads // groups, key.rows, depth, depth, heads // groups * depth)
        or heads % groups
        or rows != query.rows
    ):
        raise UnsupportedError("it multiplies two activations, but not queries by keys of heads")
    for each in (query, key):
        each.place(placer)
    made = Scores(query, key, heads, first * second, groups)
    return Value(made, made.base.reshape(*left.shape[:-1], key.rows))


def side_by_side(placer: Placer, value: Value, rows: int) -> Value:
    """Return a copy of which one axis are the rows, and all others lie side by side in them."""
    moved, axes = moved_value(value), len(value.shape)
    if moved is None:
        raise UnsupportedError("it multiplies two activations, but not queries by keys of heads")
    return moved.told(placer, [at for at in range(axes) if at != rows % axes])


def _context(placer: Placer, soft: Probabilities, left: Value, right: Value, groups: int) -> Value:
    scores = soft.scores
    heads, rows, width = scores.heads, scores.query.rows, right.shape[-1]
    if groups == 1 and prod(right.shape[:-3]) > 1:
        right = side_by_side(placer, right, -2)
    value, kept = right.made, heads // groups
    if groups != scores.groups or _heads(right.seen) != (
        kept,
        value.rows,
        width,
        width,
        kept * width,
    ):
        raise UnsupportedError("it multiplies probabilities by what is not values of heads")
    made = Made(rows, heads * width, lambda placer: placer.attention(scores, value, soft.rounding))
    made.place(placer)
    seen = made.base.reshape(rows, heads, width).swapaxes(0, 1)
    return Value(made, seen.reshape(*left.shape[:-1], width))


def _linear(
    placer: Placer, node: Any, value: Value, weight: Constant, bias: Constant | None, **how: Any
) -> Value:
    """Return a product with a weight of (outputs, depth)."""
    if len(weight.shape) != 2 or weight.outside:
        raise UnsupportedError("its weights are no matrix")
    if weight.shape[1] != value.shape[-1]:
        raise UnsupportedError(f"weights for {weight.shape[1]} values, got {value.shape[-1]}")
    weight = replace(weight, module=_module(node))
    if value.order is not None or value.shape[-1] != value.made.width:
        return _flat(placer, value, weight, bias, **how)
    value = settled(value, first=True)
    rows = value.seen.size // value.made.width
    form = ""
    if not value.whole:
        last = (value.made.rows - 1) * value.made.width
        form = "last" if rows == 1 and value.offset == last and last else ""
        if not form and value.offset:
            raise UnsupportedError("it reads a part of what another operator makes")
    if not value.seen.flags.c_contiguous:
        raise UnsupportedError("it reads rows in another order")
    value.made.place(placer)
    made = Product(value, weight, bias, rows=rows, form=form, **how)
    return Value(made, made.base.reshape(*value.shape[:-1], made.width))


def _flat(placer: Placer, value: Value, weight: Constant, bias: Any, **how: Any) -> Value:
    """Return the product of a flattened picture: a convolution of one window."""
    made = value.made
    if value.seen.size != made.base.size or value.shape[-1] != value.seen.size:
        raise UnsupportedError("it reads rows that are cut in another way")
    places = gathered(value, made.numbered).reshape(-1)
    columns = places % made.width * made.rows + places // made.width

    def read() -> Any:
        values = np.empty(weight.shape, np.float32)
        values[:, columns] = weight.value
        return values

    made.place(placer)
    how |= {"rows": 1, "window": Window.of_all(made.rows)}
    product = Product(value, replace(weight, read=read), bias, **how)
    return Value(product, product.base.reshape(*value.shape[:-1], product.width))


def gemm(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return a product with a bias."""
    value, weight, *bias = inputs
    if not isinstance(value, Value) or not isinstance(weight, Constant):
        return matmul(placer, node, own, inputs)
    if own.get("transA"):
        value = value.with_view(value.seen.T)
    weight = times(weight if own.get("transB") else _turned(weight), own.get("alpha", 1.0))
    shift = bias_of(bias, weight.shape[0])
    return _linear(placer, node, value, weight, shift and times(shift, own.get("beta", 1.0)))


def conv(placer: Placer, node: Any, own: Own, inputs: Inputs, **how: Any) -> Value:
    """Return a convolution; of one pixel it is a product."""
    value, weight, *bias = inputs
    if not isinstance(weight, Constant) or not 3 <= len(weight.shape) <= 4:
        raise UnsupportedError(
            "expected constant weights, of one or two dimensions of pixels: three are not modelled"
        )
    outputs, depth, *kernel = weight.shape
    (*ends, above, left) = value.padding or [(0, 0)] * 4
    if any(map(any, ends)):
        raise UnsupportedError("it reads a picture with zeros beside its channels")
    padding, value = tuple(zip(above, left, strict=True)), replace(value, padding=())
    made, picture = picture_of(placer, value)
    groups = own.get("group", 1)
    if depth * groups != made.width:
        raise UnsupportedError(f"weights for {depth * groups} channels, got {made.width}")
    window = window_of(picture, (1, *kernel)[-2:], own, (*padding[0], *padding[1]))
    made.place(placer)
    shape = (outputs, depth * window.taps)
    weight = Constant(
        weight.name, shape, lambda: inputs[1].value.reshape(shape), module=_module(node)
    )
    source = replace(made.view(), rounding=value.rounding)
    plain = window.kernel == window.stride == (1, 1) and not any(window.padding)
    if not plain or groups > 1:
        how |= {"window": window, "groups": groups}
    product = Product(source, weight, bias_of(bias, outputs), rows=window.rows, **how)
    return as_picture(product, window.made, len(value.shape))


def picture_of(placer: Placer, value: Value) -> tuple[Made, tuple[int, int]]:
    """Return a picture's matrix, and its height and width."""
    made, shape = settled(value).made, value.shape
    picture = (shape[2] if len(shape) == 4 else 1, shape[-1])
    if len(shape) in (3, 4) and made.base.size == shape[1] * prod(picture):
        fits = made.width == shape[1]
        if fits and value.alike(as_picture(made, picture, len(shape))):
            return made, picture
        if type(made) is Input:
            # Nothing was made in another order: the input is taken as it is wanted.
            given = Input(prod(picture), shape[1])
            if made.array is not None:
                seen = gathered(value, made.array[0])
                given.array = np.moveaxis(seen[0], 0, -1).reshape(1, -1, shape[1])
            return given, picture
    raise UnsupportedError("it reads no picture of channels, height and width")


def _heads(seen: Any) -> tuple[int, ...]:
    """Return heads, rows and width, and the strides of heads and rows."""
    heads = prod(seen.shape[:-2])
    if seen.ndim < 2 or (seen.strides[-1] != 1 and seen.shape[-1] > 1):
        return ()
    big = [each for each in zip(seen.shape[:-2], seen.strides, strict=False) if each[0] > 1]
    if any(outer[1] != inner[0] * inner[1] for outer, inner in pairwise(big)):
        return ()
    rows, width = seen.shape[-2:]
    row = seen.strides[-2] if rows > 1 else heads * width
    return (heads, rows, width, big[-1][1] if big else width, row)


def _unscaled(made: Made) -> tuple[Made, float]:
    factor = made.factor if isinstance(made, Function) else None
    return (made, 1.0) if factor is None else (made.root, factor)


def _module(node: Any) -> str:
    """Return the place of a node in its model: /encoder/layer.0/query/MatMul."""
    return ".".join(str(node.name).strip("/").split("/")[:-1]) if "/" in node.name else ""


def _turned(weight: Constant) -> Constant:
    """Return a weight as (outputs, inputs)."""
    shape = [size for size in weight.shape if size > 1] if len(weight.shape) > 2 else weight.shape
    if len(shape) != 2:
        raise UnsupportedError("its weights are no matrix")
    return replace(weight, shape=tuple(shape[::-1]), read=lambda: weight.value.reshape(shape).T)


def bias_of(given: Sequence[Constant | None], outputs: int) -> Constant | None:
    """Return the bias of so many outputs, if one is given."""
    bias = given[0] if given else None
    return None if bias is None else vector_of(bias, "Add", outputs)


def as_picture(made: Made, picture: tuple[int, int], axes: int) -> Value:
    """Return pixels and channels as (1, channels, height, width), or a line of pixels."""
    seen = made.base.reshape(1, *picture, made.width).transpose(0, 3, 1, 2)
    return Value(made, seen[:, :, 0] if axes == 3 else seen)


def window_of(inner: Any, kernel: Any, about: Own, padding: Any = (0, 0, 0, 0)) -> Window:
    """Return the window of a node's attributes, and of zeros around the picture besides."""
    picture = (inner[0] + padding[0] + padding[2], inner[1] + padding[1] + padding[3])
    stride = (1, *about.get("strides", (1, 1)))[-2:]
    dilation = (1, *about.get("dilations", (1, 1)))[-2:]
    kernel = tuple(kernel)
    span = Window(kernel, kernel, dilation=dilation).span
    pads = about.get("pads", (0,) * 4)
    above, left, below, right = pads if len(pads) == 4 else (0, pads[0], 0, pads[1])
    auto = about.get("auto_pad", b"NOTSET").decode()
    if auto.startswith("SAME"):
        around = [
            max(0, (-(-n // s) - 1) * s + k - n)
            for n, s, k in zip(picture, stride, span, strict=True)
        ]
        small, large = ([n // 2 for n in around], [n - n // 2 for n in around])
        first, last = (small, large) if auto == "SAME_UPPER" else (large, small)
        above, left, below, right = (*first, *last)
    if about.get("ceil_mode"):
        # As much more padding as the last window reaches beyond.
        sizes = (picture[0] + above + below, picture[1] + left + right)
        below += -(sizes[0] - span[0]) % stride[0]
        right += -(sizes[1] - span[1]) % stride[1]
    edges = tuple(a + b for a, b in zip((above, left, below, right), padding, strict=True))
    window = Window(tuple(inner), kernel, stride, edges, dilation)
    if min(window.made) < 1 or min(window.padding) < 0:
        raise UnsupportedError(f"its window of {kernel} does not fit pictures of {picture}")
    return window
