"""The request rate from which on one case costs less than another.

Both cases serve the same requests, stretched in time to each rate, and what they cost is all
energy of the device, idleness included, per request. A logarithmic grid of rates is simulated
first; between neighbours of opposite sign the rate is bisected on further simulations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from accelsim.account.metrics import active_ticks
from accelsim.account.purposes import energy_per_inference, mean_power
from accelsim.engine.run import Window
from accelsim.engine.simulator import Options
from accelsim.errors import ConfigError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.stages import requests_of, run_workload
from accelsim.inputs.memo import Memo
from accelsim.inputs.paths import suggest
from accelsim.requests import Request, RequestContext, RequestPattern
from accelsim.units import TICKS_PER_SECOND, Tick, to_ticks
from accelsim.workload.schema import Workload

# [ours] Rates of the grid in a decade; two crossings between neighbours go unseen.
POINTS_PER_DECADE = 3
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

    @property
    def interval(self) -> float:
        """Mean time between two requests [s]."""
        return 1 / self.rate


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


@dataclass(frozen=True)
class RequestShape:
    """Requests to be stretched in time: those that come within ``horizon`` ticks."""

    requests: tuple[Request, ...]
    horizon: Tick

    def at(self, rate: float) -> tuple[list[Request], Tick]:
        """Return the requests at a mean rate [1/s], with the new horizon.

        Deadlines keep their distance from the arrival.
        """
        horizon = to_ticks(len(self.requests) / rate)
        return [self._moved(request, horizon) for request in self.requests], horizon

    def _moved(self, request: Request, horizon: Tick) -> Request:
        arrival = request.arrival * horizon // self.horizon
        if request.deadline is None:
            return replace(request, arrival=arrival)
        return replace(
            request, arrival=arrival, deadline=arrival + request.deadline - request.arrival
        )


def find_crossover(
    workload: Workload,
    design: str,
    baseline: str,
    *,
    lowest: float,
    highest: float,
    requests: int = 300,
    progress: Callable[[float], None] | None = None,
) -> Crossover:
    """Return the rates between ``lowest`` and ``highest`` [1/s] at which two cases cost the same.

    ``requests`` bounds those of a simulation; ``progress`` is called with every rate before it is
    simulated. Raises ConfigError for unknown or equal cases, a bad range, and requests that have
    no rate; CapacityError when a case does not fit.
    """
    _check(workload, design, baseline, lowest, highest, requests)
    shape = request_shape(workload, requests)
    names, memo = (design, baseline), Memo()
    chosen = replace(workload, cases={name: workload.cases[name] for name in names})

    def point_at(rate: float) -> RatePoint:
        if progress:
            progress(rate)
        return _point(chosen, names, shape, rate, memo)

    points = tuple(point_at(rate) for rate in rate_grid(lowest, highest))
    found = Crossover(design, baseline, len(shape.requests), points, ())
    if not found.served:
        raise ConfigError(_all_saturated(points[0], design, baseline))
    crossings = (
        _crossing(found, *_bisect(low, high, point_at)) for low, high in brackets(found.served)
    )
    return replace(found, crossings=tuple(crossings))


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


# -- requests ----------------------------------------------------------------------------------


def request_shape(workload: Workload, limit: int) -> RequestShape:
    """Return the first requests of a workload, up to a number, and the time in which they come.

    Of an open pattern that time ends with the next arrival, or with the pattern's duration. The
    rounds of a closed loop are repeated up to the number and come at equal intervals, all requests
    of a round at once: served one after the other, with the idle time between rounds that the rate
    leaves. Raises ConfigError when no rate can be told.
    """
    pattern = workload.config.requests
    if pattern.closed_loop:
        return _rounds(workload, pattern, limit)
    requests, horizon = requests_of(workload), pattern.horizon()
    if limit < len(requests):
        horizon = requests[limit].arrival
    elif horizon is None:
        # Nothing says when the next one would have come: a mean interval after the last.
        horizon = requests[-1].arrival * len(requests) // max(1, len(requests) - 1)
    if not horizon:
        raise ConfigError(
            f"requests: the first {min(limit, len(requests))} all arrive at 0 s, so they have no "
            "rate to change; raise --requests, or give requests.duration"
        )
    return RequestShape(tuple(requests[:limit]), horizon)


def _rounds(workload: Workload, pattern: RequestPattern, limit: int) -> RequestShape:
    def asked(rounds: int) -> list[Request]:
        repeated = pattern.model_copy(update={"rounds": rounds})
        config = workload.config.model_copy(update={"requests": repeated})
        return requests_of(replace(workload, config=config))

    each = len(asked(1))
    requests = asked(max(1, limit // each))
    interval = each * TICKS_PER_SECOND
    moved = tuple(replace(request, arrival=request.round * interval) for request in requests)
    return RequestShape(moved, len(requests) * TICKS_PER_SECOND)


# -- simulations -------------------------------------------------------------------------------


class _AtRate(RequestPattern):
    """The requests of a shape, at a mean rate [1/s]: what a workload asks for meanwhile."""

    shape: RequestShape
    rate: float

    def horizon(self) -> Tick:
        """Return the tick at which the stretched requests end to come."""
        return self.shape.at(self.rate)[1]

    def make_requests(self, context: RequestContext) -> list[Request]:
        """Return the stretched requests."""
        return self.shape.at(self.rate)[0]


def _point(
    workload: Workload, names: tuple[str, str], shape: RequestShape, rate: float, memo: Memo
) -> RatePoint:
    requests = _AtRate(pattern="at_rate", shape=shape, rate=rate)
    config = workload.config.model_copy(update={"requests": requests})
    options = Options(window=Window(requests=0))
    result = run_workload(replace(workload, config=config), memo, options=options)
    first, second = (_cost(result[name], requests.horizon()) for name in names)
    return RatePoint(rate, first, second)


def _cost(case: CaseResult, horizon: Tick) -> RateCost:
    run, account = case.run, case.figures.account
    load = active_ticks(run) / horizon
    energy = energy_per_inference(run, account)
    return RateCost(energy, case.oracle, mean_power(run, account), load)


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
