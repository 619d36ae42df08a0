"""What a case gains over its baseline: one rule for closed loops and open streams."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.metrics import Metric, all_metrics
from accelsim.evaluation.result import Result


@dataclass(frozen=True)
class Gain:
    """Baseline figure over the design's figure: above one, the design is better."""

    scope: str
    metric: str
    value: float


@dataclass(frozen=True)
class Comparison:
    """A design against its baseline, in every scope that both have."""

    design: str
    baseline: str
    gains: tuple[Gain, ...]


# What is compared, in the order of reports.
KINDS = ("area", "energy", "latency")


def find_gains(result: Result) -> list[Comparison]:
    """Return the gains of every case whose baseline is among the cases.

    In a closed loop those are of a switch and of a round; in an open stream, where the time between
    requests is given, of a request.
    """
    metrics = [each for each in all_metrics() if each.is_compared(closed_loop=result.closed_loop)]
    return [
        Comparison(name, baseline, tuple(_gains(metrics, result[baseline], case)))
        for name, case in result.cases.items()
        if (baseline := case.case.config.baseline) in result.cases and baseline is not None
    ]


def _gains(metrics: list[Metric], baseline: CaseResult, design: CaseResult) -> list[Gain]:
    gains = []
    for metric in metrics:
        before, after = metric.of(baseline), metric.of(design)
        if isinstance(before, float) and isinstance(after, float) and after:
            kind, _, scope = metric.key.partition(".")
            gains.append(Gain(scope, kind, before / after))
    return gains
