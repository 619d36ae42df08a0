"""How requests were served, by task and over all."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from accelsim.account.service import TaskService
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.metrics.base import Figure, Metric, MetricFamily


def _by_task(of: Callable[[TaskService], Figure]) -> Callable[[CaseResult], dict[str, Figure]]:
    return lambda case: {task: of(found) for task, found in case.statistics.items()}


_TIMES = {
    "waiting": "time from arrival to start",
    "service": "time from start to end",
    "latency": "time from arrival to end",
}
_OF_TIMES = {
    "mean": "mean",
    "p50": "50th percentile",
    "p95": "95th percentile",
    "p99": "99th percentile",
    "maximum": "maximum",
}
_FIGURES = {
    "requests": ("requests", "1"),
    "switches": ("requests that load parameters", "1"),
    "deadlines": ("requests with a deadline", "1"),
    "missed": ("missed deadlines", "1"),
    "utilisation": ("share of the run that serves them", "1"),
    "throughput": ("requests per second", "Hz"),
    "mean_tokens": ("mean tokens computed", "1"),
    "mean_layers": ("mean layers computed", "1"),
    "planned_short": ("requests planned for too few layers", "1"),
    "planned_long": ("requests planned for too many layers", "1"),
    "late": ("inferences later than their target", "1"),
}


class Service(MetricFamily):
    """Figures by task."""

    name = "service"
    unpriced = True
    metrics = (
        *(
            Metric(name, title, unit, _by_task(attrgetter(name)))
            for name, (title, unit) in _FIGURES.items()
        ),
        *(
            Metric(key, f"{title}, {words}", "s", _by_task(attrgetter(key)))
            for name, title in _TIMES.items()
            for which, words in _OF_TIMES.items()
            for key in [f"{name}.{which}"]
        ),
    )
