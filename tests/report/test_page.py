"""The page of a run: its charts' tables add up to the run, and it can be made from the files."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from small_workload import MAIN, SMALL, small_workload

from accelsim.account.memories import contents
from accelsim.account.power import course
from accelsim.cli.main import run_command_line
from accelsim.engine.run import Options, Window
from accelsim.errors import ConfigError
from accelsim.evaluation.comparison import find_gains
from accelsim.evaluation.examine import examine
from accelsim.evaluation.point import Point
from accelsim.evaluation.result import Result
from accelsim.evaluation.roofline import RESOURCES, roofline
from accelsim.evaluation.stages import run_workload
from accelsim.inputs.extras import installation
from accelsim.report.media.json import Json
from accelsim.report.media.txt import Txt
from accelsim.report.page import page, plotly_script
from accelsim.report.run import run_report
from accelsim.report.saved import REPORT, restored, saved
from accelsim.report.table import Chart, Column, Report, Table
from accelsim.units import to_seconds

STREAM = "requests={pattern: poisson, mean_interval: 2 ms, duration: 50 ms, seed: 2}"
QUICK = [part for text in SMALL for part in ("--set", text)]
ROUNDED = pytest.approx


@lru_cache
def examined(*changes: str) -> Result:
    return run_workload(small_workload(*changes), options=Options(trace=True))


@lru_cache
def report(*changes: str) -> Report:
    return run_report(examined(*changes), ["accelsim", "run"])


def charts(found: Report) -> dict[str, Chart]:
    drawn = [one for one in (*found.sections, *found.pictures) if isinstance(one, Chart)]
    return {chart.title: chart for chart in drawn}


def sums(chart: Chart, value: str) -> Counter[str]:
    """Return what the rows of each design come to."""
    keys = [column.key for column in chart.table.columns]
    found: Counter[str] = Counter()
    for row in chart.table.rows:
        cells = dict(zip(keys, row, strict=True))
        found[str(cells["design"])] += cells[value]  # type: ignore[assignment]
    return found


@pytest.mark.parametrize("changes", [(), (STREAM,)], ids=["rounds", "stream"])
def test_every_stack_of_energy_adds_up_to_the_run(changes: tuple[str, ...]) -> None:
    result, drawn = examined(*changes), charts(report(*changes))
    for title in ("By block", "Layer by layer", "By operator", "By task"):
        for design, energy in sums(drawn[title], "energy").items():
            total = result[design].figures.account.total
            assert energy == ROUNDED(total, rel=1e-5), title
    for title in ("Layer by layer", "By operator", "By task"):
        for design, seconds in sums(drawn[title], "time").items():
            assert seconds == ROUNDED(to_seconds(result[design].run.makespan), rel=1e-5)


def test_layers_stand_side_by_side() -> None:
    chart = charts(report())["Layer by layer"]
    found = {(row[0], row[1]) for row in chart.table.rows}
    for design in examined().cases:
        assert {place for name, place in found if name == design} >= {
            "layer 0", "layer 1", "layer 2", "switch", "outside the encoder",
        }  # fmt: skip


def test_gains_stand_beside_the_papers() -> None:
    (title,) = (t for t in charts(report()) if t.startswith("Gain"))
    rows = charts(report())[title].table.rows
    for one in find_gains(examined()):
        shown = [row[2] for row in rows if row[0] == f"{one.design} over {one.baseline}"]
        assert shown == [gain.value for gain in one.gains]
    assert {row[2] for row in rows if row[0] == "paper"} == {1.7, 32.0, 9.0}


def test_what_lies_in_a_memory_adds_up_to_its_capacity() -> None:
    for change in ((), ("residency=one_task",)):
        for case in examined(*change).cases.values():
            held, free = Counter[str](), dict[str, float]()
            for one in contents(case.design, case.run):
                if one.what == "free":
                    free[one.memory] = one.bytes
                else:
                    held[one.memory] += one.bytes  # type: ignore[assignment]
            for name, home in case.footprints.items():
                assert held[name] == pytest.approx(home.held_bytes, abs=1)
                assert free[name] == home.region.capacity - home.held_bytes >= 0


def test_areas_add_up_to_the_chip() -> None:
    for design, area in sums(charts(report())["Area"], "area").items():
        assert area == pytest.approx(examined()[design].figures.scopes["system"].area)


@pytest.mark.parametrize("file", [MAIN, "workloads/mti_systolic_npu.yaml"])
def test_no_operator_lies_above_the_roof(file: str) -> None:
    from accelsim.workload.schema import load_workload

    for case in run_workload(load_workload(file, SMALL)).cases.values():
        found = roofline(case)
        assert {one.unit for one in found.operators} == {"macs", "elements"}
        busy = Counter[tuple[str, str]]()
        for row in case.breakdown:
            if row.program == "infer" and row.unit in ("macs", "elements"):
                busy[row.operator, row.unit] += row.busy  # type: ignore[assignment]
        for one in found.operators:
            assert one.bound in RESOURCES
            assert max(busy[one.operator, one.unit], one.memory_seconds) <= one.seconds * (1 + 1e-9)
            assert one.rate <= found.peaks[one.unit]
            assert one.rate <= found.bandwidth * one.intensity * (1 + 1e-9)


@pytest.mark.parametrize("changes", [(), (STREAM,)], ids=["rounds", "stream"])
def test_the_course_keeps_energy_and_bookings(changes: tuple[str, ...]) -> None:
    for case in examined(*changes).cases.values():
        shown, fine = case.view, case.power
        few = course(shown, fine, 7)
        span = to_seconds(shown.end - shown.start)
        wanted = sum(
            float(watts @ [b - a for a, b in zip(fine.edges, fine.edges[1:], strict=False)])
            for watts in fine.watts.values()
        )
        spent = sum(float(watts.sum()) for watts in few.watts.values()) * span / 7
        assert spent == pytest.approx(wanted * 1e-9, rel=1e-4)
        booked = Counter[str]()
        for execution in shown.executions:
            for part in execution.parts:
                for one in shown.bookings_of(part.record):
                    booked[one.port] += one.end - one.start
        for port, shares in few.busy.items():
            assert 0 <= shares.min() <= shares.max() <= 1 + 1e-9
            busy = float(shares.sum()) / 7 * (shown.end - shown.start)
            assert busy == pytest.approx(booked[port], rel=1e-6)


def test_the_course_of_a_whole_day() -> None:
    """Its ticks do not fit 64 bits."""
    day = "requests={pattern: poisson, mean_interval: 5 h, duration: 24 h}"
    watched = Options(trace=True, window=Window())
    point = Point(MAIN, (*SMALL, day), ("adapter_mixed",))
    case = examine(point, options=watched)["adapter_mixed"]
    found = course(case.view, case.power)
    mean = sum(float(watts.mean()) for watts in found.watts.values())
    assert mean == pytest.approx(case.figures.account.total / 86_400, rel=1e-9)


def test_latencies_end_with_the_slowest_request() -> None:
    rows = charts(report(STREAM))["Distribution by task"].table.rows
    for name, case in examined(STREAM).cases.items():
        for task, found in case.statistics.items():
            mine = [row for row in rows if row[:2] == (name, task)]
            assert mine == sorted(mine, key=lambda row: (row[2], row[3]))
            assert mine[-1][2:] == (found.latency.maximum, 1.0)
            assert len(mine) <= 101


def test_without_a_trace_nothing_is_drawn_over_time() -> None:
    untraced = run_report(run_workload(small_workload()), [])
    assert set(charts(report())) - set(charts(untraced)) == {
        "Power", "Utilisation: share of each step for which a port is booked",
    }  # fmt: skip


# -- from the files --------------------------------------------------------------------------------


def test_a_saved_report_is_the_report() -> None:
    found = report(STREAM)
    document = json.loads("".join(Json().render(found)))
    again = restored(document)
    for part in ("name", "title", "about", "verdict", "notes", "sections", "pictures"):
        assert getattr(again, part) == getattr(found, part), part
    assert json.loads(json.dumps(saved(again))) == document[REPORT]
    # Endless lifetimes have no number in JSON, and none on paper.
    assert list(Txt().render(again)) == list(Txt().render(found))


def test_values_that_json_lacks_are_left_out() -> None:
    column = Column("x", "x", "J")
    table = Table("", (column,), ((math.inf,), (math.nan,), (1.0,)))
    found = Report("r", "r", (table,), table, {})
    (again,) = restored({REPORT: json.loads(json.dumps(saved(found), allow_nan=False))}).sections
    assert isinstance(again, Table)
    assert again.rows == ((None,), (None,), (1.0,))


def test_a_chart_of_columns_that_are_not_there_is_refused() -> None:
    table = Table("", (Column("a", "a"),), ())
    with pytest.raises(ValueError, match=r"^t: its table has no columns b$"):
        Chart("t", "points", table, ("a",), ("b",))


# -- the page --------------------------------------------------------------------------------------


def unpacked(text: str, name: str) -> bytes:
    (found,) = re.findall(rf'<script type="text/plain" id="{name}">([^<]*)</script>', text)
    return gzip.decompress(base64.b64decode(found))


@pytest.mark.usefixtures("pages")
def test_a_page_carries_the_charts_of_its_report_and_loads_nothing() -> None:
    text = page(report(STREAM), b"script")
    assert unpacked(text, "plotly") == b"script"
    data: dict[str, Any] = json.loads(unpacked(text, "data"))
    named = charts(report(STREAM))
    assert [chart["title"] for chart in data["charts"]] == list(named)
    assert len(re.findall(r'<figure class="chart" data-chart="(\d+)"', text)) == len(named)
    assert not re.search(r"\b(?:src|href)=\"(?!#|data:)", text)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", text)
    assert len(text) < 900_000


@pytest.mark.usefixtures("pages")
def test_the_same_report_gives_the_same_page() -> None:
    assert page(report(), b"script") == page(report(), b"script")


@pytest.mark.usefixtures("pages")
def test_report_makes_a_page_of_a_folder_or_of_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done, again = tmp_path / "done", tmp_path / "again"
    assert run_command_line(["run", MAIN, *QUICK, "--quiet", "--report", "--out", str(done)]) == 0
    first = (done / "results.html").read_text()
    assert run_command_line(["report", str(done)]) == 0
    assert capsys.readouterr().out == f"Wrote {done / 'results.html'}\n"
    assert (done / "results.html").read_text() == first
    # What a command wrote is still its own.
    assert run_command_line(["run", MAIN, *QUICK, "--quiet", "--out", str(done)]) == 0
    assert run_command_line(["report", MAIN, *QUICK, "--out", str(again)]) == 0
    assert {"results.json", "results.html"} <= {path.name for path in again.iterdir()}


def test_what_holds_no_report_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["report", str(tmp_path)]) == 2
    told = f"accelsim: {tmp_path}: there is no report in it; name a folder that a command of "
    assert capsys.readouterr().err == f"{told}this version wrote, or a workload\n"
    (tmp_path / "results.json").write_text('{"report": {"name": 1}}')
    assert run_command_line(["report", str(tmp_path)]) == 2
    assert "results.json: not the results of this version" in capsys.readouterr().err
    assert run_command_line(["report", str(tmp_path), "--set", "a=1"]) == 2
    assert "--set changes a workload" in capsys.readouterr().err


def test_a_missing_package_is_one_line_before_anything_is_computed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("accelsim.report.page.find_spec", lambda name: None)
    monkeypatch.setattr("accelsim.report.page.template", lambda: None)
    monkeypatch.setattr("accelsim.cli.run._simulate", None)
    assert run_command_line(["run", MAIN, "--report"]) == 2
    told = f"accelsim: a page needs plotly: {installation('plot')}\n"
    assert capsys.readouterr().err == told
    with pytest.raises(ConfigError, match=r"^a page needs plotly: pip install .*\[plot\]'$"):
        plotly_script()
