"""Rotary positions that nodes spell out, told by what they make of samples.

Of one matrix, nodes choose, negate, scale, add and join elements until each is itself times a
cosine and a partner times a sine. Which they are is solved from two samples; a third tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accelsim.model.importers.onnx.moved import MOVING, Moved, moved, moved_value
from accelsim.model.importers.onnx.parts import Made, Product, Value, gathered, joined
from accelsim.model.importers.onnx.placer import Placer
from accelsim.model.importers.onnx.values import (
    Constant,
    Inputs,
    UnsupportedError,
    attributes_of,
    work_out,
)
from accelsim.model.operators import ROTARY

_MOVED = ("Cast", "Concat", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze")
_LINEAR = frozenset({*_MOVED, "Add", "Mul", "Neg", "Sub", "Transpose", "Unsqueeze"})
_TOLERANCE = 2e-4


@dataclass(eq=False)
class Turned:
    """What nodes make of the elements of one matrix, as three samples of it say.

    ``sources`` are the parts of it that were read; ``error`` is why the first node that reads them
    is no operator of its own; ``again`` makes one of copies. What was only ``moved`` may be of
    several matrices, without samples.
    """

    sources: Sequence[Value]
    samples: Sequence[Any]
    error: UnsupportedError
    moved: Moved | None = None
    again: Callable[[], Value] | None = None
    _found: Value | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that ONNX has."""
        return tuple((self.moved.places if self.moved else self.samples[0]).shape)

    def told(self, placer: Placer, columns: Sequence[int] | None = None) -> Value:
        """Return the rotary positions that it is, or a copy of what was moved, as its reader wants.

        Raises UnsupportedError where it is neither.
        """
        if self.moved:
            return self.moved.told(placer, columns)
        if self._found is None:
            self._found = _told(self)
        if self._found is None and self.again:
            self._found = self.again()
        if self._found is None:
            raise self.error
        return self._found


def turned(
    placer: Placer, node: Any, inputs: Inputs, error: UnsupportedError | None
) -> list[Turned] | None:
    """Return what a node makes of parts of one matrix, None if it is not of this kind."""
    inputs = [joined(each) for each in inputs]
    made = [
        Turned([], [], error or UnsupportedError(""), each)
        for each in _moved(placer, node, inputs) or []
    ]
    linear = _linear(placer, node, inputs, error)
    for old, new in zip(linear or [], made, strict=False):
        old.moved = new.moved
    return linear or made or None


def _moved(placer: Placer, node: Any, inputs: Inputs) -> list[Moved] | None:
    """Return what a node moves that does nothing else."""
    if node.op_type not in MOVING:
        return None
    given = [
        moved_value(each)
        if isinstance(each, Value)
        else each.moved
        if isinstance(each, Turned)
        else each
        for each in inputs
    ]
    if any(now is None and before is not None for now, before in zip(given, inputs, strict=True)):
        return None
    return moved(placer, node, attributes_of(node), given)


def _linear(
    placer: Placer, node: Any, inputs: Inputs, error: UnsupportedError | None
) -> list[Turned] | None:
    """Return what a node makes of the samples of one matrix, None if it is not of this kind."""
    if node.op_type not in _LINEAR:
        return None
    values = [each for each in inputs if isinstance(each, (Value, Turned))]
    begun = next((each.error for each in values if isinstance(each, Turned)), error)
    sources = [one for each in values for one in _sources(each)]
    if len({each.made for each in sources}) != 1 or begun is None:
        return None
    if any(isinstance(each, Turned) and not each.samples for each in values):
        return None
    if any(each.statistic or each.order is not None or each.repeated[1] > 1 for each in sources):
        return None
    begun.node = begun.node or node
    made = [_worked_out(placer, node, inputs, which) for which in range(3)]
    return [Turned(sources, samples, begun) for samples in zip(*made, strict=True)]


def _sources(value: Value | Turned) -> Sequence[Value]:
    return value.sources if isinstance(value, Turned) else [value]


def _worked_out(placer: Placer, node: Any, inputs: Inputs, which: int) -> list[Any]:
    if node.op_type == "Cast":
        return [_sampled(inputs[0], which)]
    return work_out(node, [each and _sampled(each, which) for each in inputs], placer.opset)


def _sampled(given: Any, which: int) -> Any:
    if isinstance(given, Constant):
        return given.value
    return (
        given.samples[which]
        if isinstance(given, Turned)
        else gathered(given, _samples(given.made)[which])
    )


def _samples(made: Made) -> Sequence[Any]:
    """Return matrices: no two columns of the first two are in proportion."""
    angles = np.broadcast_to(np.arange(made.width) * 2.39996, (made.rows, made.width))
    drawn = np.random.default_rng(5).uniform(1, 2, angles.shape)
    return [np.asarray(each, np.float32) for each in (np.cos(angles), np.sin(angles), drawn)]


def _told(spelled: Turned) -> Value | None:
    made, shape = spelled.sources[0].made, spelled.shape
    read = [gathered(each, made.numbered).reshape(-1) for each in spelled.sources]
    columns = np.unique(np.concatenate(read) % made.width)
    samples = [each[:, columns] for each in _samples(made)]
    if len(columns) < made.width:
        if not isinstance(made, Product):
            return None
        made = made.part(columns.tolist())
    if int(np.prod(shape)) != made.base.size or made.width % shape[-1]:
        return None
    heads = (made.width // shape[-1], shape[-1])
    given = [each.reshape(made.rows, *heads).astype(np.float64) for each in samples]
    for first in (True, False):
        wide = (heads[0], made.rows, heads[1]) if first else (made.rows, *heads)
        order = (1, 0, 2) if first else (0, 1, 2)
        seen = [each.reshape(wide).transpose(order) for each in spelled.samples]
        tables = _tables(seen, given)
        if tables:
            return _positions(made, tables, heads, order, shape)
    return None


def _positions(made: Made, tables: Any, heads: Any, order: Any, shape: Any) -> Value:
    """Return rotary positions of a matrix, seen with heads or rows first."""
    end = Made(made.rows, made.width, lambda p: p.place(ROTARY, [made], outside=tables))
    return Value(end, end.base.reshape(made.rows, *heads).transpose(order).reshape(shape))


def _tables(made: Sequence[Any], given: Sequence[Any]) -> list[Any] | None:
    """Return cosines and sines of (rows, width of a head), and partners that are no halves."""
    width = made[0].shape[-1]
    for partners in _partners(width):
        (a, pa), (b, pb), *_ = [(each[:, 0], each[:, 0, partners]) for each in given]
        ya, yb = made[0][:, 0], made[1][:, 0]
        alone = partners == np.arange(width)
        area = np.where(alone, 1.0, a * pb - b * pa)
        larger = abs(a) > abs(b)
        own = np.where(larger, ya, yb) / np.where(larger, a, b)
        cosines = np.where(alone, own, (ya * pb - yb * pa) / area)
        sines = np.where(alone, 0.0, (a * yb - b * ya) / area)
        wanted = (each * cosines[:, None] + each[..., partners] * sines[:, None] for each in given)
        if all(abs(w - y).max() < _TOLERANCE for w, y in zip(wanted, made, strict=True)):
            tables = [np.asarray(each, np.float32) for each in (cosines, sines)]
            return [*tables, partners]
    return None


def _partners(width: int) -> Iterator[Any]:
    """Yield the columns that are turned with each: of halves, or neighbours, of all or a part."""
    for part in dict.fromkeys([width, width // 2, width // 4, 3 * width // 4, *range(2, width, 2)]):
        half, rest = part // 2, np.arange(part, width)
        if part < 2 or part % 2:
            continue
        columns = np.arange(part)
        yield np.concatenate([(columns + half) % part, rest])
        yield np.concatenate([columns ^ 1, rest])
