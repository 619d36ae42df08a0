"""One operator of any kind, with parameters and operands of its shapes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.model.operators import (
    AVERAGE_POOL,
    CLIP,
    CONCAT,
    CONVOLUTION,
    INTERPOLATE,
    MAX_POOL,
    PREPEND,
    REARRANGE,
    ROTARY,
    Operator,
    OperatorKind,
    Reach,
    Window,
)
from accelsim.model.tensors import Parameter, Role

SENTENCES = 3


def example(kind: OperatorKind, rows: int = 4, width: int = 6, **options: Any) -> Operator:
    """Return an operator of ``width`` columns and depth with the first parameters it may have."""
    sizes: Any = SimpleNamespace(
        rows=rows, columns=width, depth=width, batch=1, parameters=(), form=""
    )
    shapes = kind.parameters(sizes)[0]
    parameters = tuple(Parameter(f"p{n}", s, Role.BACKBONE) for n, s in enumerate(shapes))
    if kind in (CONVOLUTION, MAX_POOL, AVERAGE_POOL, PREPEND):  # of single pixels
        read = rows - 1 if kind is PREPEND else rows
        options = {"window": Window((read, 1), (1, 1)), **options}
    if kind is CONCAT:
        options = {"parts": (width - 2, 2), **options}
    return Operator("x", kind, rows, width, width, parameters=parameters, **options)


def compute(
    operator: Operator, *operands: NDArray[Any], parameters: Any = (), state: Any = None
) -> NDArray[np.float32]:
    given = [np.asarray(value, np.float32) for value in parameters]
    return operator.kind.compute(operator, operands, given, state or {})


def random_operands(operator: Operator, seed: int = 1) -> list[NDArray[Any]]:
    """Return a random value for each input, and the numbers that a look-up needs."""
    generator = np.random.default_rng(seed)
    if operator.kind.reach is Reach.TABLE:
        entries = operator.parameters[0].shape[0]
        return [generator.integers(0, entries, (SENTENCES, operator.rows))]
    found: list[NDArray[Any]] = [
        generator.normal(0, 2, (SENTENCES, *shape)).astype(np.float32)
        for shape in operator.kind.inputs(operator)
    ]
    if operator.kind is REARRANGE:  # every element stays where it is
        found.append(np.arange(operator.elements).reshape(operator.rows, -1))
    if operator.kind is INTERPOLATE:  # of one row each
        rows = np.tile(np.arange(operator.rows), (4, 1))
        found += [rows, np.full(rows.shape, 0.25, np.float32)]
    if operator.kind is ROTARY:  # one head: cosines and sines of each row
        angles = generator.normal(0, 2, (operator.rows, operator.columns)).astype(np.float32)
        found += [np.cos(angles), np.sin(angles)]
    return found


def random_parameters(operator: Operator, seed: int = 2) -> list[NDArray[np.float32]]:
    if operator.kind is CLIP:  # beyond what the operands reach
        return [np.array([-99], np.float32), np.array([99], np.float32)]
    generator = np.random.default_rng(seed)
    return [generator.normal(0, 1, p.shape).astype(np.float32) for p in operator.parameters]
