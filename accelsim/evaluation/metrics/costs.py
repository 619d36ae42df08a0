"""Area, energy and latency by scope, as designs are compared."""

from __future__ import annotations

from collections.abc import Callable

from accelsim.account.purposes import energy_per_inference
from accelsim.account.service import ALL
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.metrics.base import Figure, Metric, MetricFamily


def _scope(figure: str, scope: str) -> Callable[[CaseResult], Figure]:
    def of(case: CaseResult) -> Figure:
        found = case.figures.scopes.get(scope)
        value: Figure = getattr(found, figure) if found else None
        return value

    return of


_OF_ROUNDS = {
    "switch": "one task switch",
    "memory_one_pass": "the memories in one pass",
    "memory": "the memories in a round",
    "system": "a round of everything",
}


def _energy(case: CaseResult) -> Figure:
    return energy_per_inference(case.run, case.figures.account)


def _latency(which: str) -> Callable[[CaseResult], Figure]:
    return lambda case: getattr(case.statistics[ALL].latency, which)


class Costs(MetricFamily):
    """What designs are compared by."""

    name = "costs"
    metrics = (
        Metric(
            "area.memory", "area of parameter memories", "m2", _scope("area", "memory"), "always"
        ),
        Metric("area.system", "area of the chip", "m2", _scope("area", "system"), "always"),
        *(
            Metric(
                f"{figure}.{scope}", f"{figure} of {what}", unit, _scope(figure, scope), "rounds"
            )
            for figure, unit in (("energy", "J"), ("latency", "s"))
            for scope, what in _OF_ROUNDS.items()
        ),
        Metric("energy.request", "energy of a request, idle time included", "J", _energy, "stream"),
        Metric(
            "energy.request_oracle",
            "the same if the next arrival were known",
            "J",
            lambda case: case.oracle,
            "stream",
        ),
        Metric("latency.request", "mean latency of a request", "s", _latency("mean"), "stream"),
        Metric("latency.request_p99", "99th percentile of latency", "s", _latency("p99"), "stream"),
    )
