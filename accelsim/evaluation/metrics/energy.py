"""Where the energy of a run went, and what a day of it takes."""

from __future__ import annotations

from math import fsum

from accelsim.account.purposes import day_factor, mean_power
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.metrics.base import Figure, Metric, MetricFamily


def _day(case: CaseResult) -> float:
    return case.figures.account.total * day_factor(case.run)


def _power(case: CaseResult) -> float:
    return mean_power(case.run, case.figures.account)


def _leakage(case: CaseResult) -> dict[str, Figure]:
    states = case.figures.account.leakage_by_state.items()
    return {state: fsum(blocks.values()) for state, blocks in states}


class Energy(MetricFamily):
    """Energy and power of a run."""

    name = "energy"
    metrics = (
        Metric(
            "energy.run",
            "energy of the run",
            "J",
            lambda case: case.figures.account.total,
            brief=False,
        ),
        Metric("energy.day", "energy of a day like the run", "J", _day, paced=True),
        Metric("power", "mean power", "W", _power, paced=True),
        Metric("energy.part", "energy of a round by part", "J", lambda case: case.figures.parts),
        Metric("energy.purpose", "energy of the run by purpose", "J", lambda case: case.purposes),
        Metric("energy.leakage", "leakage by state of the chip", "J", _leakage),
    )
