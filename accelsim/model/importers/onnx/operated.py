"""What a node makes of activations: an operator, a step of rotary positions, or what it moves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from accelsim.model.importers.onnx.kinds import Maker
from accelsim.model.importers.onnx.moved import MOVING, copies, wanted_columns
from accelsim.model.importers.onnx.parts import Value
from accelsim.model.importers.onnx.placer import Placer
from accelsim.model.importers.onnx.turned import Turned, turned
from accelsim.model.importers.onnx.values import Constant, Inputs, UnsupportedError, attributes_of


def operated(placer: Placer, maker: Maker, node: Any, inputs: Inputs) -> list[Any]:
    """Return what a maker makes, or what is a step of something that several nodes spell out.

    Where a maker cannot read its inputs as they are seen, it reads copies. Raises UnsupportedError.
    """
    found = None if _maker_first(node, inputs) else turned(placer, node, inputs, None)
    if found:
        return list(found)
    part = node.op_type == "Neg" and isinstance(inputs[0], Value) and not inputs[0].whole
    given = list(inputs)
    try:
        if part:
            raise UnsupportedError("it reads a part of what another operator makes")
        given = [
            each.told(placer, wanted_columns(node, inputs, at))
            if isinstance(each, Turned)
            else each
            for at, each in enumerate(inputs)
        ]
        made = maker(placer, node, attributes_of(node), given)
    except UnsupportedError as error:
        steps = None if _of_channels(node, given) else turned(placer, node, inputs, error)
        if steps:
            for step in steps:
                step.again = partial(_made_again, placer, maker, node, inputs, error, step.shape)
            return list(steps)
        made = _made_of_copies(placer, maker, node, given, error)
    return made if isinstance(made, list) else [made]


def _maker_first(node: Any, inputs: Inputs) -> bool:
    """Say whether a node may end what others began, or begin anew."""
    begun = [each for each in inputs if isinstance(each, Turned)]
    moved = all(each.moved for each in begun)
    ends = node.op_type not in (*MOVING, "Neg") if moved else node.op_type == "Transpose"
    return not begun or ends or node.op_type in ("Mul", "Div")


def _made_again(
    placer: Placer,
    maker: Maker,
    node: Any,
    inputs: Sequence[Any],
    error: UnsupportedError,
    shape: tuple[int, ...],
) -> Value:
    """Return what a node makes of what was no step of rotary positions."""
    given = [each.told(placer) if isinstance(each, Turned) else each for each in inputs]
    made = _made_of_copies(placer, maker, node, given, error)
    if not isinstance(made, Value):  # parts of it move data alone
        raise error
    return made if made.shape == shape else made.with_view(made.seen.reshape(shape))


def _of_channels(node: Any, given: Sequence[Any]) -> bool:
    """Say whether a constant is a vector along another axis than the last: no rotary positions."""
    return node.op_type in ("Add", "Div", "Mul", "Sub") and any(
        isinstance(each, Constant) and each.elements == max(each.shape[:-1], default=0) > 1
        for each in given
    )


def _made_of_copies(
    placer: Placer, maker: Maker, node: Any, given: Sequence[Any], error: UnsupportedError
) -> Any:
    """Return what a maker makes of copies. Raises the first error where they are no help."""
    copied = copies(placer, node, given)
    if copied is None:
        raise error
    try:
        return maker(placer, node, attributes_of(node), copied)
    except UnsupportedError:
        raise error from None
