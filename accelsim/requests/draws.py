"""Random variates from named streams.

A stream is seeded by a text such as ``1/arrivals/MNLI``, so that what one task draws does not
depend on the other tasks. Each variate uses one draw of bits and a formula of ours: Python
promises the same bits in every version, but not the same ``expovariate``.
"""

from __future__ import annotations

import math
from random import Random
from statistics import NormalDist

from accelsim.units import Tick

_STANDARD_NORMAL = NormalDist()


def stream(seed: int, *names: str) -> Random:
    """Return the stream of a seed and a name."""
    return Random("/".join((str(seed), *names)))


def uniform(source: Random) -> float:
    """Return a number between 0 and 1, neither included, that a float holds exactly."""
    return (source.getrandbits(52) + 0.5) / 2**52


def exponential(source: Random, mean: float) -> Tick:
    """Return an exponential time of a mean in ticks, to the nearest tick."""
    return round(-math.log(uniform(source)) * mean)


def geometric(source: Random, mean: float) -> int:
    """Return a geometric number of at least 1: trials until the first success of chance 1/mean."""
    if mean <= 1:
        return 1
    return math.ceil(math.log(uniform(source)) / math.log1p(-1 / mean))


def lognormal(source: Random, mean: float, deviation: float) -> float:
    """Return a log-normal number of a mean and a standard deviation (its own, not its log's)."""
    variance = math.log1p((deviation / mean) ** 2)
    normal = _STANDARD_NORMAL.inv_cdf(uniform(source))
    return mean * math.exp(math.sqrt(variance) * normal - variance / 2)
