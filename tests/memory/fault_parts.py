"""What the tests of faults share: distributions, simple transitions, slow readers of cells."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from accelsim.memory.cells import CellLayout, Coding, data_of
from accelsim.memory.faults.injection import Faults, draw_faults, fault_generator, level_counts
from accelsim.memory.faults.levels import BitFlips, Transitions


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


def codes_of(planes: Sequence[np.ndarray], layout: CellLayout) -> np.ndarray:
    """The codes of levels: the inverse of ``to_levels``."""
    return sum(
        data_of(plane, layout.coding).astype(np.uint64) << shift
        for plane, shift in zip(planes, layout.shifts, strict=True)
    )


def draw(levels: np.ndarray, transitions: Transitions, seed: int, *stream: str) -> Faults:
    """Draw faults of levels, counted first."""
    counts = level_counts(levels, transitions.bits)
    return draw_faults(levels, transitions, fault_generator(seed, *stream), counts)


def applied(faults: Faults, levels: np.ndarray) -> np.ndarray:
    """Levels with faults."""
    faulty = levels.copy()
    faulty.reshape(-1)[faults.positions] += faults.steps.astype(np.uint8)
    return faulty


def bit_error_rate(table: Transitions, coding: Coding) -> float:
    """The share of a cell's bits that are read wrong, all levels equally frequent."""
    levels = range(2**table.bits)
    wrong = sum(
        probability * (data_of(level, coding) ^ data_of(level + step, coding)).bit_count()
        for level in levels
        for probability, step in zip(table.of_level(level), (1, -1), strict=True)
        if probability
    )
    return wrong / len(levels) / table.bits


def word_cells(
    word: int, values: CellLayout, checks: CellLayout, model: Mapping[int, Transitions]
) -> list[tuple[BitFlips, int]]:
    """The cells of a code word of whole values, all levels equally likely."""
    widths = Counter({w: n * word // values.bits for w, n in Counter(values.widths).items()})
    cells = [(width, values.coding, count) for width, count in widths.items()]
    cells += [(width, checks.coding, count) for width, count in Counter(checks.widths).items()]
    return [(model[width].flips(coding), count) for width, coding, count in cells]
