"""``accelsim.uncertainty``: bands of all figures and gains, and what matters most in each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import ConfigError
from accelsim.evaluation.examine import resolve
from accelsim.evaluation.point import Point, Row
from accelsim.study.evaluator import Evaluator, Progress
from accelsim.study.outcome import Outcome
from accelsim.study.sweep.run import Evaluation, given_store
from accelsim.study.sweep.samples import Sample
from accelsim.study.uncertainty.quantities import SHIPPED, Space, load_space

Method = Literal["latin_hypercube", "sobol"]
Numbers = NDArray[np.float64]
LEVELS = (0.05, 0.5, 0.95)
# [ours] A 5 % point of fewer points says nothing.
_FEWEST = 20


class Band(NamedTuple):
    """A figure as the files have it, and its 5, 50 and 95 % points, in SI units."""

    name: str
    as_is: float
    low: float
    middle: float
    high: float


class Influence(NamedTuple):
    """How a figure follows a quantity: Spearman's rank correlation, and its share of the variance.

    The shares of all quantities add up to what a linear model of ranks explains.
    """

    quantity: str
    correlation: float
    share: float


@dataclass(frozen=True)
class Uncertainty:
    """A sample of a workload's quantities and the figures that came out.

    ``places`` and ``samples`` have a row for each point that has figures; ``left_out`` others have
    none, ``reason`` is the first's.
    """

    space: Space
    row: Row
    places: Numbers
    samples: Mapping[str, Numbers]
    left_out: int
    reason: str
    seed: int
    method: Method

    @cached_property
    def bands(self) -> dict[str, Band]:
        """The band of every figure that is a number, by name."""
        return {name: self._band(name, values) for name, values in self.samples.items()}

    def _band(self, name: str, values: Numbers) -> Band:
        as_is = self.row[name]
        assert isinstance(as_is, (int, float))
        return Band(name, float(as_is), *(float(each) for each in np.quantile(values, LEVELS)))

    def influences(self, name: str) -> list[Influence]:
        """Return what a figure follows, what matters most first. Raises ConfigError for no figure.

        A figure that does not vary follows nothing.
        """
        if name not in self.samples:
            raise ConfigError(f"'{name}' is no figure that is a number")
        shares = rank_shares(self._numbers, self.samples[name])
        names = (quantity.name for quantity in self.space.quantities)
        found = [Influence(n, *each) for n, each in zip(names, shares, strict=True)]
        return sorted(found, key=lambda each: abs(each.correlation), reverse=True)

    @cached_property
    def _numbers(self) -> Numbers:
        columns = zip(self.space.quantities, self.places.T, strict=True)
        return np.array([[q.number(place) for place in places] for q, places in columns]).T

    def columns(self) -> dict[str, list[float]]:
        """Return quantities and figures by name, an entry a point: what a data frame is made of."""
        names = [quantity.name for quantity in self.space.quantities]
        drawn = {n: list(map(float, each)) for n, each in zip(names, self._numbers.T, strict=True)}
        return drawn | {name: list(map(float, each)) for name, each in self.samples.items()}


def rank_shares(inputs: Numbers, output: Numbers) -> list[tuple[float, float]]:
    """Return of each column of inputs its rank correlation with the output, and its share.

    Shares are coefficients of a linear model of standardised ranks times the correlations: they
    add up to its R2 (Pratt). Nothing follows an input or an output that does not vary.
    """
    ranks = np.column_stack([_standardised(column) for column in inputs.T])
    target = _standardised(output)
    correlations = ranks.T @ target / len(target)
    coefficients = np.linalg.lstsq(ranks, target, rcond=None)[0]
    return [(float(r), float(r * b)) for r, b in zip(correlations, coefficients, strict=True)]


def _standardised(values: Numbers) -> Numbers:
    """Return ranks, those of equal values their mean, with mean 0 and variance 1 (or all 0)."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[places.ravel()]
    centred = ranks - ranks.mean()
    spread = float(centred.std())
    found: Numbers = centred / spread if spread else centred
    return found


def uncertainty(
    workload: str | Path,
    points: int = 500,
    *,
    set: Sequence[str] = (),
    cases: Sequence[str] | None = None,
    inputs: Iterable[str | Path] = (SHIPPED,),
    method: Method = "latin_hypercube",
    seed: int = 0,
    jobs: int | None = None,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> Uncertainty:
    """Draw what is not known for sure of a workload and return the bands of its figures.

    ``inputs`` are files of quantities, later ones replace those before by name. ``jobs`` are worker
    processes (0: in this process). Rows are kept in ``store`` (None: in memory). Points without
    figures are left out, never replaced by others. Raises ConfigError for wrong input, MappingError
    for a workload that cannot run as its files have it, and for too few points with figures.
    """
    if points < _FEWEST:
        raise ConfigError(f"{points} points are too few for bands; ask for {_FEWEST} or more")
    base = Point(workload, set, cases)
    space = load_space(resolve(base), inputs)
    try:
        places = Sample(method=method, points=points, seed=seed).draw(len(space.quantities))
    except ValueError as error:
        raise ConfigError(f"--method: {error}") from None
    asked = [base, *(base.with_assignments(*space.assignments(place)) for place in places)]
    first, *others = outcomes(asked, jobs, store, progress)
    if not first.whole:
        raise ConfigError(f"as its files have it: {first.reason.message}")
    good = [number for number, outcome in enumerate(others) if outcome.whole]
    why = next((outcome.reason.message for outcome in others if not outcome.whole), "")
    if len(good) < _FEWEST:
        raise ConfigError(f"{len(good)} of {points} points have figures, too few: {why}")
    row, left_out = Row(base, first.figures), points - len(good)
    samples = _samples(row, [others[number].figures for number in good])
    return Uncertainty(space, row, places[good], samples, left_out, why, seed, method)


def _samples(row: Row, found: Sequence[Mapping[str, object]]) -> dict[str, Numbers]:
    """Return the figures that are numbers in every point."""
    samples = {}
    for name, as_is in row.items():
        values = [figures.get(name) for figures in found]
        if isinstance(as_is, (int, float)) and all(isinstance(v, (int, float)) for v in values):
            samples[name] = np.array(values, dtype=np.float64)
    return samples


def outcomes(
    points: Sequence[Point],
    jobs: int | None,
    store: str | Path | None,
    progress: Progress | None,
) -> list[Outcome]:
    """Evaluate points; see ``uncertainty`` for the rest."""
    with (
        given_store(store) as kept,
        Evaluation(jobs).executor() as executor,
    ):
        return Evaluator(kept, executor, progress=progress)(points)
