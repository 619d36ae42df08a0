"""Confidence intervals of 95 % over seeds: Student's t for means, Wilson's score for shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

INTERVALS = (
    "Intervals are of 95 % over seeds: Student's t for means, Wilson's score for agreement, where "
    "a seed is one trial because its sentences share its faults."
)
_LEVEL = 0.95
# Standard deviations of a normal variable that hold 95 % of it, to double precision.
_NORMAL = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A mean over ``seeds`` and its interval of 95 %; None where one seed tells of no spread."""

    mean: float
    low: float | None
    high: float | None
    seeds: int


def mean_of(values: Sequence[float]) -> Estimate:
    """Return the mean with Student's t interval, which assumes means that are about normal.

    Values are infinite where an output overflowed: so is the mean then, and there is no interval.
    """
    count, mean = len(values), math.fsum(values) / len(values)
    if count < 2 or not math.isfinite(mean):
        return Estimate(mean, None, None, count)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    half = student_quantile(count - 1) * math.sqrt(variance / count)
    return Estimate(mean, mean - half, mean + half, count)


def share_of(shares: Sequence[float]) -> Estimate:
    """Return the mean of shares of 0 to 1 with Wilson's score interval.

    A seed counts as one trial, however many sentences it has: they share its faults. A share
    varies less than a trial that succeeds or fails, so the interval is rather too wide.
    """
    count, mean = len(shares), math.fsum(shares) / len(shares)
    square = _NORMAL**2
    middle = (mean + square / (2 * count)) / (1 + square / count)
    spread = math.sqrt(mean * (1 - mean) / count + square / (4 * count**2))
    half = _NORMAL * spread / (1 + square / count)
    return Estimate(mean, max(0.0, middle - half), min(1.0, middle + half), count)


@lru_cache
def student_quantile(freedom: int) -> float:
    """Return t that |T| exceeds with probability 5 %, for some degrees of freedom (1 or more)."""
    low, high = _NORMAL, 13.0  # 12.706 at one degree of freedom.
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < _LEVEL else (low, middle)
    return (low + high) / 2


def _within(t: float, freedom: int) -> float:
    """Return P(|T| < t), by the finite series of Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    odd = freedom % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= cosine**2 * (power + 1) / (power + 2)
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
