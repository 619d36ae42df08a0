"""Cases in processes of their own: the same results, and the first error ends all."""

from __future__ import annotations

import pytest
from small_workload import small_workload

from accelsim.engine.run import Options
from accelsim.errors import ConfigError
from accelsim.evaluation.side_by_side import run_side_by_side
from accelsim.evaluation.stages import requests_of, run_workload

STREAM = "requests={pattern: poisson, mean_interval: 1 ms, duration: 40 ms}"


def test_results_and_progress_are_those_of_one_process() -> None:
    workload = small_workload(STREAM, "idle={policy: timeout, off_after: 1 ms}")
    told: dict[str, int] = {}

    def progress(case: str, count: int) -> None:
        told[case] = told.get(case, 0) + count

    apart = run_side_by_side(workload, Options(), 2, progress)
    together = run_workload(workload)
    assert list(apart.cases) == list(together.cases)
    for name, result in together.cases.items():
        other = apart[name]
        assert other.run.ledger == result.run.ledger
        assert other.run.requests == result.run.requests
        assert other.run.states == result.run.states
        assert other.figures.account.total == result.figures.account.total
        assert told[name] == len(requests_of(workload))


def test_an_error_in_a_process_is_told_as_elsewhere() -> None:
    empty = small_workload("requests={pattern: poisson, mean_interval: 1000 s, duration: 1 ms}")
    with pytest.raises(ConfigError, match=r"^requests: none arrives"):
        run_side_by_side(empty, Options(), 2)
