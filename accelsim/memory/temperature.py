"""Currents at temperatures between and beyond those that a source states."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from accelsim.inputs.quantities import Amperes, PartKelvin


def _rising(figures: dict[float, float]) -> dict[float, float]:
    known = sorted(figures.items())
    for (cold, more), (hot, less) in pairwise(known):
        if less < more:
            wrong = f"{less:g} A at {hot:g} K is less than {more:g} A at {cold:g} K"
            raise ValueError(f"{wrong}; expected no less of a hotter part")
    return figures


Currents = Annotated[
    dict[PartKelvin, Annotated[Amperes, Field(gt=0)]], Field(min_length=1), AfterValidator(_rising)
]
"""Currents [A] by temperature [K]; above zero, as nothing rests for free, and rising with it."""


def at_temperature(figures: Mapping[float, float], temperature: float) -> float:
    """Return a figure at a temperature: exponential between two stated ones and beyond the last.

    A figure that is stated at one temperature alone is taken for every other.
    """
    known = sorted(figures)
    if len(known) == 1:
        return figures[known[0]]
    # The pair around the temperature, or the one at the end that it lies beyond.
    above = next((n for n, each in enumerate(known) if each >= temperature), len(known) - 1)
    low, high = known[max(above, 1) - 1], known[max(above, 1)]
    slope = math.log(figures[high] / figures[low]) / (high - low)
    return figures[low] * math.exp(slope * (temperature - low))
