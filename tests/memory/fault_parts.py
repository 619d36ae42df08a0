"""What the tests of faults share: the chi-square distribution and simple transitions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from accelsim.memory.faults.levels import Transitions


def chi_square_tail(statistic: float, freedom: int) -> float:
    """Probability of a chi-square variable above the statistic: Q(freedom / 2, statistic / 2)."""
    half = statistic / 2
    tail, step = (math.exp(-half), 1.0) if freedom % 2 == 0 else (math.erfc(math.sqrt(half)), 0.5)
    while step < freedom / 2:
        tail += math.exp(step * math.log(half) - half - math.lgamma(step + 1)) if half else 0.0
        step += 1
    return tail


def fit(observed: Sequence[float], expected: Sequence[float], lost: int = 0) -> float:
    """Probability of a worse fit; ``lost`` degrees of freedom are fixed by the data."""
    pairs = zip(observed, expected, strict=True)
    statistic = sum((seen - mean) ** 2 / mean for seen, mean in pairs)
    return chi_square_tail(statistic, len(observed) - lost)


def even(bits: int, probability: float) -> Transitions:
    """Every transition of a cell equally likely."""
    gaps = 2**bits - 1
    return Transitions((probability,) * gaps, (probability,) * gaps)
