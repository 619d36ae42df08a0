"""Layer norms whose scale is multiplied into a number of each row first, as TensorFlow has them.

x (s g) + (b - m (s g)), where s and m are numbers of each row and g and b of each column, is
(x s - m s) g + b: what stands in brackets is a function of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from accelsim.model.importers.onnx.parts import Affine, Made, Value
from accelsim.model.importers.onnx.values import Constant


class Spread(Made):
    """A number of each row times one of each column, and a shift of each column."""

    unfinished = "it combines numbers of rows with others of columns, but in no norm"

    def __init__(self, number: Value, scale: Constant, shift: Constant | None = None) -> None:
        super().__init__(number.made.rows, number.made.width)
        self.number, self.scale, self.shift = number, scale, shift

    def seen(self) -> Value:
        """Return all of it."""
        return Value(self, self.base.reshape(*self.number.shape[:-1], self.width))


def spread(kind: str, inputs: Sequence[Constant | Value], make: Callable[..., Any]) -> Value | None:
    """Return a step of such a norm, of functions that ``make`` makes; None for what is none."""
    given = next((e for e in inputs if isinstance(e, Value) and isinstance(e.made, Spread)), None)
    if given is None:
        return _begun(kind, inputs)
    one, part = next((each for each in inputs if each is not given), None), given.made
    assert isinstance(part, Spread)
    if kind == "Sub" and isinstance(one, Constant) and inputs[0] is one and not part.shift:
        return Spread(make("Neg", part.number), part.scale, one).seen()
    if not isinstance(one, Value):
        return None
    if kind == "Mul" and not part.shift:
        made = make("Mul", one, part.number)
        if made.statistic:
            return Spread(made, part.scale).seen()
        return Affine(made.made, part.scale, None).view(made)
    other = one.made
    if kind == "Add" and isinstance(other, Affine) and other.scale is part.scale:
        made = make("Add", other.inner.view(one), part.number)
        return Affine(made.made, part.scale, part.shift).view(made)
    return None


def _begun(kind: str, inputs: Sequence[Constant | Value]) -> Value | None:
    numbers = [each for each in inputs if isinstance(each, Value) and each.statistic]
    scales = [each for each in inputs if isinstance(each, Constant)]
    if kind != "Mul" or len(numbers) != 1 or len(scales) != 1 or scales[0].outside:
        return None
    wide = scales[0].shape[-1:] == (numbers[0].made.width,) and scales[0].elements > 1
    return Spread(numbers[0], scales[0]).seen() if wide else None
