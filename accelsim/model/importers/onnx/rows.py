"""Poolings, norms, and what is worked out of whole rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from accelsim.model.importers.onnx.elements import vector_of
from accelsim.model.importers.onnx.functions import Function, of_heads
from accelsim.model.importers.onnx.parts import Affine, Headed, Made, Masked, Value, settled
from accelsim.model.importers.onnx.placer import Placer
from accelsim.model.importers.onnx.products import as_picture, picture_of, window_of
from accelsim.model.importers.onnx.values import Inputs, Own, UnsupportedError
from accelsim.model.operators import AVERAGE_POOL, LAYER_NORM, MAX_POOL, RMS_NORM, Window


def pool(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return a pooling."""
    value = inputs[0]
    made, picture = picture_of(placer, value)
    kernel = (1, *own["kernel_shape"])[-2:] if "kernel_shape" in own else picture
    window = window_of(picture, kernel, own)
    kind = MAX_POOL if "Max" in node.op_type else AVERAGE_POOL
    inside = kind is AVERAGE_POOL and any(window.padding) and not own.get("count_include_pad")
    pooled = _pooled(placer, kind, made, window, "inside" if inside else "")
    return as_picture(pooled, window.made, len(value.shape))


def _pooled(placer: Placer, kind: Any, source: Made, window: Window, form: str = "") -> Made:
    if source.place(placer) is None:
        raise UnsupportedError("it pools the input of the graph itself")
    how: dict[str, Any] = {"rows": window.rows, "window": window, "form": form, "layer": True}
    return Made(window.rows, source.width, lambda placer: placer.place(kind, [source], **how))


def layer_norm(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return the norm of rows."""
    value, scale, *shift = inputs
    value = _of_rows(placer, settled(value))
    kind = LAYER_NORM if node.op_type == "LayerNormalization" else RMS_NORM
    last = own.get("axis", -1) in (-1, len(value.shape) - 1)
    if not last or value.row_axis != len(value.shape) - 1:
        raise UnsupportedError("it normalises other axes than the last")
    form = placer.norm_form(kind, own.get("epsilon", 1e-5))
    vectors = [each and vector_of(each, "Mul", value.made.width) for each in (scale, *shift)]
    source, first, second = value.made, vectors[0], vectors[1] if shift else None
    if kind is RMS_NORM and second:
        raise UnsupportedError("an RMS norm with a shift")
    whole = source.inner if isinstance(source, Headed) else source
    source.place(placer)
    how = (kind, whole, (first, second), form)
    return Made(whole.rows, whole.width, lambda placer: placer.function(*how)).view(value)


def _of_rows(placer: Placer, value: Value) -> Value:
    """Return a value of heads, of which the last axis is one, as one of rows."""
    made, width = value.made, value.shape[-1]
    heads = width < made.width and not made.width % width and value.whole
    if not heads or value.statistic or value.seen.strides[-1] != 1:
        return value
    return replace(value, made=of_heads(placer, made, width))


def batch_norm(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return the scale and shift that a batch norm is at inference."""
    value, gamma, beta, mean, variance = inputs
    value = settled(value)
    epsilon = np.float32(own.get("epsilon", 1e-5))
    if (value.row_axis != 1 and value.made.rows > 1) or gamma.shape != (value.made.width,):
        raise UnsupportedError("it scales other axes than channels")

    def scale() -> Any:
        return gamma.value / np.sqrt(variance.value + epsilon)

    first = replace(gamma, read=scale)
    second = replace(beta, read=lambda: beta.value - mean.value * scale())
    return Affine(value.made, first, second).view(value)


def reduce(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return a statistic of each row, or the mean of all rows."""
    value = settled(inputs[0])
    last = len(value.shape) - 1
    told = inputs[1].value if len(inputs) > 1 else own.get("axes", range(len(value.shape)))
    axes = sorted(int(axis) % len(value.shape) for axis in told)
    value = _of_rows(placer, value) if axes == [last] else value
    keeps, row = own.get("keepdims", 1), value.row_axis
    if axes == [row] and keeps:
        reducer = getattr(np, node.op_type.removeprefix("Reduce").lower())

        def how(rows: Any) -> Any:
            return reducer(rows, axis=-1, keepdims=True).astype(np.float32)

        made = Function(node, [value], value.made.root, how(value.made.probe), [value], how=how)
        seen = made.view(value).seen
        cut = tuple(slice(0, 1) if at == row else slice(None) for at in range(seen.ndim))
        return Value(made, seen[cut], None, True)
    if node.op_type == "ReduceSum" and isinstance(value.made, Masked) and row not in axes:
        if any(size > 1 and at != row and at not in axes for at, size in enumerate(value.shape)):
            raise UnsupportedError("it sums some of the rows")
        summed = Masked(value.made.inner, value.made.mask, summed=True)
        return _reduced(summed, value, axes, keeps)
    rest = [at for at, size in enumerate(value.shape) if size > 1 and at != row]
    if node.op_type == "ReduceMean" and row is not None and set(rest) <= set(axes) - {row}:
        pooled = _pooled(placer, AVERAGE_POOL, value.made, Window.of_all(value.made.rows))
        return _reduced(pooled, value, axes, keeps)
    raise UnsupportedError("it reduces other axes than rows, or to anything but their mean")


def _reduced(made: Made, value: Value, axes: Sequence[int], keeps: int) -> Value:
    sizes = [1 if at in axes else size for at, size in enumerate(value.shape)]
    kept = [size for at, size in enumerate(sizes) if keeps or at not in axes]
    return Value(made, made.base.reshape(kept))
