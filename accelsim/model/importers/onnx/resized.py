"""Pictures that grow: transposed convolutions, bilinear Resize; and norms of channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import numpy as np

from accelsim.model.importers.onnx.elements import made_of, vector_of
from accelsim.model.importers.onnx.moved import (
    FIRST_RESIZE,
    Moved,
    coordinates,
    elsewhere,
    moved_value,
    scaled,
)
from accelsim.model.importers.onnx.parts import Affine, Made, Product, Value
from accelsim.model.importers.onnx.placer import Placer
from accelsim.model.importers.onnx.products import as_picture, bias_of, picture_of
from accelsim.model.importers.onnx.values import Constant, Inputs, Own, UnsupportedError
from accelsim.model.operators import INTERPOLATE, LAYER_NORM, Window


def conv_transpose(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return a transposed convolution, as one convolution for each phase of its stride.

    The pixels of a phase read the same part of the weights, so that nothing is multiplied by the
    zeros between pixels; then they are put between each other, which is a copy [ours].
    """
    value, weight, *bias = inputs
    if not isinstance(weight, Constant) or own.get("group", 1) != 1:
        raise UnsupportedError("expected constant weights, and one group")
    if any(step != 1 for step in own.get("dilations", [1])) or own.get("output_shape"):
        raise UnsupportedError("expected no dilations, and no output_shape")
    if own.get("auto_pad", b"NOTSET") != b"NOTSET" or not 3 <= len(weight.shape) <= 4:
        raise UnsupportedError("expected explicit padding of one or two dimensions of pixels")
    made, picture = picture_of(placer, value)
    inputs_, outputs, *kernel = weight.shape
    axes = len(kernel)
    pads = own.get("pads", [0] * 2 * axes)
    given = (kernel, own.get("strides", [1] * axes), pads[:axes], pads[axes:])
    added = own.get("output_padding", [0] * axes)
    lines = [_Phases.of(1, 1, 1, 0, 0, 0)] * (2 - axes)
    lines += [_Phases.of(*each) for each in zip(picture[-axes:], *given, added, strict=True)]
    sizes, sources = (lines[0].size, lines[1].size), list[Made]()
    places, start = np.empty((outputs, *sizes), np.int64), 0
    made.place(placer)
    held = bias_of(bias, outputs)
    for down in lines[0].phases:
        for across in lines[1].phases:
            window = Window(
                picture,
                (len(down.taps), len(across.taps)),
                (1, 1),
                (down.before, across.before, down.after, across.after),
            )
            own_weight = _part(weight, inputs_, outputs, down.taps, across.taps)
            source = Product(made.view(), own_weight, held, rows=window.rows, window=window)
            numbers = np.arange(window.rows * outputs).reshape(*window.made, outputs)
            places[:, down.first :: lines[0].stride, across.first :: lines[1].stride] = (
                start + np.moveaxis(numbers, -1, 0)
            )
            sources.append(source)
            start += window.rows * outputs
    whole = places[None] if axes == 2 else places[None, :, 0]
    return Moved(sources, whole).told(placer, [1])


class _Phase(NamedTuple):
    """Pixels ``first``, and each a stride behind: weights that they read, zeros that they need."""

    first: int
    taps: Sequence[int]
    before: int
    after: int


class _Phases(NamedTuple):
    """The phases of one axis of a transposed convolution, and the ``size`` of what it makes."""

    size: int
    stride: int
    phases: Sequence[_Phase]

    @classmethod
    def of(cls, pixels: int, kernel: int, stride: int, first: int, last: int, more: int) -> _Phases:
        """Return the phases of so many pixels; ``first`` and ``last`` are cut, ``more`` added."""
        size = (pixels - 1) * stride + kernel - first - last + more
        phases = []
        for phase in range(min(stride, size)):
            begin = (phase + first) % stride
            # The last weight is read first: pixels come from before.
            taps = list(range(begin, kernel, stride))[::-1]
            ahead, count = (phase + first - begin) // stride, -(-(size - phase) // stride)
            before, after = len(taps) - 1 - ahead, count + ahead - pixels
            if not taps or min(before, after) < 0:
                raise UnsupportedError("its stride is longer than its kernel, or it cuts more")
            phases.append(_Phase(phase, taps, before, after))
        return cls(size, stride, phases)


def _part(
    weight: Constant, inputs: int, outputs: int, down: Sequence[int], across: Sequence[int]
) -> Constant:
    """Return the weights of one phase as those of a convolution."""
    shape = (outputs, inputs * len(down) * len(across))

    def read() -> Any:
        whole = weight.value.reshape(inputs, outputs, -1, weight.shape[-1])
        part = whole[:, :, list(down)][..., list(across)]
        return part.swapaxes(0, 1).reshape(shape)

    return Constant(f"{weight.name}[{down[0]},{across[0]}]", shape, read)


def resize(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return a picture of another size, bilinear; one of nearest pixels is moved alone."""
    if own.get("mode", b"nearest") == b"nearest":
        elsewhere(placer, node, own, inputs)
    if own["mode"] != b"linear" or own.get("antialias"):
        raise UnsupportedError("it enlarges by more than two pixels of an axis")
    made, picture = picture_of(placer, inputs[0])
    shape = inputs[0].shape
    given = [getattr(each, "value", None) for each in inputs]
    told = scaled(node, own, shape, given)
    if any(scale != 1 for _, scale in told[:2]):
        raise UnsupportedError("it enlarges other axes than those of pixels")
    how = own if node.op_type == "Resize" and placer.opset > 10 else FIRST_RESIZE
    axes = [(1, (1, 1.0))] * (4 - len(shape)) + list(zip(shape[2:], told[2:], strict=True))
    (above, low), (left, right) = (
        _weighed(before, pixels, scale, how) for before, (pixels, scale) in axes
    )
    size = (len(above[0]), len(left[0]))
    pairs = [(a, b) for a in range(2) for b in range(2)]
    rows = [(above[a][:, None] * picture[1] + left[b]).reshape(-1) for a, b in pairs]
    weights = [(low[a][:, None] * right[b]).reshape(-1) for a, b in pairs]
    arrays = [np.array(rows), np.array(weights, np.float32)]
    sizes: dict[str, Any] = {"rows": prod(size), "batch": 1, "outside": arrays}
    sizes["sources"] = ((made.rows, made.width),)
    grown = made_of(placer, [made], lambda p: p.place(INTERPOLATE, [made], **sizes), prod(size))
    return as_picture(grown, size, len(shape))


def _weighed(before: int, size: int, scale: float, own: Own) -> tuple[list[Any], list[Any]]:
    """Return the two pixels of an axis that each is made of, and their weights."""
    at = coordinates(before, size, scale, own).clip(0, before - 1)
    low = np.floor(at).astype(int)
    high, part = np.minimum(low + 1, before - 1), at - low
    return [low, high], [1 - part, part]


def instance_norm(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return the norm of each channel, or group of them: rows of a copy, then copied back."""
    value, scale, shift = inputs
    moved = moved_value(value)
    if moved is None:
        raise UnsupportedError("it normalises what is no picture")
    source = moved.told(placer, range(2, len(value.shape))).made
    form = placer.norm_form(LAYER_NORM, own.get("epsilon", 1e-5))
    made = made_of(placer, [source], lambda p: p.function(LAYER_NORM, source, form=form))
    seen = Value(made, made.base.reshape(value.shape))
    if (scale.value == 1).all() and not shift.value.any():
        return seen
    back = moved_value(seen)
    assert back
    channels = back.told(placer, [1])
    first, second = (vector_of(each, "Mul", channels.made.width) for each in (scale, shift))
    return Affine(channels.made, first, replace(second)).view(channels)
