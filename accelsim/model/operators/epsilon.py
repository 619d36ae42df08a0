"""What norms have in common: the ``form``, which is added to the variance, and heads of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelsim.model.operators.base import Operator, OperatorKind

_EPSILONS = (1e-12, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3)
EPSILON_FORMS = frozenset({"", *map(str, _EPSILONS)})


def known_epsilon(epsilon: float) -> float:
    """Return an epsilon. Raises ValueError for one that no published model has."""
    if epsilon not in _EPSILONS:
        raise ValueError(f"expected one of {', '.join(map(str, _EPSILONS))}, got {epsilon}")
    return epsilon


def form_of(epsilon: float, kind: OperatorKind) -> str:
    """Return the form of a norm that stands for an epsilon. Raises as ``known_epsilon``."""
    return "" if known_epsilon(epsilon) == kind.epsilon else str(epsilon)


def epsilon_of(operator: Operator) -> float:
    """Return the epsilon of a norm."""
    return float(operator.form or operator.kind.epsilon)


def head_width(operator: Operator) -> int:
    """Return how many columns are normalised together: as many as the scale has, or a whole row."""
    (width,) = operator.parameters[0].shape if operator.parameters else (operator.columns,)
    return operator.columns if operator.columns % width else width
