"""Nodes that move no data or only names: shapes, parts, number formats; inputs, also joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from accelsim.model.importers.onnx.elements import made_of
from accelsim.model.importers.onnx.moved import check_zeros
from accelsim.model.importers.onnx.parts import (
    Input,
    Made,
    Value,
    gathered,
    joined,
    matrix_of,
    settled,
)
from accelsim.model.importers.onnx.placer import Placer
from accelsim.model.importers.onnx.values import Constant, Inputs, Own, UnsupportedError
from accelsim.model.operators import CONCAT


def as_input(shape: Sequence[int], array: Any) -> Value:
    """Return an input of the graph: pixels by channels of a picture, or rows as they stand."""
    if len(shape) > 3:
        made = Input(prod(shape[2:]), shape[1])
        seen = made.base.reshape(1, *shape[2:], shape[1])
        value = Value(made, seen.transpose(0, len(shape) - 1, *range(1, len(shape) - 1)))
    else:
        made = Input(prod(shape[:-1]), shape[-1])
        value = Value(made, made.base.reshape(shape))
    if array is not None:
        made.array = matrix_of(value, np.asarray(array, np.float32))[None]
    return value


def identity(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Any:
    """Return the value: a number format that it passes through costs nothing [ours]."""
    return inputs[0]


def quantised(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Any:
    """Return the value, which products take rounded, the scale 1 and no zero point."""
    scale, zero = np.ones((), np.float32), np.zeros((), np.uint8)
    name = node.output[-1]
    value = replace(inputs[0], rounding=_in_steps)
    return [value, Constant(name, (), lambda: scale), Constant(name, (), lambda: zero)]


def _in_steps(values: Any) -> Any:
    """Return values in the 255 steps between the least and the greatest, or 0."""
    low, high = min(values.min(), 0), max(values.max(), 0)
    step = np.float32((high - low) / 255) or np.float32(1)
    zero = np.rint(-low / step)
    return ((np.rint(values / step) + zero).clip(0, 255) - zero) * step


def transpose(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return the axes in another order."""
    (value,) = inputs
    perm = own.get("perm", range(len(value.shape))[::-1])
    axis, times = value.repeated
    plain = replace(value, repeated=(0, 1), padding=())
    made = _viewed(plain, value.seen.transpose(perm))
    padding = tuple(value.padding[at] for at in perm) if value.padding else ()
    return replace(made, repeated=(list(perm).index(axis), times), padding=padding)


def reshape(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return another shape of the same elements."""
    value, told = inputs[0], _told(inputs, 1)
    whole = bool(own.get("allowzero"))
    sizes = [value.shape[n] if size == 0 and not whole else size for n, size in enumerate(told)]
    if value.repeated[1] > 1:
        return _merged(value, sizes)
    return _viewed(value, value.seen.reshape(sizes))


def _merged(value: Value, sizes: list[int]) -> Value:
    """Return another shape of heads that are repeated, also where the times are an axis."""
    axis, times = value.repeated
    shape = value.shape
    rest = prod(shape) // abs(prod(sizes))
    wanted = [size if size > 0 else rest for size in sizes]
    own = axis - 1 if value.seen.shape[axis] == 1 and axis else axis
    before, size = prod(shape[:own]), prod(shape[own : axis + 1])
    for at, each in enumerate(wanted):
        if prod(wanted[:at]) == before and each == size:
            seen = value.seen.reshape([*wanted[:at], size // times, *wanted[at + 1 :]])
            return replace(_viewed(replace(value, repeated=(0, 1)), seen), repeated=(at, times))
    raise UnsupportedError("it repeats an activation")


def pad(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return a picture with zeros around it, which the convolution behind takes in."""
    value: Value = inputs[0]
    axes = len(value.shape)
    told = _told(inputs, 1) if len(inputs) > 1 else list(own.get("pads", []))
    check_zeros(own, inputs)
    before, after = told[:axes], told[axes:]
    if not any(told):
        return value
    if axes != 4 or min(told) < 0 or value.padding:
        raise UnsupportedError("it pads anything but the pixels of a picture, or cuts them")
    return replace(value, padding=tuple(zip(before, after, strict=True)))


def flatten(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return a matrix."""
    (value,) = inputs
    axis = own.get("axis", 1)
    axis += len(value.shape) if axis < 0 else 0
    rows = prod(value.shape[:axis])
    return _viewed(value, value.seen.reshape(rows, value.seen.size // rows))


def squeeze(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return fewer axes."""
    value, axes = inputs[0], _axes(own, inputs)
    return _viewed(value, np.squeeze(value.seen, tuple(axes) if axes else None))


def unsqueeze(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return more axes, of one element each."""
    value, axes = inputs[0], _axes(own, inputs)
    return _viewed(value, np.expand_dims(value.seen, tuple(axes)))


def expand(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return the value where it only gets axes of one element."""
    value: Value = inputs[0]
    told = _told(inputs, 1)
    shape = np.broadcast_shapes(value.shape, tuple(told))
    longer = [at for at, size in enumerate(value.shape) if shape[at - len(value.shape)] != size]
    if len(longer) == 1 and len(shape) == len(value.shape):
        value.check_plain()
        return replace(value, repeated=(longer[0], shape[longer[0]]))
    if longer:
        raise UnsupportedError("it repeats an activation")
    return _viewed(value, value.seen.reshape(shape))


def cut(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return a part of the elements."""
    value = inputs[0]
    if len(inputs) > 1:
        starts, ends = _told(inputs, 1), _told(inputs, 2)
        axes = _told(inputs, 3) if len(inputs) > 3 and inputs[3] else list(range(len(starts)))
        steps = _told(inputs, 4) if len(inputs) > 4 and inputs[4] else [1] * len(starts)
    else:
        starts, ends = own["starts"], own["ends"]
        axes, steps = own.get("axes", list(range(len(starts)))), [1] * len(starts)
    chosen = [slice(None)] * len(value.shape)
    for axis, *bounds in zip(axes, starts, ends, steps, strict=True):
        chosen[axis] = slice(*bounds)
    return _viewed(value, value.seen[tuple(chosen)])


def split(placer: Placer, node: Any, own: Own, inputs: Inputs) -> list[Value]:
    """Return parts along an axis."""
    value, axis, count = inputs[0], own.get("axis", 0), len(node.output)
    size = value.shape[axis]
    equal = [-(-size // count)] * (count - 1)
    told = _told(inputs, 1) if len(inputs) > 1 else own.get("split", [*equal, size - sum(equal)])
    found, start = [], 0
    for each in told:
        chosen = [slice(None)] * len(value.shape)
        chosen[axis] = slice(start, start + each)
        found.append(_viewed(value, value.seen[tuple(chosen)]))
        start += each
    return found


def gather(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return rows of a table, or one element of an axis, or some that follow each other."""
    data, numbers = inputs
    if isinstance(data, Constant) or isinstance(numbers, Value):
        raise UnsupportedError("it looks up what activations say")
    axis, told = own.get("axis", 0), numbers.value.astype(int)
    chosen: list[Any] = [slice(None)] * len(data.shape)
    if told.ndim == 0:
        chosen[axis] = int(told)
    elif told.ndim == 1 and told[0] >= 0 and (told == told[0] + range(told.size)).all():
        chosen[axis] = slice(int(told[0]), int(told[0]) + told.size)
    else:
        raise UnsupportedError("it puts parts of an activation in an order of its own")
    return _viewed(data, data.seen[tuple(chosen)])


def concat(placer: Placer, node: Any, own: Own, inputs: Inputs) -> Value:
    """Return columns side by side, or learned rows before others."""
    inputs = [each for each in inputs if prod(each.shape)] or inputs[:1]
    if len(inputs) == 1:
        return inputs[0]  # type: ignore[no-any-return]
    first, *others = inputs = [joined(each) for each in inputs]
    values = [each for each in inputs if isinstance(each, Value)]
    axis = own["axis"] % len(values[0].shape)
    if isinstance(first, Constant) and len(others) == 1 and not first.outside:
        return _prepended(placer, first, others[0], axis)
    if len(values) < len(inputs):
        raise UnsupportedError("it puts constants beside an activation")
    past = type(values[0].made) is Input and len(values[0].shape) == 4
    if past and len(values) == 2 and axis in (1, 2) and type(values[1].made) is not Input:
        return _kept(placer, first, settled(values[1]), axis)
    values = [settled(each) for each in values]
    if any(each.row_axis != axis or each.made.rows != values[0].made.rows for each in values):
        raise UnsupportedError("it joins rows of activations, or other axes than columns")
    sources = [each.made for each in values]
    parts = tuple(each.width for each in sources)
    sizes: dict[str, Any] = {"columns": sum(parts), "depth": sum(parts), "parts": parts}
    made = made_of(placer, sources, lambda p: p.place(CONCAT, sources, **sizes), width=sum(parts))
    order = sorted(range(len(values[0].shape)), key=lambda at: -values[0].seen.strides[at])
    rest = [at for at in order if at != axis]
    shape = [*(values[0].shape[at] for at in rest), made.width]
    seen = made.base.reshape(shape)
    return Value(made, seen.transpose([[*rest, axis].index(at) for at in range(len(order))]))


def _prepended(placer: Placer, first: Constant, value: Value, axis: int) -> Value:
    value, width = settled(value), value.made.width
    if axis != len(value.shape) - 2 or value.row_axis != axis + 1 or first.elements % width:
        raise UnsupportedError("it puts constants beside an activation")
    learned = first.elements // width
    shape = (width,) if learned == 1 else (learned, width)
    rows = Constant(first.name, shape, lambda: first.value.reshape(shape))
    whole = value.made.rows + learned
    made = made_of(placer, [value.made], lambda p: p.prepend(rows, value.made), whole)
    return Value(made, made.base.reshape(*value.shape[:axis], made.rows, width))


def _kept(placer: Placer, past: Value, value: Value, axis: int) -> Value:
    """Return keys or values of heads behind those that were kept."""
    heads = past.shape[3 - axis]
    rows, width = (past.shape[axis], heads * past.shape[3])
    made = Made(rows + value.made.rows, width)
    plain = made.base.reshape(1, made.rows, heads, -1)
    seen = plain.swapaxes(1, axis)
    fits = value.made.width == width and seen[(slice(None),) * axis + (slice(value.made.rows),)]
    if value.made.width != width or not value.alike(Value(value.made, fits)):
        raise UnsupportedError("it joins rows of activations, but not keys or values of heads")
    given = past.made.array  # type: ignore[attr-defined]
    array = None
    if given is not None:
        array = np.swapaxes(gathered(past, given[0]), 1, axis).reshape(1, rows, width)
    value.made.place(placer)
    made.placing = lambda placer: placer.cache(value.made, rows, array)
    return Value(made, seen)


def _viewed(value: Value, seen: Any) -> Value:
    if value.statistic:
        return Value(value.made, seen, None, True)
    return value.with_view(seen)


def _told(inputs: Sequence[Any], at: int) -> list[int]:
    if not isinstance(inputs[at], Constant):
        raise UnsupportedError("what it does depends on activations")
    return [int(size) for size in inputs[at].value.reshape(-1)]


def _axes(own: Own, inputs: Inputs) -> list[int]:
    return _told(inputs, 1) if len(inputs) > 1 else list(own.get("axes", []))
