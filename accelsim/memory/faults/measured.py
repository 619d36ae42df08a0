"""How often chips misread cells: after programming, after some time, and warm.

Nothing is fitted: rows are what was measured, and between two of them error and time are
interpolated as powers of each other. Tails of real levels are in them, since errors were counted.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from accelsim.inputs.quantities import Kelvin, Seconds
from accelsim.inputs.validation import ConfigModel
from accelsim.memory.cells import BitsPerCell
from accelsim.memory.faults.levels import Probability, Transitions, check_count

MeasuredGrade = Literal["low", "typical", "high"]
# Of the published extrapolations: 30 to 50 times the time for 20 K.
_STEP_KELVIN = 20


class MeasuredErrors(ConfigModel):
    """Errors after some time at room temperature, least, usual and most; those not measured lack.

    ``per``: of bits in Gray code, where a misread cell has one wrong bit, or of cells.
    """

    elapsed: Seconds
    per: Literal["bit", "cell"]
    low: Probability | None = None
    typical: Probability | None = None
    high: Probability | None = None
    source: str


class RetentionErrors(ConfigModel):
    """Errors of bits by time at a ``temperature``, ``acceleration`` times sooner 20 K above."""

    temperature: Kelvin
    acceleration: Annotated[float, Field(ge=1)]
    elapsed: list[Seconds] = Field(min_length=2)
    errors: list[Probability] = Field(min_length=2)
    source: str

    @model_validator(mode="after")
    def _rising(self) -> RetentionErrors:
        if len(self.elapsed) != len(self.errors):
            raise ValueError("elapsed and errors differ in length; give one error for each time")
        for name in ("elapsed", "errors"):
            if any(low >= high for low, high in itertools.pairwise(getattr(self, name))):
                raise ValueError(f"{name} does not rise; give the shortest time first")
        return self

    def at(self, elapsed: float, temperature: float) -> float:
        """Return the error of a bit after a time at a temperature, extrapolated as a power."""
        warmer = (temperature - self.temperature) / _STEP_KELVIN
        points = list(zip(self.elapsed, self.errors, strict=True))
        return _power_law(points, elapsed * math.pow(self.acceleration, warmer))


class MeasuredCells(ConfigModel):
    """What was measured of cells with so many bits.

    ``misread_levels``: how often each level is misread against the others. ``errors`` in the order
    of their times, the first right after programming; after the last nothing more is known to
    change at room temperature. ``retention`` is None where nobody measured any loss.
    """

    bits_per_cell: BitsPerCell
    misread_levels: list[Annotated[float, Field(ge=0)]]
    levels_source: str
    errors: list[MeasuredErrors] = Field(min_length=1)
    retention: RetentionErrors | None = None

    @model_validator(mode="after")
    def _one_for_each_level(self) -> MeasuredCells:
        bits = self.bits_per_cell
        check_count("misread_levels", self.misread_levels, 2**bits, bits)
        if not sum(self.misread_levels):
            raise ValueError("misread_levels are all zero; some level is misread")
        if any(a.elapsed >= b.elapsed for a, b in itertools.pairwise(self.errors)):
            raise ValueError("errors are not in the order of elapsed; give the shortest time first")
        return self

    def cell_error(
        self, grade: MeasuredGrade, elapsed: float | None, temperature: float | None
    ) -> float:
        """Return how likely a cell is misread, levels equally frequent.

        ``elapsed`` [s] None is right after programming; ``temperature`` [K] None is room
        temperature, at which heat does nothing.
        """
        points: list[tuple[float, float]] = [
            (row.elapsed, value * (self.bits_per_cell if row.per == "bit" else 1))
            for row in self.errors
            if (value := getattr(row, grade)) is not None
        ]
        if elapsed is None:
            return points[0][1]
        time = min(max(elapsed, points[0][0]), points[-1][0])
        relaxed = _power_law(points, time)
        if self.retention is None or temperature is None:
            return relaxed
        lost = min(1.0, self.bits_per_cell * self.retention.at(elapsed, temperature))
        return relaxed + lost - relaxed * lost

    @property
    def fresh(self) -> float:
        """How likely a usual chip's cell is misread right after programming."""
        return self.cell_error("typical", None, None)

    def transitions(
        self, grade: MeasuredGrade, elapsed: float | None, temperature: float | None
    ) -> Transitions:
        """Return the probabilities of each misread: an inner level goes up as often as down."""
        error = self.cell_error(grade, elapsed, temperature)
        scale = error * len(self.misread_levels) / math.fsum(self.misread_levels)
        levels = [min(1.0, scale * share) for share in self.misread_levels]
        inner = [each / 2 for each in levels[1:-1]]
        return Transitions((levels[0], *inner), (*inner, levels[-1]))


def _power_law(points: Sequence[tuple[float, float]], time: float) -> float:
    """Return the value at a time, log-log between the two points about it or the nearest two."""
    if len(points) == 1:
        return points[0][1]
    pairs = list(itertools.pairwise(points))
    (first, low), (second, high) = next((p for p in pairs if time <= p[1][0]), pairs[-1])
    share = math.log(time / first) / math.log(second / first)
    return float(low * (high / low) ** share)
