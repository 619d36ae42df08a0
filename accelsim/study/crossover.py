"""The request rate from which on one case costs less than another.

Both cases serve the same requests, stretched in time to each rate, and what they cost is all
energy of the device, idleness included, per request. A logarithmic grid of rates is evaluated
first; between neighbours of opposite sign the rate is bisected on further points. All are points of
a study over ``requests.rate``, kept in the store of all studies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from accelsim.errors import ConfigError
from accelsim.evaluation.examine import point_of
from accelsim.inputs.paths import suggest
from accelsim.requests.patterns.at_rate import request_shape
from accelsim.study.evaluator import Evaluator
from accelsim.study.outcome import Outcome, number_of
from accelsim.study.store import IN_MEMORY, Store
from accelsim.study.sweep.axes import flow
from accelsim.study.sweep.run import Evaluation, study_of
from accelsim.study.sweep.space import Study
from accelsim.units import to_seconds, to_ticks
from accelsim.workload.request_rules import request_context
from accelsim.workload.schema import Workload

# [ours] Rates of the grid in a decade; two crossings between neighbours go unseen.
POINTS_PER_DECADE = 3
_FIGURES = ("energy.request", "power", "time.active")
# Crossings are found to this ratio of rates: 1 %.
_PRECISION = 1.01


@dataclass(frozen=True)
class RateCost:
    """What one case costs at a rate.

    ``energy`` is all energy of the device per request [J], ``oracle`` the same if it knew when the
    next one comes (None: never idle), ``power`` its mean power [W]. ``load`` is the time that the
    chip is active for the requests, over the time in which they come: from 1 on they come faster
    than they are served, and ``saturated`` is true.
    """

    energy: float
    oracle: float | None
    power: float
    load: float

    @property
    def saturated(self) -> bool:
        """Whether the queue grows without bound at this rate."""
        return self.load >= 1


@dataclass(frozen=True)
class RatePoint:
    """Both cases at one rate [requests/s]."""

    rate: float
    design: RateCost
    baseline: RateCost

    @property
    def difference(self) -> float:
        """Energy per request of the design less that of the baseline [J]."""
        return self.design.energy - self.baseline.energy

    @property
    def saturated(self) -> bool:
        """Whether one of the two cannot serve this rate."""
        return self.design.saturated or self.baseline.saturated


@dataclass(frozen=True)
class Crossing:
    """A rate at which both cost the same: ``energy`` [J] a request; who costs less on each side."""

    rate: float
    energy: float
    below: str
    above: str


@dataclass(frozen=True)
class Crossover:
    """The grid in ascending rates, and the crossings. ``requests`` are those of each simulation."""

    design: str
    baseline: str
    requests: int
    points: tuple[RatePoint, ...]
    crossings: tuple[Crossing, ...]

    @property
    def served(self) -> tuple[RatePoint, ...]:
        """The points that both cases can serve."""
        return tuple(point for point in self.points if not point.saturated)

    def cheaper(self, point: RatePoint) -> str | None:
        """Return the case that costs less at a point, None for neither."""
        if point.difference == 0:
            return None
        return self.design if point.difference < 0 else self.baseline


def find_crossover(
    workload: Workload,
    design: str,
    baseline: str,
    *,
    lowest: float,
    highest: float,
    requests: int = 300,
    store: Store | None = None,
    how: Evaluation | None = None,
    progress: Callable[[float], None] | None = None,
) -> Crossover:
    """Return the rates between ``lowest`` and ``highest`` [1/s] at which two cases cost the same.

    ``requests`` bounds those of a simulation. Rows are kept in ``store`` (None: in memory),
    evaluated as ``how`` says (None: in this process); ``progress`` is called with every rate before
    it is. Raises ConfigError for unknown or equal cases, a bad range, and requests that have no
    rate; CapacityError when a case does not fit.
    """
    _check(workload, design, baseline, lowest, highest, requests)
    context = request_context(workload.config, workload.path.parent)
    count = len(request_shape(workload.config.requests, context, requests).requests)
    kept, how = store or Store(IN_MEMORY), how or Evaluation(jobs=0)
    with how.executor() as executor:
        evaluator = Evaluator(kept, executor, how.retry_failed)
        ask = _Rates(workload, (design, baseline), count, evaluator, progress)
        points = tuple(ask(rate_grid(lowest, highest)))
        found = Crossover(design, baseline, count, points, ())
        if not found.served:
            raise ConfigError(_all_saturated(points[0], design, baseline))
        crossings = tuple(
            _crossing(found, *_bisect(low, high, lambda rate: ask([rate])[0]))
            for low, high in brackets(found.served)
        )
    asked = ask.study(sorted(ask.asked))
    kept.remember(asked.source, asked.config.name, asked.ids, asked.made)
    return replace(found, crossings=crossings)


def _check(
    workload: Workload, design: str, baseline: str, lowest: float, highest: float, requests: int
) -> None:
    for option, name in (("--design", design), ("--baseline", baseline)):
        if name not in workload.cases:
            hint = suggest(name, workload.cases, "cases")
            raise ConfigError(f"{option}: there is no case '{name}'; {hint}")
    if design == baseline:
        raise ConfigError(f"--baseline: '{design}' is the design itself; name another case")
    if not 1e-6 <= lowest < highest <= 1e6:
        raise ConfigError(
            f"--from, --to: expected two ascending rates from 1e-6 Hz to 1e6 Hz, got {lowest:g} Hz "
            f"and {highest:g} Hz"
        )
    if requests < 1:
        raise ConfigError(f"--requests: expected 1 or more, got {requests}")


@dataclass
class _Rates:
    """Asks what both cases cost at rates, and keeps which rates were ``asked``."""

    workload: Workload
    cases: tuple[str, str]
    count: int
    evaluator: Evaluator
    progress: Callable[[float], None] | None
    asked: list[float] = field(default_factory=list)

    def __call__(self, rates: Sequence[float]) -> list[RatePoint]:
        """Return the points of some rates. Raises what a point cannot be evaluated for."""
        self.asked += rates
        if self.progress:
            for rate in rates:
                self.progress(rate)
        outcomes = self.evaluator(self.study(rates).points)
        return [self._point(*each) for each in zip(rates, outcomes, strict=True)]

    def study(self, rates: Sequence[float]) -> Study:
        """Return the study of some rates."""
        base, name = point_of(self.workload), f"crossover_{self.workload.config.name}"
        asked = {"pattern": "at_rate", "rate": "1 Hz", "first": self.count}
        asked["of"] = self.workload.source["requests"]
        rate = {"path": "requests.rate", "values": [f"{each!r} Hz" for each in rates]}
        more = {"name": name, "cases": [*self.cases]}
        return study_of(
            base.workload, {"rate": rate}, (*base.assignments, f"requests={flow(asked)}"), more
        )

    def _point(self, rate: float, outcome: Outcome) -> RatePoint:
        figures, horizon = outcome.known(), to_seconds(to_ticks(self.count / rate))

        def cost(case: str) -> RateCost:
            energy, power, active = (number_of(figures, f"{case}.{key}") for key in _FIGURES)
            oracle = figures.get(f"{case}.energy.request_oracle")
            return RateCost(
                energy, None if oracle is None else float(oracle), power, active / horizon
            )

        return RatePoint(rate, *map(cost, self.cases))


def rate_grid(lowest: float, highest: float) -> list[float]:
    """Return rates from the lowest to the highest, at equal ratios."""
    steps = max(1, math.ceil(POINTS_PER_DECADE * math.log10(highest / lowest) - 1e-9))
    inner = (lowest * (highest / lowest) ** (step / steps) for step in range(1, steps))
    return [lowest, *inner, highest]


def brackets(points: Sequence[RatePoint]) -> Iterator[tuple[RatePoint, RatePoint]]:
    """Yield neighbours of opposite sign; points without a difference stand between them."""
    unequal = [point for point in points if point.difference]
    for low, high in pairwise(unequal):
        if (low.difference < 0) != (high.difference < 0):
            yield low, high


def _bisect(
    low: RatePoint, high: RatePoint, point_at: Callable[[float], RatePoint]
) -> tuple[RatePoint, RatePoint]:
    while high.rate > _PRECISION * low.rate:
        middle = point_at(math.sqrt(low.rate * high.rate))
        if (middle.difference < 0) == (low.difference < 0):
            low = middle
        else:
            high = middle
    return low, high


def _crossing(found: Crossover, low: RatePoint, high: RatePoint) -> Crossing:
    before = found.design if low.difference < 0 else found.baseline
    after = found.baseline if low.difference < 0 else found.design
    costs = [cost.energy for point in (low, high) for cost in (point.design, point.baseline)]
    return Crossing(math.sqrt(low.rate * high.rate), math.fsum(costs) / len(costs), before, after)


def _all_saturated(point: RatePoint, design: str, baseline: str) -> str:
    name, cost = max(
        ((design, point.design), (baseline, point.baseline)), key=lambda pair: pair[1].load
    )
    return (
        f"--from: {name} cannot serve even {point.rate:.3g} Hz: requests keep it busy "
        f"{100 * cost.load:.0f} % of the time; lower --from below {point.rate / cost.load:.3g} Hz"
    )
