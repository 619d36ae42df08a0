"""The words and tables of a run, and the files beside them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from small_workload import small_workload
from trace_checks import MAIN, SLEEPY

from accelsim.engine.run import Options
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.comparison import find_gains
from accelsim.evaluation.metrics import all_metrics
from accelsim.evaluation.result import Result
from accelsim.evaluation.stages import run_workload
from accelsim.policies.idle import Oracle, Timeout
from accelsim.policies.service import ServiceConfig
from accelsim.program import ProgramKind
from accelsim.report.request_rows import request_rows
from accelsim.report.results import results_document
from accelsim.report.run import run_report
from accelsim.report.run_words import exits_text, service_text, states_text
from accelsim.report.table import Alert, Heading, Report, Section, Table
from accelsim.requests.times import parse_time
from accelsim.units import format_si
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


@pytest.fixture(scope="module")
def report(result: Result) -> Report:
    return run_report(result, ["accelsim"])


def tables(sections: Sequence[Section], case: str, head: str) -> list[Table]:
    """Tables of a case whose first column has this heading."""
    headings = [s.text if isinstance(s, Heading) else "" for s in sections]
    first = headings.index(case) + 1
    last = next((n for n in range(first, len(sections)) if headings[n]), len(sections))
    found = [section for section in sections[first:last] if isinstance(section, Table)]
    return [table for table in found if table.columns[0].title == head]


def first_cells(table: Table) -> list[str]:
    return [str(row[0]) for row in table.rows if row]


def test_service_in_words() -> None:
    assert service_text(ServiceConfig()) == "in order fifo; idle: break even"
    awake = ServiceConfig(idle=Timeout(policy="timeout"))
    assert service_text(awake) == "in order fifo; idle: awake"
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


def test_tables_have_a_row_for_each_purpose_and_task(report: Report) -> None:
    (purposes,) = tables(report.details, "adapter_slc, details", "energy by purpose")
    named = {"compute", "switch", "wake-up", "voltage scaling", "clock", "DRAM standby"}
    assert named <= set(first_cells(purposes))
    assert purposes.columns[2].title == "a day of it"
    assert sum(row[3] for row in purposes.rows[:-2]) == pytest.approx(1)
    (service,) = tables(report.sections, "adapter_slc", "task")
    assert sorted(first_cells(service)) == ["MNLI", "MRPC", "QNLI", "all"]


def test_lifetimes_are_details(report: Report) -> None:
    assert not tables(report.sections, "adapter_slc", "lifetime")
    (worn,) = tables(report.details, "adapter_slc, details", "lifetime")
    assert {row[0] for row in worn.rows if row[-1] == Alert("wears out")} == {"rram"}
    (every,) = tables(report.details, "vanilla_slc, details", "lifetime")
    assert {row[-1] for row in every.rows} == {"lasts"}
    assert "no limit" in {row[3] for row in every.rows}


# -- figures of all cases --------------------------------------------------------------------------


def test_every_figure_of_every_metric_is_in_the_data(report: Report, result: Result) -> None:
    records = {str(record.pop("case")): record for record in report.data.records}
    assert report.document["figures"] == report.data.records
    for name, case in result.cases.items():
        found = {
            f"{key}_{metric.unit}" if metric.unit not in ("1", "year") else key: value
            for metric in all_metrics()
            for key, value in metric.figures(case).items()
        }
        kept = {key: value for key, value in records[name].items() if value is not None}
        assert kept == {key: value for key, value in found.items() if value is not None}


def test_figures_stand_side_by_side(report: Report, result: Result) -> None:
    gains, shown = (one for one in report.sections[:3] if isinstance(one, Table))
    assert isinstance(shown, Table)
    assert isinstance(gains, Table)
    assert [column.title for column in shown.columns] == ["figure", *result.cases]
    rows = {row[0]: row[1:] for row in shown.rows}
    areas = [case.figures.scopes["system"].area or 0.0 for case in result.cases.values()]
    assert rows["area of the chip"] == tuple(format_si(area, "m2") for area in areas)
    # Of a stream, not of rounds.
    assert "energy of a request, idle time included" in rows
    assert "energy of one task switch" not in rows


# -- gains -------------------------------------------------------------------------------------


def test_gains_are_ratios_of_the_cases_own_figures(result: Result) -> None:
    (mixed, slc), results = find_gains(result), result.cases
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
        ("request_oracle", "energy"),
        ("request", "latency"),
        ("request_p99", "latency"),
    ]


def test_a_case_compared_with_its_like_gains_nothing(result: Result) -> None:
    same = replace(result, cases={**result.cases, "vanilla_slc": result["adapter_slc"]})
    assert {gain.value for gain in find_gains(same)[1].gains} == {1.0}


def test_without_its_baseline_a_case_is_not_compared(result: Result) -> None:
    alone = replace(result, cases={"adapter_slc": result["adapter_slc"]})
    assert find_gains(alone) == []


def test_a_gain_that_was_not_published_has_none_beside_it() -> None:
    result = run_workload(small_workload("published.energy=null"))
    report = run_report(result, ["accelsim"])
    found = (*report.verdict, *report.sections)
    (gains,) = (t for t in found if isinstance(t, Table) and "Gain" in t.title)
    said = {row[0]: row[-1] for row in gains.rows if row and row[0]}
    assert said == {"area": "1.7x", "energy": None, "latency": "9x"}


# -- files -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(result: Result) -> dict[str, Any]:
    made = results_document(result, ["accelsim"])
    read: dict[str, Any] = json.loads(json.dumps(made))
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
        clock = sum(sum(blocks.values()) for blocks in energy["clock_J"].values())
        rest = clock + sum(energy["dram_standby_J"].values())
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
    sizes = [len(json.dumps(results_document(found, []))) for found in (result, more)]
    assert sizes[1] < 1.1 * sizes[0]


def test_wear_without_end_is_null(document: dict[str, Any]) -> None:
    found = {one["name"]: one for one in document["cases"]["adapter_slc"]["lifetime"]}
    assert found["sram"]["years_worst_cell"] is None
    assert found["sram"]["lasts"]
    assert 0 < found["rram"]["years_worst_cell"] < found["rram"]["required_years"]
    assert not found["rram"]["lasts"]


def test_request_rows_are_exact(results: Mapping[str, CaseResult]) -> None:
    rows = list(csv.DictReader("".join(request_rows(results)).splitlines()))
    outcomes = [(name, r) for name, result in results.items() for r in result.run.requests]
    for row, (name, outcome) in zip(rows, outcomes, strict=True):
        assert (row["case"], row["task"]) == (name, outcome.task)
        times = [parse_time(row[f"{key} [s]"], "s") for key in ("arrival", "start", "end")]
        assert times == [outcome.arrival, outcome.start, outcome.end]
        assert (row["tokens"], row["layers"]) == (str(outcome.tokens), str(outcome.layers))
        assert row["deadline_missed"] == ""


def test_what_the_command_changed_stands_in_the_head(result: Result, report: Report) -> None:
    [line] = [line for line in report.about if line.startswith("changed: ")]
    assert all(change in line for change in WORN if len(change) < 200)
    plain = replace(result, workload=replace(result.workload, overrides=()))
    about = run_report(plain, ["accelsim"]).about
    assert not [line for line in about if line.startswith("changed")]


def test_a_case_is_headed_by_the_memories_that_ran() -> None:
    small = run_workload(
        load_workload(MAIN, (*SLEEPY, "cases.adapter_slc.hardware.memories.sram.capacity=512 KiB"))
    )
    [heading] = [
        section.detail
        for section in run_report(small, ["accelsim"]).sections
        if isinstance(section, Heading) and section.text == "adapter_slc"
    ]
    assert "sram 512 KiB SRAM_htree" in heading
    assert "activation_sram" not in heading


def test_bits_that_save_no_cell_or_no_compute_are_told() -> None:
    seven = "cases.adapter_mixed.storage.backbone.bits=7"
    notes = run_report(run_workload(load_workload(MAIN, (*SLEEPY, seven))), ["accelsim"]).notes
    told = [note for note in notes if "bits" in note]
    assert told == [
        "storage.backbone.bits: 7 change memory and bus alone; compute is that of 8 bits "
        "(adapter_mixed)",
        "rram: 7 bits of a value take the cells of 8 (adapter_mixed)",
    ]
    made = run_workload(load_workload(MAIN, SLEEPY))["adapter_mixed"].design
    labels = [choice.partition(":")[0] for choice in next(iter(made.inferences.values())).choices]
    assert not [label for label in labels if label.endswith(" to ")]
