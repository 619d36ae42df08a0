"""Runs the cases of a workload and compares them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from accelsim.account.metrics import DesignFigures, measure
from accelsim.account.scopes import SCOPES
from accelsim.config.workload import Case, Workload
from accelsim.engine.run import Run
from accelsim.engine.simulator import simulate_design
from accelsim.mapping.design import Design, compile_design


@dataclass(frozen=True)
class CaseResult:
    """A case, what was compiled, what happened, and what it cost."""

    case: Case
    design: Design
    run: Run
    figures: DesignFigures


@dataclass(frozen=True)
class Gain:
    """Baseline figure over the design's figure: above one, the design is better."""

    scope: str
    metric: str
    value: float


@dataclass(frozen=True)
class Comparison:
    """A design against its baseline in every scope."""

    design: str
    baseline: str
    gains: tuple[Gain, ...]


METRICS = ("area", "energy", "latency")


def simulate(
    workload: Workload,
    *,
    replay: bool = True,
    trace: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, CaseResult]:
    """Compile and run every case of a workload.

    ``progress`` is called with the name of the case after every request. Raises MappingError when
    a case cannot be mapped, before any case is simulated.
    """
    designs = {name: compile_design(workload.config, case) for name, case in workload.cases.items()}
    results = {}
    for name, case in workload.cases.items():

        def step(name: str = name) -> None:
            if progress:
                progress(name)

        requests = workload.config.requests
        run = simulate_design(designs[name], requests, replay=replay, trace=trace, progress=step)
        figures = measure(designs[name], run, requests.rounds)
        results[name] = CaseResult(case, designs[name], run, figures)
    return results


def compare(results: dict[str, CaseResult]) -> list[Comparison]:
    """Return the gains of every case that names a baseline."""
    comparisons = []
    for name, result in results.items():
        baseline = result.case.config.baseline
        if baseline is not None:
            gains = tuple(_gains(results[baseline].figures, result.figures))
            comparisons.append(Comparison(name, baseline, gains))
    return comparisons


def _gains(baseline: DesignFigures, design: DesignFigures) -> list[Gain]:
    gains = []
    for metric in METRICS:
        for scope in SCOPES:
            if scope not in baseline.scopes or scope not in design.scopes:
                continue
            before = getattr(baseline.scopes[scope], metric)
            after = getattr(design.scopes[scope], metric)
            if before is not None and after:
                gains.append(Gain(scope, metric, before / after))
    return gains
