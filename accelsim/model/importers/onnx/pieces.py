"""What a fused node is made of: nodes that are made one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from accelsim.model.importers.onnx.values import (
    Constant,
    Inputs,
    Own,
    UnsupportedError,
    attributes_of,
)

MICROSOFT = "com.microsoft"


class Parts:
    """Makes the parts of one fused ``node``: a call is a node of that kind, and returns what it
    makes. ``run`` makes a node of inputs.
    """

    def __init__(
        self, node: Any, inputs: Inputs, run: Callable[[Any, Sequence[Any]], list[Any]]
    ) -> None:
        self.node, self.inputs, self._run = node, inputs, run
        self.own: Own = attributes_of(node)
        self._kept: list[Any] = []
        self._names = {id(each): name for each, name in zip(inputs, node.input, strict=True)}

    def given(self, count: int) -> list[Any]:
        """Return the first inputs; None for those that are left out."""
        return [*self.inputs, *[None] * count][:count]

    def refuse(self, names: str, *usual: Any) -> None:
        """Raise UnsupportedError where an attribute is given that is not among the usual values."""
        for name in names.split():
            if self.own.get(name, usual[0]) not in usual:
                raise UnsupportedError(f"{name} {self.own[name]}, expected {usual[0]}")

    def read(self, given: Any) -> Any:
        """Return the array of a constant."""
        if not isinstance(given, Constant):
            raise UnsupportedError("an input that must be a constant depends on activations")
        return np.asarray(given.value)

    def constant(self, values: Any, like: Any = "") -> Constant:
        """Return a constant; ``like`` another, it has its name and comes from where it does."""
        array = np.asarray(values)
        if isinstance(like, Constant):
            return replace(like, shape=array.shape, read=lambda: array)
        return Constant(self.node.output[0], array.shape, lambda: array)

    def numbers(self, *values: int) -> Constant:
        """Return a constant of a shape or of axes."""
        return self.constant(np.array(values, np.int64))

    def __call__(self, kind: str, *given: Any, **attributes: Any) -> Any:
        """Return what a node makes of values."""
        import onnx

        place = f"{self.node.output[0]}.{len(self._names)}"
        names = [self._names.get(id(each), place) if each is not None else "" for each in given]
        called = self.node.name or self.node.output[0]
        made, *_ = self._run(
            onnx.helper.make_node(kind, names, [place], called, **attributes), given
        )
        self._names[id(made)] = place
        self._kept.append(made)  # an id is of one that is kept
        return made

    def total(self, *given: Any) -> Any:
        """Return the sum of what is given."""
        first, *others = (each for each in given if each is not None)
        for each in others:
            first = self("Add", first, each)
        return first

    def shaped(self, value: Any, *shape: int) -> Any:
        """Return another shape."""
        return self("Reshape", value, self.numbers(*shape))

    def turned(self, value: Any, *axes: int) -> Any:
        """Return the axes in another order."""
        return self("Transpose", value, perm=list(axes))

    def cut(self, value: Any, axis: int, *sizes: int) -> list[Any]:
        """Return parts along an axis."""
        ends = [sum(sizes[: at + 1]) for at in range(len(sizes))]
        bounds = [(end - size, end, axis) for size, end in zip(sizes, ends, strict=True)]
        return [self("Slice", value, *map(self.numbers, each)) for each in bounds]
