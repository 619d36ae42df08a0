"""Functions of elements and rows: of one value, of scores, of columns, or of several values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from accelsim.model.importers.onnx.attention import Probabilities, Scores, is_mask
from accelsim.model.importers.onnx.functions import Function, is_identity, of_heads, probes
from accelsim.model.importers.onnx.parts import (
    Affine,
    Headed,
    Look,
    Made,
    Masked,
    Product,
    Value,
    joined,
    matrix_of,
    settled,
)
from accelsim.model.importers.onnx.placer import Placer
from accelsim.model.importers.onnx.spread import spread
from accelsim.model.importers.onnx.values import Constant, Own, UnsupportedError, work_out
from accelsim.model.operators import AVERAGE_POOL, PRELU, Window

Seen = Constant | Value
_SAMPLED, _ENDLESS = 7, 1e4  # bounds within the samples, and those that bound nothing
_FLOATS = (1, 10, 11, 16)  # float, float16, double, bfloat16 of TensorProto


def elements(placer: Placer, node: Any, own: Own, inputs: Sequence[Seen]) -> Seen:
    """Return a function of elements: of one value, of scores, of columns, or of several."""
    values = [each for each in inputs if isinstance(each, Value)]
    constants = [each for each in inputs if isinstance(each, Constant)]
    kind = node.op_type
    if len(values) == 1 and values[0].repeated[1] > 1:
        plain = replace(values[0], repeated=(0, 1))
        again = [plain if each is values[0] else each for each in inputs]
        if all(each.elements == 1 and not each.outside for each in constants):
            found = elements(placer, node, own, again)
            assert isinstance(found, Value)
            return replace(found, repeated=values[0].repeated)
    if kind == "Cast" and (own.get("to") in _FLOATS or isinstance(values[0].made, Product)):
        return values[0]
    scores = _of_scores(node, own, inputs) if isinstance(values[0].made, Scores) else None
    if scores:
        return scores
    if kind in ("Softmax", "LogSoftmax"):
        node = _check_last(placer, node, own, values[0])
    values = [settled(each) for each in values]
    large = [each for each in constants if each.elements > 1 or each.outside]
    step = spread(kind, inputs, lambda *each: _again(placer, node, each))
    if step:
        return step
    own_numbers = _of_numbers(placer, node, own, inputs, values[0])
    if own_numbers:
        return own_numbers
    made = values[0].made
    scales = kind == "Mul" and constants and isinstance(made, Product) and made.integer
    if len(values) == 1 and kind in ("Add", "Sub", "Mul", "Div") and (scales or len(large) == 1):
        constant = constants[0] if scales else large[0]
        if not isinstance(inputs[0], Value) and kind in ("Sub", "Div"):
            raise UnsupportedError("it takes an activation from a constant, or divides it by one")
        (name,) = [
            name for name, each in zip(node.input, inputs, strict=True) if each not in constants
        ]
        return _vector(node.op_type, values[0], constant, alone=placer.readers.get(name, 1) == 1)
    if large:
        raise UnsupportedError("it combines an activation with values of another shape")
    return _function(placer, node, inputs, values)


def _of_numbers(
    placer: Placer, node: Any, own: Own, inputs: Sequence[Seen], value: Value
) -> Value | None:
    """Return what slopes, or bounds that samples do not reach, make of elements; else None."""
    made, kind = value.made, node.op_type
    if kind == "PRelu" and isinstance(inputs[1], Constant):
        slopes = inputs[1]
        if slopes.elements > 1 and not _along_columns(value, slopes):
            raise UnsupportedError("its slopes are of other axes than channels")
        count = 1 if slopes.elements == 1 else made.width
        vector = vector_of(slopes, "Mul", count)
        found = made_of(placer, [made], lambda p: p.function(PRELU, made, [vector]))
        found.signed = True
        return found.view(value)
    bounding = kind in ("Clip", "Min", "Max") and not value.statistic
    ends = _bounds(own, inputs) if bounding else []
    if not any(_SAMPLED <= abs(each) < _ENDLESS for each in ends):
        return None
    if len(ends) < 2 or max(map(abs, ends)) >= _ENDLESS:
        raise UnsupportedError("it has one bound alone, other than 0")
    low, high = ends
    name = str(node.output[0])
    found = made_of(placer, [made], lambda p: p.clipped(made, low, high, name))
    found.signed = low < 0
    return found.view(value)


def _bounds(own: Own, inputs: Sequence[Seen]) -> list[float]:
    """Return the bounds of a Clip, Min or Max that are given."""
    told = [own[each] for each in ("min", "max") if each in own]
    given = [each for each in inputs if isinstance(each, Constant) and each.elements == 1]
    return [*told, *(float(each.value.reshape(())) for each in given)]


def _again(placer: Placer, node: Any, told: Sequence[Any]) -> Seen:
    """Return what a node of another kind makes, in the place of one."""
    import onnx

    kind, *given = told
    plain = onnx.helper.make_node(kind, [""] * len(given), node.output, node.name)
    return elements(placer, plain, {}, given)


def _function(placer: Placer, node: Any, inputs: Sequence[Seen], values: Sequence[Value]) -> Value:
    """Return a function of one root, or the combination of several."""
    values = _of_same_heads(placer, values)
    full = [each for each in values if not each.statistic]
    like = full[0] if full else values[0]
    roots = {each.made.root for each in values}
    settled = iter(values)
    operands = [next(settled) if isinstance(each, Value) else each for each in inputs]
    if len(roots) == 1 and all(each.alike(like) for each in full):
        probe = work_out(node, probes(operands), placer.opset)[0]
        (root,) = roots
        if not like.statistic and is_identity(probe, root.width):
            return root.view(like)
        names = [n for n, e in zip(node.input, inputs, strict=True) if isinstance(e, Value)]
        alone = all(placer.readers.get(name, 1) == 1 for name in names)
        made = Function(node, values, root, probe, operands, alone=alone)
        return replace(made.view(like), statistic=not full)
    return _combined(placer, node, full, values, len(operands) > len(values))


def _of_same_heads(placer: Placer, values: Sequence[Value]) -> Sequence[Value]:
    """Return values of which those of whole rows are of heads, where others of them are."""
    roots = {each.made.root for each in values}
    headed = [root for root in roots if isinstance(root, Headed)]
    if len(headed) != 1 or roots != {headed[0], headed[0].inner}:
        return values
    return [
        each
        if each.made.root is headed[0]
        else replace(each, made=of_heads(placer, each.made, headed[0].width))
        for each in values
    ]


def _combined(
    placer: Placer, node: Any, full: Sequence[Value], values: Sequence[Value], constants: bool
) -> Value:
    kind, full = node.op_type, [joined(each) for each in full]
    if kind not in ("Add", "Mul", "Sum") or constants or len(full) < len(values):
        raise UnsupportedError("of two activations there are sums and products alone")
    like = max(full, key=lambda each: (each.seen.size, each.seen.ndim))
    for each in full:
        row = kind == "Mul" and each.made.rows == 1 and each.made.width == like.made.width
        if not each.alike(like) and not (row and _along_columns(like, each)):
            raise UnsupportedError("its inputs differ in their shapes, or in their order")
    sources, sizes = [each.made for each in full], (like.made.rows, like.made.width)
    made = made_of(placer, sources, lambda p: p.combined(kind, sources), *sizes)
    made.signed = kind != "Mul"
    return made.view(like)


def made_of(
    placer: Placer,
    sources: Sequence[Made],
    placing: Callable[[Placer], str | None],
    rows: int = 0,
    width: int = 0,
) -> Made:
    """Return what another operator makes, as large as the first source unless told.

    Those that it reads are complete.
    """
    for each in sources:
        each.place(placer)
    return Made(rows or sources[0].rows, width or sources[0].width, placing)


def _vector(kind: str, value: Value, constant: Constant, *, alone: bool) -> Value:
    """Return a value whose columns are scaled or shifted, or rows to which a table is added."""
    made = value.made
    if constant.outside:
        return _counted(kind, value, constant)
    if constant.elements == 1 or _along_columns(value, constant):
        vector = vector_of(constant, kind, made.width)
        if kind in ("Mul", "Div"):
            if isinstance(made, Product) and made.integer:
                return made.scaled(vector).view(value)
            return Affine(made, vector, None).view(value)
        if isinstance(made, Product) and made.bias is None and alone:
            return made.biased(vector).view(value)
        if isinstance(made, Affine) and made.shift is None and alone:
            return Affine(made.inner, made.scale, vector).view(value)
        return Affine(made, None, vector).view(value)
    if kind == "Add" and constant.elements == made.base.size:
        return _table(value, constant)
    raise UnsupportedError("it combines an activation with values of another shape")


def _along_columns(value: Value, other: Seen) -> bool:
    """Say whether one row is repeated along all axes but that of columns."""
    shape = (1,) * (len(value.shape) - len(other.shape)) + other.shape
    axis = value.row_axis
    return (
        axis is not None
        and len(shape) == len(value.shape)
        and all(size == (value.made.width if at == axis else 1) for at, size in enumerate(shape))
    )


def _counted(kind: str, value: Value, constant: Constant) -> Value:
    """Return rows of which some count, and their mean where sums are divided by the count."""
    made, given = value.made, np.asarray(constant.value, np.float32)
    axis = value.row_axis
    if kind == "Mul" and axis is not None and np.isin(given, (0, 1)).all():
        mask = np.broadcast_to(given, value.shape)
        row = matrix_of(value, mask)[:, :1]
        if (matrix_of(value, mask) == row).all():
            return Masked(made, replace(constant, read=lambda: row[:, 0])).view(value)
    if kind == "Div" and isinstance(made, Masked) and made.summed:
        count = made.mask.value.sum()
        if np.allclose(given, max(count, 1e-9)):
            inner, window = made.inner, Window.of_all(made.inner.rows)
            how: dict[str, Any] = {"rows": 1, "window": window, "layer": True}
            how["outside"] = [made.mask.value]
            mean = Made(1, made.width, lambda p: p.place(AVERAGE_POOL, [inner], **how))
            return mean.view(value)
    raise UnsupportedError("it combines an activation with values from outside the graph")


def _table(value: Value, constant: Constant) -> Value:
    """Return the sum with a row of a table for each row: positions."""
    made, shape = value.made, value.shape

    def read() -> Any:
        return matrix_of(value, np.asarray(constant.value).reshape(shape))

    table = Constant(constant.name, (made.rows, made.width), read)
    numbers = np.arange(made.rows)
    looked = Look(table, Constant("", (made.rows,), lambda: numbers))
    sizes = (made.rows, made.width)
    return Made(*sizes, lambda placer: placer.combined("Add", [made, looked])).view(value)


def _of_scores(node: Any, own: Own, inputs: Sequence[Seen]) -> Value | None:
    """Return scores that are scaled or masked, or their softmax; None for all else."""
    value = next(each for each in inputs if isinstance(each, Value))
    made, kind = value.made, node.op_type
    others = [each for each in inputs if isinstance(each, Constant)]
    assert isinstance(made, Scores)
    if kind == "Softmax" and own.get("axis", -1) in (-1, len(value.shape) - 1):
        return Probabilities(made).view(value)
    if kind in ("Mul", "Div") and others[0].elements == 1 and not others[0].outside:
        factor = float(others[0].value.reshape(()))
        return made.changed(factor if kind == "Mul" else 1 / factor).view(value)
    if kind == "Add" and len(others) == 1:
        return _added(made, value, others[0]).view(value)
    if kind == "Where" and len(others) == 2 and inputs[0] is others[0]:
        return made.changed(masks=[_seen(inputs, value)]).view(value)
    return None


def _added(scores: Scores, value: Value, other: Constant) -> Scores:
    """Return scores with what is added to them: a mask, nothing, or a bias of pairs of tokens."""
    if not other.outside and not other.value.any():
        return scores
    shape, values = (scores.heads, scores.query.rows, scores.key.rows), np.asarray(other.value)
    whole = np.broadcast_shapes(values.shape, value.shape)
    if other.outside or is_mask(values):
        if prod(value.shape[:-3]) > 1:  # of windows of a picture, whose heads see alike
            values = np.broadcast_to(values, whole).reshape(shape)
        return scores.changed(masks=[replace(other, shape=values.shape, read=lambda: values)])
    if prod(values.shape[:-3]) > 1:
        values = np.broadcast_to(values, whole).reshape(shape)
    rows = values.size // shape[2]
    table = (rows, shape[2]) if rows > 1 else (shape[2],)
    if rows > 1 and values.shape[-2:] != shape[1:]:
        raise UnsupportedError("what it adds to scores is no table of pairs of tokens")
    return scores.changed(biases=[replace(other, shape=table, read=lambda: values.reshape(table))])


def _seen(inputs: Sequence[Any], value: Value) -> Constant:
    """Return where scores are kept by a Where."""
    condition, *branches = inputs
    away = next(each for each in branches if isinstance(each, Constant))
    if not (np.asarray(away.value) < -1e3).all():
        raise UnsupportedError("it puts values of its own in the place of scores")
    turned = branches[0] is not value
    seen: Constant = replace(condition, outside=True)
    return replace(seen, read=lambda: ~condition.value) if turned else seen


def vector_of(constant: Constant, kind: str, width: int) -> Constant:
    """Return a vector as long as a row; what is subtracted or divided by is turned round."""
    if constant.elements not in (1, width) or constant.outside:
        raise UnsupportedError(f"expected {width} values, got {constant.elements}")

    def read() -> Any:
        values: Any = np.asarray(constant.value, np.float32).reshape(-1)
        values = -values if kind == "Sub" else 1 / values if kind == "Div" else values
        return np.broadcast_to(values, width)

    return replace(constant, shape=(width,), read=read)


def _check_last(placer: Placer, node: Any, own: Own, value: Value) -> Any:
    """Return a softmax of rows, whatever axis of the value they are."""
    import onnx

    axis = own.get("axis", -1 if placer.opset >= 13 else 1) % len(value.shape)
    after = prod(value.shape[axis + 1 :]) if axis == value.row_axis else 0
    if placer.opset < 13:
        flat = prod(value.shape[axis:]) == value.made.width and value.made.rows == 1
        after = 1 if flat else after
    if after != 1:
        raise UnsupportedError("a softmax of other axes than rows")
    return onnx.helper.make_node(node.op_type, node.input, node.output, node.name, axis=-1)
