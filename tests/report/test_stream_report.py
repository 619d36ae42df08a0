"""The words and tables for streams of requests, and the files beside them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType
from trace_checks import MAIN, SLEEPY

from accelsim.engine.simulator import Options
from accelsim.evaluation.cases import CaseResult, Result
from accelsim.evaluation.comparison import compare
from accelsim.evaluation.stages import run_workload
from accelsim.policies.idle import Oracle, Timeout
from accelsim.policies.service import ServiceConfig
from accelsim.program import ProgramKind
from accelsim.report.request_rows import request_rows
from accelsim.report.results import results_document, results_text
from accelsim.report.stream_report import (
    duration_text,
    exits_text,
    lifetime_table,
    purpose_table,
    service_table,
    service_text,
    states_text,
)
from accelsim.requests.times import parse_time
from accelsim.workload.schema import Workload, load_workload

# RRAM that is written at every switch.
WORN = (*SLEEPY, "cases.adapter_slc.hardware.placement.task={values: rram, masks: rram}")


@pytest.fixture(scope="module")
def workload() -> Workload:
    return load_workload(MAIN, WORN)


@pytest.fixture(scope="module")
def result(workload: Workload) -> Result:
    return run_workload(workload, options=Options())


@pytest.fixture(scope="module")
def results(result: Result) -> Mapping[str, CaseResult]:
    return result.cases


def shown(renderable: RenderableType) -> str:
    console = Console(file=StringIO(), width=80)
    console.print(renderable)
    written: str = console.file.getvalue()  # type: ignore[attr-defined]
    return written


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (86_400.0, "1 d"),
        (7200.0, "2 h"),
        (3600.0, "1 h"),
        (5400.0, "90 min"),
        (150.0, "2.5 min"),
        (90.0, "90.0 s"),
        (0.04, "40.0 ms"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_service_in_words() -> None:
    assert service_text(ServiceConfig()) == "in order fifo; idle: awake"
    given = {"policy": "timeout", "clock_gated_after": "0 s", "off_after": "2 min"}
    sleepy = Timeout.model_validate(given)
    assert service_text(ServiceConfig(idle=sleepy)) == (
        "in order fifo; idle: clock gated after 0 s, off after 2 min"
    )
    known = ServiceConfig(idle=Oracle(policy="oracle"), residency="one_task")
    assert service_text(known) == "in order fifo; idle: oracle; residency one_task"


def test_shares_of_time_add_up(results: Mapping[str, CaseResult]) -> None:
    for result in results.values():
        text, _, woken = str(states_text(result)).partition(";")
        assert woken == f" {result.run.total(ProgramKind.POWER_UP).count} wake-ups."
        kinds, _, inner = text.partition("(")
        assert kinds.startswith("Time: active ")
        points, _, rest = inner.partition(")")
        shares = [float(part.split()[-2]) for part in points.split(",")]
        whole = float(kinds.split()[2])
        assert sum(shares) == pytest.approx(whole, abs=0.1)
        others = [float(part.split()[-2]) for part in rest.strip(", .").split(",")]
        assert whole + sum(others) == pytest.approx(100, abs=0.3)


def test_exits_are_told(results: Mapping[str, CaseResult]) -> None:
    for result in results.values():
        layers = [request.layers or 0 for request in result.run.requests]
        text = str(exits_text(result))
        assert text.startswith(f"Early exit: {sum(layers) / len(layers):.2f} layers on average; ")
        # Predictions are exact.
        assert "planned" not in text
        assert "0.50 V" in text


def test_tables_have_a_row_for_each_purpose_and_task(results: Mapping[str, CaseResult]) -> None:
    result = results["adapter_slc"]
    purposes = shown(purpose_table(result))
    for purpose in ("compute", "switch", "wake-up", "voltage scaling", "clock", "DRAM standby"):
        assert f"\n{purpose} " in purposes
    assert "a day of it" in purposes
    service = shown(service_table(result)).splitlines()
    tasks = [line.split()[0] for line in service[4:] if line.strip()]
    assert sorted(tasks) == ["MNLI", "MRPC", "QNLI", "all"]


def test_only_what_wears_is_shown_unless_all_is_asked_for(
    results: Mapping[str, CaseResult],
) -> None:
    assert lifetime_table(results["vanilla_slc"]) is None
    worn = lifetime_table(results["adapter_slc"])
    assert worn is not None
    assert "wears out" in shown(worn)
    every = lifetime_table(results["vanilla_slc"], every=True)
    assert every is not None
    assert "no limit" in shown(every)
    assert "wears out" not in shown(every)


# -- gains -------------------------------------------------------------------------------------


def test_gains_are_ratios_of_the_cases_own_figures(result: Result) -> None:
    (mixed, slc), results = compare(result), result.cases
    assert (mixed.design, mixed.baseline) == ("adapter_mixed", "vanilla_mixed")
    gains = {(gain.scope, gain.metric): gain.value for gain in slc.gains}
    before, after = results["vanilla_slc"], results["adapter_slc"]
    energy = before.figures.account.total / after.figures.account.total
    assert gains["request", "energy"] == pytest.approx(energy)
    latencies = [
        sum(request.end - request.arrival for request in result.run.requests)
        for result in (before, after)
    ]
    assert gains["request", "latency"] == pytest.approx(latencies[0] / latencies[1])
    for scope in ("memory", "system"):
        areas = [case.figures.scopes[scope].area or 0.0 for case in (before, after)]
        assert gains[scope, "area"] == areas[0] / areas[1]
    assert list(gains) == [
        ("memory", "area"),
        ("system", "area"),
        ("request", "energy"),
        ("request", "latency"),
        ("request_p99", "latency"),
    ]


def test_a_case_compared_with_its_like_gains_nothing(result: Result) -> None:
    same = replace(result, cases={**result.cases, "vanilla_slc": result["adapter_slc"]})
    assert {gain.value for gain in compare(same)[1].gains} == {1.0}


def test_without_its_baseline_a_case_is_not_compared(result: Result) -> None:
    alone = replace(result, cases={"adapter_slc": result["adapter_slc"]})
    assert compare(alone) == []


# -- files -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(result: Result) -> dict[str, Any]:
    made = results_document(result, ["accelsim"])
    read: dict[str, Any] = json.loads(results_text(made))
    return read


def test_results_say_where_the_requests_came_from(document: dict[str, Any]) -> None:
    assert document["requests"] == {
        "pattern": "poisson", "closed_loop": False, "count": 18, "horizon_s": 0.04,
    }  # fmt: skip
    assert document["workload"]["seeds"] == {"requests": 3, "early_exit": 1}


def test_results_agree_with_themselves(document: dict[str, Any]) -> None:
    for case in document["cases"].values():
        energy, total = case["energy"], case["energy"]["total_J"]
        assert sum(case["purposes"]["run_J"].values()) == pytest.approx(total)
        assert case["purposes"]["request_J"] * 18 == pytest.approx(total)
        assert case["purposes"]["day_J"] == pytest.approx(total * 86_400 / 0.04, rel=1e-3)
        dynamic = sum(row["energy_J"] for row in case["ledger"])
        leakage = sum(sum(blocks.values()) for blocks in energy["leakage_J"].values())
        rest = sum(energy["clock_J"].values()) + sum(energy["dram_standby_J"].values())
        assert dynamic + leakage + rest == pytest.approx(total)
        active = sum(s for name, s in case["residency_s"].items() if name.startswith("chip.active"))
        assert sum(row["time_s"] for row in case["programs"]) == pytest.approx(active)
        counts = {row["task"]: row["count"] for row in case["programs"] if row["kind"] == "infer"}
        service = case["service"]
        assert counts == {task: s["requests"] for task, s in service.items() if task != "all"}
        assert service["all"]["requests"] == 18
        assert [entry["tokens"] for entry in case["mapping"]] == [[32]] * len(case["mapping"])


def test_results_have_no_rows_of_requests(result: Result) -> None:
    long = load_workload(MAIN, (*WORN, "requests.duration=400 ms"))
    more = run_workload(long, options=Options())
    many = len(next(iter(more.cases.values())).run.requests)
    assert many > 5 * 18
    sizes = [len(results_text(results_document(found, []))) for found in (result, more)]
    assert sizes[1] < 1.1 * sizes[0]


def test_wear_without_end_is_null(document: dict[str, Any]) -> None:
    found = {one["name"]: one for one in document["cases"]["adapter_slc"]["lifetime"]}
    assert found["sram"]["years_worst_cell"] is None
    assert found["sram"]["lasts"]
    assert 0 < found["rram"]["years_worst_cell"] < found["rram"]["required_years"]
    assert not found["rram"]["lasts"]


def test_request_rows_are_exact(results: Mapping[str, CaseResult]) -> None:
    rows = list(csv.DictReader(request_rows(results)))
    outcomes = [(name, r) for name, result in results.items() for r in result.run.requests]
    for row, (name, outcome) in zip(rows, outcomes, strict=True):
        assert (row["case"], row["task"]) == (name, outcome.task)
        times = [parse_time(row[f"{key} [s]"], "s") for key in ("arrival", "start", "end")]
        assert times == [outcome.arrival, outcome.start, outcome.end]
        assert (row["tokens"], row["layers"]) == (str(outcome.tokens), str(outcome.layers))
        assert row["deadline_missed"] == ""
