"""Gains of a design over its baseline when both serve the same open stream of requests.

``request``      energy of the whole run, idleness included, over its requests; their mean latency
``request_p99``  the latency that 99 of 100 requests do not exceed
``memory``       area of the parameter memories
``system``       area of the chip
"""

from __future__ import annotations

from accelsim.account.purposes import energy_per_inference
from accelsim.account.service import ALL, service_statistics
from accelsim.evaluate.cases import CaseResult, Comparison, Gain

STREAM_SCOPES = ("memory", "system", "request", "request_p99")


def compare_service(results: dict[str, CaseResult]) -> list[Comparison]:
    """Return the gains of every case that names a baseline."""
    known = {name: _figures(result) for name, result in results.items()}
    return [
        Comparison(name, baseline, tuple(_gains(known[baseline], known[name])))
        for name, result in results.items()
        if (baseline := result.case.config.baseline) is not None
    ]


def _gains(
    baseline: dict[tuple[str, str], float], design: dict[tuple[str, str], float]
) -> list[Gain]:
    return [
        Gain(scope, metric, baseline[scope, metric] / after)
        for (scope, metric), after in design.items()
        if after
    ]


def _figures(result: CaseResult) -> dict[tuple[str, str], float]:
    """Return the figures of a case by (scope, metric), of which less is better."""
    scopes, latency = result.figures.scopes, service_statistics(result.run)[ALL].latency
    return {
        ("memory", "area"): scopes["memory"].area or 0.0,
        ("system", "area"): scopes["system"].area or 0.0,
        ("request", "energy"): energy_per_inference(result.run, result.figures.account),
        ("request", "latency"): latency.mean,
        ("request_p99", "latency"): latency.p99,
    }
