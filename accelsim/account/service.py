"""How requests were served: waiting, latency, deadlines, utilisation, by task and over all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from accelsim.engine.run import RequestOutcome, Run
from accelsim.units import TICKS_PER_SECOND, Tick, ceil_div, to_seconds

# The name under which the statistics of all tasks together stand.
ALL = "all"


@dataclass(frozen=True)
class Distribution:
    """Mean, nearest-rank percentiles and maximum of some times [s]."""

    mean: float
    p50: float
    p95: float
    p99: float
    maximum: float


@dataclass(frozen=True)
class TaskService:
    """How the requests of one task, or of all, were served.

    ``switches`` are requests that had to load parameters. ``waiting`` lasts from arrival to start,
    ``service`` from start (a switch included) to end, ``latency`` is both. ``deadlines`` are the
    requests that have one, ``missed`` those that ended after it. ``utilisation`` is the share of
    the makespan in which the chip serves these requests, ``throughput`` requests per second of
    it. ``mean_layers`` is None where all layers always run. Of the requests with a planned and a
    known exit layer, ``planned_short`` and ``planned_long`` are those whose plan was too low and
    too high. ``points`` counts requests by the operating point after their first layer, ``late``
    those whose inference took longer than its latency target.
    """

    requests: int
    switches: int
    waiting: Distribution
    service: Distribution
    latency: Distribution
    deadlines: int
    missed: int
    utilisation: float
    throughput: float
    mean_tokens: float
    mean_layers: float | None
    planned_short: int
    planned_long: int
    points: dict[str, int]
    late: int

    def share(self, requests: int) -> float:
        """Return the share that some of the requests are."""
        return requests / self.requests

    @property
    def missed_share(self) -> float | None:
        """The share of the deadlines that were missed; None without any."""
        return self.missed / self.deadlines if self.deadlines else None


def service_statistics(run: Run) -> dict[str, TaskService]:
    """Return the statistics by task, in the order of first service, and of ``all`` last, if any."""
    if run not in _known:
        _known[run] = _by_task(run)
    return _known[run]


# A run is asked once for each figure, and again where another machine has the same run.
_known: WeakKeyDictionary[Run, dict[str, TaskService]] = WeakKeyDictionary()


def _by_task(run: Run) -> dict[str, TaskService]:
    by_task: dict[str, list[RequestOutcome]] = defaultdict(list)
    for outcome in run.requests:
        by_task[outcome.task].append(outcome)
    found = {task: _statistics(outcomes, run.makespan) for task, outcomes in by_task.items()}
    return {**found, ALL: _statistics(run.requests, run.makespan)} if found else {}


def _statistics(outcomes: Sequence[RequestOutcome], makespan: Tick) -> TaskService:
    deadlines = [(o.end, o.deadline) for o in outcomes if o.deadline is not None]
    plans = [(o.planned, o.exit_layer) for o in outcomes if o.planned and o.exit_layer]
    layers = [o.layers for o in outcomes if o.layers is not None]
    return TaskService(
        requests=len(outcomes),
        switches=sum(o.switched for o in outcomes),
        waiting=distribution(o.start - o.arrival for o in outcomes),
        service=distribution(o.end - o.start for o in outcomes),
        latency=distribution(o.end - o.arrival for o in outcomes),
        deadlines=len(deadlines),
        missed=sum(end > deadline for end, deadline in deadlines),
        utilisation=sum(o.end - o.start for o in outcomes) / makespan,
        throughput=len(outcomes) * TICKS_PER_SECOND / makespan,
        mean_tokens=sum(o.tokens for o in outcomes) / len(outcomes),
        mean_layers=sum(layers) / len(layers) if layers else None,
        planned_short=sum(planned < leaves for planned, leaves in plans),
        planned_long=sum(planned > leaves for planned, leaves in plans),
        points=dict(sorted(Counter(o.point for o in outcomes).items())),
        late=sum(o.late for o in outcomes),
    )


def distribution(times: Iterable[Tick]) -> Distribution:
    """Return the distribution of some times. Raises ValueError when there are none."""
    ordered = sorted(times)
    if not ordered:
        raise ValueError("no times: expected at least one")
    mean = sum(ordered) / (len(ordered) * TICKS_PER_SECOND)
    ranks = (to_seconds(nearest_rank(ordered, percent)) for percent in (50, 95, 99, 100))
    return Distribution(mean, *ranks)


def nearest_rank(ordered: Sequence[Tick], percent: int) -> Tick:
    """Return the smallest of ascending times that ``percent`` (1 to 100) of them do not exceed."""
    return ordered[ceil_div(percent * len(ordered), 100) - 1]
