"""Nodes that move data to another order: what they make are elements of matrices, in new places.

Each is made into one copy when an operator reads it, in the layout that the reader wants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, NoReturn

import numpy as np

from accelsim.model.importers.onnx.attention import Probabilities, Scores
from accelsim.model.importers.onnx.elements import made_of
from accelsim.model.importers.onnx.parts import Made, Masked, Product, Value, gathered
from accelsim.model.importers.onnx.placer import Placer
from accelsim.model.importers.onnx.values import Constant, Inputs, Own, UnsupportedError, work_out
from accelsim.model.operators import REARRANGE

# Nodes that read channels of a picture, and those that read the last axis.
_POOLS = ("AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool")
_OF_CHANNELS = ("BatchNormalization", "Conv", "ConvTranspose", "PRelu")
_CHANNELS = frozenset({*_POOLS, *_OF_CHANNELS, "Resize"})
_LAST = frozenset({"Gemm", "LayerNormalization", "RMSNormalization"})
_VIEWS = ("Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
_PARTS = ("Concat", "Expand", "Gather", "Pad", "Slice", "Split", "Tile")
MOVING = frozenset({*_VIEWS, *_PARTS, "DepthToSpace", "Resize", "SpaceToDepth", "Upsample"})


class Moved:
    """Elements of ``sources``: ``places`` are their numbers among those of all, -1 is a zero."""

    def __init__(self, sources: Sequence[Made], places: Any) -> None:
        self.sources, self.places = tuple(sources), places
        self._told: dict[tuple[int, ...], Value] = {}

    def told(self, placer: Placer, columns: Sequence[int] | None = None) -> Value:
        """Return the copy of which some axes are the columns, or those that were columns."""
        axes = len(self.places.shape)
        chosen = self._columns() if columns is None else tuple(at % axes for at in columns)
        if chosen not in self._told:
            self._told[chosen] = self._copied(placer, chosen)
        return self._told[chosen]

    def _columns(self) -> tuple[int, ...]:
        """Return the last axis along which elements are of one row."""
        starts = np.cumsum([0, *(each.base.size for each in self.sources)])
        at = np.searchsorted(starts, self.places, "right") - 1
        widths = np.array([each.width for each in self.sources])[at]
        rows = (self.places - starts[at]) // widths
        shape = self.places.shape
        found = [
            axis
            for axis, size in enumerate(shape)
            if size > 1 and (np.diff(rows, axis=axis) == 0).all()
        ]
        return (found[-1],) if found else (1 if len(shape) == 4 else len(shape) - 1,)

    def _copied(self, placer: Placer, columns: tuple[int, ...]) -> Value:
        sources, places = _needed(self.sources, self.places)
        order = [*(at for at in range(places.ndim) if at not in columns), *columns]
        turned = places.transpose(order)
        width = prod(places.shape[at] for at in columns)
        rows, matrix = places.size // width, turned.reshape(-1, width)
        (first, *others) = sources
        same = not others and (rows, width) == (first.rows, first.width)
        if same and (matrix.reshape(-1) == np.arange(matrix.size)).all():
            made = first
        else:
            shapes = tuple((each.rows, each.width) for each in sources)
            how: dict[str, Any] = {"rows": rows, "columns": width, "depth": width, "batch": 1}
            how |= {"sources": shapes, "outside": [matrix]}
            made = made_of(
                placer, sources, lambda p: p.place(REARRANGE, sources, **how), rows, width
            )
        back = [order.index(at) for at in range(places.ndim)]
        return Value(made, made.base.reshape(turned.shape).transpose(back))


def _needed(sources: Sequence[Made], places: Any) -> tuple[list[Made], Any]:
    """Return what is read of sources: some columns of a product are one of their own."""
    found, moved, start = list[Made](), np.full(places.shape, -1, np.int64), 0
    shift = 0
    for made in sources:
        size = made.base.size
        own = (places >= start) & (places < start + size)
        rows, at = np.divmod(places[own] - start, made.width)
        columns = np.unique(at)
        start += size
        if not columns.size:
            continue
        if isinstance(made, Product) and columns.size < made.width and not made.is_placed:
            made = made.part(columns.tolist())
            at = np.searchsorted(columns, at)
        moved[own] = shift + rows * made.width + at
        found.append(made)
        shift += made.base.size
    return found, moved


def moved_value(value: Value) -> Moved | None:
    """Return what a value sees of its matrix, None for a statistic or what is no matrix yet."""
    made = value.made
    if value.statistic or isinstance(made, (Scores, Probabilities, Masked)):
        return None
    (axis, times), padding = value.repeated, value.padding
    plain = replace(value, repeated=(0, 1), padding=())
    places = gathered(plain, made.numbered)
    places = places.repeat(times, axis) if times > 1 else places
    if padding:
        places = np.pad(places, padding, constant_values=-1)
    return Moved([made], places)


def wanted_columns(node: Any, inputs: Inputs, at: int) -> list[int] | None:
    """Return the axes that a node wants to be the columns of one of its inputs, None for any."""
    if node.op_type in _CHANNELS or node.op_type in _LAST:
        return [1 if node.op_type in _CHANNELS else -1]
    shapes = [each.shape for each in inputs if each is not None]
    if node.op_type == "InstanceNormalization":
        return list(range(2, len(shapes[0])))
    if node.op_type == "MatMul":
        if isinstance(inputs[1], Constant):
            return [-1]
        rows = -1 if at and not isinstance(getattr(inputs[0], "made", None), Probabilities) else -2
        axes = len(shapes[at])
        return [axis for axis in range(axes) if axis != rows % axes]
    several = sum(each is not None and not isinstance(each, Constant) for each in inputs) > 1
    for other in inputs:
        plain = several and isinstance(other, Value) and not other.statistic
        if plain and other.row_axis is not None:
            return [other.row_axis - len(other.shape)]
    vectors = [each.shape for each in inputs if isinstance(each, Constant) and each.elements > 1]
    long = [[axis - len(s) for axis, size in enumerate(s) if size > 1] for s in vectors]
    return long[0] if long and len(long[0]) == 1 else None


def moved(placer: Placer, node: Any, own: Own, inputs: Inputs) -> list[Moved] | None:
    """Return what a node moves; ``inputs`` are constants and what is moved. None if it does not."""
    blurs = own.get("mode", b"nearest") != b"nearest" and node.op_type in ("Resize", "Upsample")
    if blurs or not any(isinstance(each, Moved) for each in inputs):
        return None
    sources: list[Made] = []
    for each in inputs:
        sources += [s for s in getattr(each, "sources", ()) if s not in sources]
    given = [_renumbered(each, sources, node) for each in inputs]
    if node.op_type in ("Resize", "Upsample"):
        return [Moved(sources, _enlarged(placer, node, own, given))]
    if node.op_type == "Pad":
        check_zeros(own, inputs)
        filled = given[1].tolist() if len(given) > 1 else own["pads"]
        given = [given[0], np.array(filled, np.int64), np.array(-1, np.int64)]
        own = {}
    made = work_out(node, given, placer.opset)
    return [Moved(sources, places) for places in made]


def check_zeros(own: Own, inputs: Inputs) -> None:
    """Raise UnsupportedError for a Pad of other values, or of axes of its choice."""
    filled, axes = [*inputs, None, None, None][2:4]
    some = filled.value.any() if filled is not None else own.get("value", 0.0)
    if some or axes is not None or own.get("mode", b"constant") != b"constant":
        raise UnsupportedError("it pads with anything but zeros, or chosen axes")


def _renumbered(given: Any, sources: Sequence[Made], node: Any) -> Any:
    """Return places among all sources; of a Concat constants may be zeros."""
    if isinstance(given, Constant):
        if node.op_type != "Concat":
            return given.value
        if given.outside or given.value.any():
            raise UnsupportedError("it puts constants beside an activation")
        return np.full(given.shape, -1, np.int64)
    if given is None or list(given.sources) == list(sources):
        return given and given.places
    starts = np.cumsum([0, *(each.base.size for each in sources)])
    made, start = np.full(given.places.shape, -1, np.int64), 0
    for source in given.sources:
        own = (given.places >= start) & (given.places < start + source.base.size)
        made[own] = given.places[own] - start + starts[sources.index(source)]
        start += source.base.size
    return made


def _enlarged(placer: Placer, node: Any, own: Own, given: Sequence[Any]) -> Any:
    """Return a picture of which each pixel is the nearest of another one."""
    places, *_ = given
    for axis, (size, scale) in enumerate(scaled(node, own, places.shape, given)):
        told = own if node.op_type == "Resize" and placer.opset > 10 else FIRST_RESIZE
        places = places.take(_nearest(places.shape[axis], size, scale, told), axis)
    return places


FIRST_RESIZE = {"coordinate_transformation_mode": b"asymmetric", "nearest_mode": b"floor"}


def scaled(
    node: Any, own: Own, shape: Sequence[int], given: Sequence[Any]
) -> list[tuple[int, float]]:
    """Return the size of each axis behind a Resize, and its scale."""
    told: Any = given[1] if len(given) == 2 else given[2] if len(given) > 2 else own["scales"]
    if len(given) > 3 and given[3] is not None:
        sizes = [int(size) for size in np.reshape(given[3], -1)]
        scales = [size / before for size, before in zip(sizes, shape, strict=True)]
    else:
        scales = [float(scale) for scale in np.reshape(told, -1)]
        sizes = [int(n * scale) for n, scale in zip(shape, scales, strict=True)]
    if own.get("axes") or own.get("keep_aspect_ratio_policy", b"stretch") != b"stretch":
        raise UnsupportedError("it enlarges chosen axes, or keeps the aspect ratio")
    return list(zip(sizes, scales, strict=True))


def coordinates(before: int, size: int, scale: float, own: Own) -> Any:
    """Return where along an axis each element is read."""
    how = own.get("coordinate_transformation_mode", b"half_pixel").decode()
    at = np.arange(size)
    if how in ("half_pixel", "pytorch_half_pixel"):
        return (at + 0.5) / scale - 0.5 if size > 1 or how == "half_pixel" else at * 0.0
    if how == "align_corners":
        return at * (before - 1) / max(1, size - 1)
    if how != "asymmetric":
        raise UnsupportedError(f"coordinates {how}")
    return at / scale


def _nearest(before: int, size: int, scale: float, own: Own) -> Any:
    at = coordinates(before, size, scale, own)
    how = own.get("nearest_mode", b"round_prefer_floor").decode()
    chosen = {
        "round_prefer_floor": np.ceil(at - 0.5),
        "round_prefer_ceil": np.floor(at + 0.5),
        "floor": np.floor(at),
        "ceil": np.ceil(at),
    }[how]
    return chosen.clip(0, before - 1).astype(np.int64)


def copies(placer: Placer, node: Any, inputs: Inputs) -> list[Any] | None:
    """Return inputs of which those that no operator reads as they are seen are copied for it.

    None where that changes nothing.
    """
    if node.op_type in MOVING:
        return None
    made = [
        _copy(placer, each, wanted_columns(node, inputs, at)) if isinstance(each, Value) else each
        for at, each in enumerate(inputs)
    ]
    return None if all(a is b for a, b in zip(made, inputs, strict=True)) else made


def _copy(placer: Placer, value: Value, columns: Sequence[int] | None) -> Value:
    seen = (value.offset, value.seen.shape, value.seen.strides, value.repeated, value.padding)
    known, flat = value.made.moved, value.order is not None
    if flat or seen not in known:
        known[seen] = moved_value(value)
    moved = known[seen]
    made = moved.told(placer, columns) if moved else value
    return value if made.made is value.made else replace(made, rounding=value.rounding)


def elsewhere(placer: Placer, node: Any, own: Own, inputs: Inputs) -> NoReturn:
    """Refuse to see it as a view: what only moves data is taken as such."""
    raise UnsupportedError("it moves data to another order, for which there is no operator")
