"""The levels of a cell and how likely each is read as its neighbour.

The quantity that is read (a conductance, say) is normally distributed about each level's mean,
in units of the full range. The reader compares it with one threshold between each two levels,
where their densities are equal. Only neighbours are mistaken for each other: whatever lies beyond
a threshold counts as the next level. This is the model of nvmFI (NVMExplorer).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.validation import ConfigModel
from accelsim.memory.cells import BitsPerCell, Coding, data_of

Sigma = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


class CellLevels(ConfigModel):
    """Mean and sigma of every level, lowest first, in units of the full range; their source."""

    bits_per_cell: BitsPerCell
    means: list[float]
    sigmas: list[Sigma]
    source: str

    @model_validator(mode="after")
    def _one_for_each_level(self) -> CellLevels:
        for name in ("means", "sigmas"):
            check_count(name, getattr(self, name), 2**self.bits_per_cell, self.bits_per_cell)
        if any(low >= high for low, high in itertools.pairwise(self.means)):
            raise ValueError("means are not in rising order; expected the lowest level first")
        return self


def check_count(name: str, given: Sequence[float], wanted: int, bits_per_cell: int) -> None:
    """Raise ValueError unless a list of figures has the length that the cell calls for."""
    if len(given) != wanted:
        raise ValueError(
            f"{name} has {len(given)} entries; expected {wanted} for {bits_per_cell} bits per cell"
        )


@dataclass(frozen=True)
class Transitions:
    """Probabilities of a misread: ``up[i]`` of level i for i + 1, ``down[i]`` of i + 1 for i."""

    up: tuple[float, ...]
    down: tuple[float, ...]

    @property
    def bits(self) -> int:
        """Bits of the cell."""
        return len(self.up).bit_length()

    def of_level(self, level: int) -> tuple[float, float]:
        """Return the probabilities (up, down) of one level; zero beyond the ends."""
        up = self.up[level] if level < len(self.up) else 0.0
        return up, self.down[level - 1] if level else 0.0

    def fault_probability(self) -> float:
        """Return the probability that a cell is misread, all levels equally frequent."""
        levels = range(len(self.up) + 1)
        return math.fsum(1 / len(levels) * math.fsum(self.of_level(level)) for level in levels)

    def flips(self, coding: Coding, shares: Sequence[float] | None = None) -> BitFlips:
        """Return how likely a cell yields one wrong bit, and more than one.

        ``shares`` of the cells by level; without them all levels are equally frequent.
        """
        found = [0.0, 0.0]
        levels = len(self.up) + 1
        for level, share in enumerate(shares or [1 / levels] * levels):
            for probability, step in zip(self.of_level(level), (1, -1), strict=True):
                if probability:
                    wrong = data_of(level, coding) ^ data_of(level + step, coding)
                    found[wrong.bit_count() > 1] += share * probability
        return BitFlips(*found)


@dataclass(frozen=True)
class BitFlips:
    """Probabilities that reading one cell yields exactly one wrong bit, and more than one."""

    one: float
    more: float


def thresholds(means: Sequence[float], sigmas: Sequence[float]) -> tuple[float, ...]:
    """Return where the densities of neighbouring levels are equal, between their means.

    Raises ConfigError where one density lies above the other all the way between the means.
    """
    pairs = itertools.pairwise(zip(means, sigmas, strict=True))
    return tuple(_crossing(level, *low, *high) for level, (low, high) in enumerate(pairs))


def _crossing(level: int, low: float, low_sigma: float, high: float, high_sigma: float) -> float:
    """Solve ((x - low) / low_sigma)^2 + 2 ln low_sigma = the same of the higher level.

    With x = low + t (high - low) this is a t^2 + 2 b t + c = 0 whose coefficients do not cancel.
    """
    first, second = (high - low) / low_sigma, (high - low) / high_sigma
    a, b, c = first**2 - second**2, second**2, 2 * math.log(low_sigma / high_sigma) - second**2
    # Both means must lie on the side of their own density.
    if c >= 0 or a + 2 * b + c <= 0:
        raise ConfigError(
            f"levels {level} and {level + 1} overlap so much that no threshold between "
            f"{low:g} and {high:g} tells them apart; lower their sigmas or sigma_scale"
        )
    # Of the two roots -c / (b +- sqrt) this one is the crossing between the means.
    return low - (high - low) * c / (b + math.sqrt(b * b - a * c))


def transitions_of(
    means: Sequence[float], sigmas: Sequence[float], cuts: Sequence[float]
) -> Transitions:
    """Return how likely levels lie beyond ``cuts``, by erfc: all digits hold down to 1e-300."""
    lower, upper = (
        zip(cuts, means, sigmas, strict=False),
        zip(cuts, means[1:], sigmas[1:], strict=True),
    )
    return Transitions(
        up=tuple(_tail((cut - mean) / sigma) for cut, mean, sigma in lower),
        down=tuple(_tail((mean - cut) / sigma) for cut, mean, sigma in upper),
    )


def _tail(deviations: float) -> float:
    """Return the probability of a normal variable beyond so many standard deviations."""
    return 0.5 * math.erfc(deviations / math.sqrt(2))
