"""What norms have in common: the ``form``, which is added to the variance, and heads of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelsim.model.operators.base import Operator

_EPSILONS = (1e-12, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3)
EPSILON_FORMS = frozenset({"", *map(str, _EPSILONS)})


def form_of(epsilon: float, usual: float) -> str:
    """Return the form that stands for an epsilon, "" for a kind's ``usual`` one.

    Raises ValueError for one that no published model has.
    """
    if epsilon not in _EPSILONS:
        known = ", ".join(map(str, _EPSILONS))
        raise ValueError(f"norm_epsilon is {epsilon}; expected one of {known}")
    return "" if epsilon == usual else str(epsilon)


def epsilon_of(form: str, usual: float) -> float:
    """Return the epsilon of a form."""
    return float(form or usual)


def head_width(operator: Operator) -> int:
    """Return how many columns are normalised together: as many as the scale has, or a whole row."""
    (width,) = operator.parameters[0].shape if operator.parameters else (operator.columns,)
    return operator.columns if operator.columns % width else width
