"""Recurrent nodes as the steps that they stand for: GRU, LSTM and RNN.

Products with the input are of all steps together. Each step multiplies what the one before made by
the recurrent weights, which are read anew, and takes a copy of its row [ours]. A first step from
zeros has no such product. Source: the operator pages of ONNX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accelsim.model.importers.onnx.pieces import Parts
from accelsim.model.importers.onnx.values import Constant, UnsupportedError

_USUAL = {"GRU": (b"Sigmoid", b"Tanh"), "LSTM": (b"Sigmoid", b"Tanh", b"Tanh"), "RNN": (b"Tanh",)}
_GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}
_MOST_STEPS = 2000


@dataclass(frozen=True)
class _Cell:
    """One direction: what the input makes of each gate, recurrent weights, and their biases."""

    parts: Parts
    inputs: Sequence[Any]
    weights: Sequence[Constant]
    biases: Sequence[Constant]

    def row(self, gate: int, step: int) -> Any:
        """Return what the input gives a gate in a step."""
        p = self.parts
        return p("Slice", self.inputs[gate], *map(p.numbers, (step, step + 1, 0)))

    def gate(self, gate: int, step: int, state: Any) -> Any:
        """Return the sum of a gate, before its function."""
        row = self.row(gate, step)
        return row if state is None else self.parts("Add", row, self.again(gate, state))

    def again(self, gate: int, state: Any) -> Any:
        """Return the product of a state."""
        return self.parts("Gemm", state, self.weights[gate], transB=1)

    def plus(self, first: Any, second: Any, other: Any) -> Any:
        """Return first + second x other, of which the last may be zero."""
        p = self.parts
        return first if other is None else p("Add", first, p("Mul", second, other))


def _rnn(cell: _Cell, step: int, state: Any, memory: Any) -> tuple[Any, Any]:
    return cell.parts("Tanh", cell.gate(0, step, state)), None


def _gru(cell: _Cell, step: int, state: Any, memory: Any) -> tuple[Any, Any]:
    p = cell.parts
    update, reset = (p("Sigmoid", cell.gate(gate, step, state)) for gate in range(2))
    if p.own.get("linear_before_reset"):
        bias = cell.biases[2]
        made = bias if state is None else p("Gemm", state, cell.weights[2], bias, transB=1)
        found = p("Tanh", p("Add", cell.row(2, step), p("Mul", reset, made)))
    else:
        kept = None if state is None else p("Mul", reset, state)
        found = p("Tanh", cell.gate(2, step, kept))
    new = p("Mul", p("Sub", p.constant(np.float32(1)), update), found)
    return cell.plus(new, update, state), None


def _lstm(cell: _Cell, step: int, state: Any, memory: Any) -> tuple[Any, Any]:
    p = cell.parts
    given, out, forget = (p("Sigmoid", cell.gate(gate, step, state)) for gate in range(3))
    new = p("Mul", given, p("Tanh", cell.gate(3, step, state)))
    memory = cell.plus(new, forget, memory)
    return p("Mul", out, p("Tanh", memory)), memory


_STEPS: dict[str, Callable[[_Cell, int, Any, Any], tuple[Any, Any]]] = {
    "GRU": _gru,
    "LSTM": _lstm,
    "RNN": _rnn,
}


def recurrent(p: Parts) -> list[Any]:
    """Return all states of a recurrent node, and the last ones."""
    value, weight, again, bias, lengths, *states = p.given(8)
    directions, width = again.shape[0], again.shape[2]
    steps, batch, _ = value.shape
    _check(p, steps, batch, lengths)
    rows = p.shaped(value, steps, -1)
    every, ends, kept = [], [], []
    for number in range(directions):
        cell = _cell(p, rows, [each and p.read(each)[number] for each in (weight, again, bias)])
        state, memory = (_begin(p, each, number, width) for each in states[:2])
        order = range(steps)
        backward = number == 1 or p.own.get("direction") == b"reverse"
        made = {}
        for step in reversed(order) if backward else order:
            state, memory = _STEPS[p.node.op_type](cell, step, state, memory)
            made[step] = p.shaped(state, 1, 1, 1, width)
        every.append(p("Concat", *(made[step] for step in order), axis=0))
        ends.append(p.shaped(state, 1, 1, width))
        kept += [p.shaped(memory, 1, 1, width)] if memory is not None else []
    whole = [p("Concat", *each, axis=axis) for each, axis in ((every, 1), (ends, 0))]
    return [*whole, *([p("Concat", *kept, axis=0)] if kept else [])][: len(p.node.output)]


def _check(p: Parts, steps: int, batch: int, lengths: Any) -> None:
    kind = p.node.op_type
    usual = list(_USUAL[kind])
    told = p.own.get("activations", usual)
    if told not in (usual, 2 * usual) or "clip" in p.own or p.own.get("input_forget"):
        raise UnsupportedError("it has functions of its own, or clips")
    if p.own.get("layout") or batch != 1 or steps > _MOST_STEPS:
        raise UnsupportedError(f"expected one sequence of at most {_MOST_STEPS} steps, layout 0")
    if lengths is not None and (p.read(lengths) != steps).any():
        raise UnsupportedError("it ends before its last step")
    if p.given(8)[7] is not None and p.read(p.given(8)[7]).any():
        raise UnsupportedError("it has peepholes")


def _cell(p: Parts, rows: Any, arrays: Sequence[Any]) -> _Cell:
    """Return a direction; biases are added once, but that of a state which a gate resets."""
    weight, again, bias = arrays
    gates = _GATES[p.node.op_type]
    width = again.shape[1]
    both = np.zeros(2 * gates * width, np.float32) if bias is None else bias
    first, second = both.reshape(2, gates, width)
    late = p.node.op_type == "GRU" and p.own.get("linear_before_reset")
    early = first + second * np.array([[1]] * 2 + [[0 if late else 1]] * (gates - 2))[:gates]
    inputs, recurrent_, named = p.given(4)[1:]
    own = [p.constant(each, inputs) for each in weight.reshape(gates, width, -1)]
    shifts = [p.constant(each.astype(np.float32), named or "") for each in early]
    made = [p("Gemm", rows, *each, transB=1) for each in zip(own, shifts, strict=True)]
    weights = [p.constant(each, recurrent_) for each in again.reshape(gates, width, width)]
    biases = [p.constant(each, named or "") for each in second]
    return _Cell(p, made, weights, biases)


def _begin(p: Parts, state: Any, number: int, width: int) -> Any:
    """Return where a direction begins; None for zeros."""
    if state is None or (isinstance(state, Constant) and not state.value.any()):
        return None
    if isinstance(state, Constant):
        raise UnsupportedError("it begins with constants other than zeros")
    return p.shaped(p.cut(state, 0, *[1] * state.shape[0])[number], 1, width)
