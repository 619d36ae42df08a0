"""The same cell fault probability in value cells and, where there are masks, in mask cells.

Every cell of a part is misread with one probability, whatever its level, as a neighbouring level;
the other part is read without faults.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from accelsim.memory.faults.levels import Transitions
from accelsim.study.faults.damage import DamageSummary, Judge
from accelsim.study.faults.schemes import StorageScheme
from accelsim.study.faults.stored_model import CellFaults, Resync, StoredModel

# The error of the logits at which the rates of values and masks are compared [ours].
LEVEL = 0.1
# An error as large as the logits themselves: higher rates would say the same, none is run [ours].
SATURATED = 1.0


@dataclass(frozen=True)
class SweepPoint:
    """A probability of misreading a cell, the mean number of faults that it makes, the damage.

    ``damage`` is None where so few are expected that none was drawn.
    """

    rate: float
    expected: float
    damage: DamageSummary | None


@dataclass(frozen=True)
class Curve:
    """Damage against the fault rate of one part.

    ``points`` end with the first at which the error of the logits is ``SATURATED``. ``cells`` of
    the part, the damage of exactly ``one`` of them misread, and where the logits reach the error
    ``LEVEL``: the ``rate``, None where no point lies above it or none below.
    """

    name: str
    part: Literal["values", "masks"]
    resync: Resync
    cells: int
    points: tuple[SweepPoint, ...]
    one: DamageSummary
    rate: float | None


@dataclass(frozen=True)
class Sweep:
    """The curves of values, and where tensors have masks, of these and of masks read afresh at
    every row.

    ``sentences`` of a reading, ``seeds`` of a point. ``resync_bits``: what the counts of stored
    values of each row would add, which the last curve takes to be free of faults.
    """

    scheme: StorageScheme
    curves: tuple[Curve, ...]
    resync_bits: int
    sentences: int
    seeds: int

    @property
    def values(self) -> Curve:
        """The curve of faults in values."""
        return self.curves[0]

    def harm_per_cell(self, curve: Curve) -> float | None:
        """Return how many times higher the rate in values is for the same error of the logits."""
        if self.values.rate is None or not curve.rate:
            return None
        return self.values.rate / curve.rate

    def harm_per_fault(self, curve: Curve) -> float | None:
        """Return how many times more faults in values make the same error of the logits."""
        ratio = self.harm_per_cell(curve)
        return None if ratio is None else ratio * self.values.cells / curve.cells

    def harm_of_one(self, curve: Curve) -> float | None:
        """Return the logit error of one fault over that of one in values, at the least.

        The lower end of the one interval over the upper end of the other; None where that says
        nothing. Errors of single faults are so skewed that the ratio of two means is noise.
        """
        own, other = curve.one.logits.low, self.values.one.logits.high
        return own / other if own and own > 0 and other else None


# Single faults differ more than seeds of many: so many times as many are judged [ours].
_SINGLES = 2


def sweep_faults(
    judge: Judge,
    scheme: StorageScheme,
    stored: StoredModel,
    rates: Sequence[float],
    seeds: Sequence[int],
    rare: float,
    progress: Callable[[str], None],
) -> Sweep:
    """Return the damage of faults in values or in masks at each rate.

    Where fewer than ``rare`` faults are expected none is drawn.
    """
    kinds: list[tuple[str, Literal["values", "masks"], Resync]] = [
        ("values", "values", "none"),
        ("masks", "masks", "none"),
        ("masks, new start each row", "masks", "row"),
    ]
    curves = []
    for name, part, resync in kinds if stored.mask_cells else kinds[:1]:
        points = []
        for rate in rates:
            progress(f"faults in {name} at {rate:g} a cell")
            faults = uniform_faults(rate, part)
            expected = stored.expected(faults).total
            damage = None
            if expected >= rare:
                damage = judge.judge_seeds(partial(stored.read, faults, resync=resync), seeds)
            points.append(SweepPoint(rate, expected, damage))
            if damage and damage.logits.mean >= SATURATED:
                break
        many = range(seeds[0], seeds[0] + _SINGLES * len(seeds))
        one = judge.judge_seeds(partial(stored.read_flipped, part, resync=resync), many)
        cells = stored.value_cells if part == "values" else stored.mask_cells
        curves.append(Curve(name, part, resync, cells, tuple(points), one, crossing(points)))
    return Sweep(scheme, tuple(curves), _resync_bits(stored), len(judge.sentences), len(seeds))


def uniform_faults(rate: float, part: Literal["values", "masks"]) -> CellFaults:
    """Return transitions that misread every cell of a part with one probability.

    An inner level is taken for either neighbour with half of it.
    """
    faulty = {bits: uniform_transitions(bits, rate) for bits in (1, 2, 3)}
    sound = {bits: uniform_transitions(bits, 0.0) for bits in (1, 2, 3)}
    return CellFaults(faulty if part == "values" else sound, faulty if part == "masks" else sound)


def uniform_transitions(bits: int, rate: float) -> Transitions:
    """Return the transitions of a cell that is misread with a probability at any level."""
    gaps = 2**bits - 1
    up = tuple(rate if level == 0 else rate / 2 for level in range(gaps))
    return Transitions(up, tuple(reversed(up)))


def crossing(points: Sequence[SweepPoint]) -> float | None:
    """Return the rate at which the mean logit error first rises to LEVEL, in log-log."""
    found = [(one.rate, one.damage.logits.mean) for one in points if one.damage]
    found = [(rate, error) for rate, error in found if error > 0]
    for (low, below), (high, above) in itertools.pairwise(found):
        if below < LEVEL <= above:
            share = math.log(LEVEL / below) / math.log(min(above, 1e300) / below)
            return float(low * (high / low) ** share)
    return None


def _resync_bits(stored: StoredModel) -> int:
    """Return the bits of a count of stored values for every row of the masked tensors."""
    shapes = [one.tensor.parameter.shape for one in stored.tensors.values() if one.masks]
    return sum(math.prod(shape[:-1]) * shape[-1].bit_length() for shape in shapes)
