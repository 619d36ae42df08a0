"""A point, its row and its result: every figure under one name, and equal wherever it is asked."""

from __future__ import annotations

import json
import pickle
import re
from collections import Counter
from pathlib import Path

import pytest
from small_workload import MAIN, SMALL

import accelsim
from accelsim.cli.main import run_command_line
from accelsim.errors import CapacityError, ConfigError
from accelsim.evaluation.examine import figures_of
from accelsim.evaluation.metrics import all_metrics, metric_families
from accelsim.evaluation.point import Row
from accelsim.inputs.memo import Memo

POINT = accelsim.Point(MAIN, SMALL)
STREAM = POINT.with_assignments(
    "requests={pattern: poisson, mean_interval: 1 ms, duration: 20 ms}",
    "early_exit={exit_layer: {mean: 2}, latency_target: 1 ms, prediction: exact}",
)


@pytest.fixture(scope="module", params=[POINT, STREAM], ids=["rounds", "stream"])
def row(request: pytest.FixtureRequest) -> Row:
    return accelsim.evaluate(request.param)


def test_points_and_rows_are_values(row: Row) -> None:
    assert pickle.loads(pickle.dumps(row)) == row
    assert accelsim.evaluate(row.point) == row
    again = accelsim.Point(MAIN, SMALL)
    assert again == POINT
    assert {again: 1}[POINT] == 1


def test_every_figure_is_declared_once() -> None:
    assert max(Counter(metric.key for metric in all_metrics()).values()) == 1
    for metric in all_metrics():
        assert metric.title
        assert metric.unit


def test_a_row_has_every_metric_of_every_case(row: Row) -> None:
    result = accelsim.examine(row.point)
    names = list(figures_of(result))
    assert len(names) == len(set(names))
    for name, case in result.cases.items():
        for metric in all_metrics():
            for key, value in metric.figures(case).items():
                assert row[f"{name}.{key}"] == value


def test_gains_are_ratios_of_figures(row: Row) -> None:
    gains = [name for name in row.figures if ".gain." in name]
    assert "adapter_slc.gain.area.system" in gains
    for name in gains:
        design, _, key = name.split(".", 2)
        before, after = row[f"{design.replace('adapter', 'vanilla')}.{key}"], row[f"{design}.{key}"]
        assert isinstance(before, float)
        assert isinstance(after, float)
        assert row[name] == before / after


def test_the_command_line_says_the_same(row: Row, tmp_path: Path) -> None:
    settings = [part for text in row.point.assignments for part in ("--set", text)]
    arguments = ["run", MAIN, *settings, "--quiet", "--no-trace", "--out", str(tmp_path)]
    assert run_command_line(arguments) == 0
    found = json.loads((tmp_path / "results.json").read_text())
    for case, one in found["cases"].items():
        assert row[f"{case}.energy.run"] == one["energy"]["total_J"]
        assert row[f"{case}.time.run"] == one["time"]["makespan_s"]
        assert row[f"{case}.requests.all"] == one["service"]["all"]["requests"]
        for scope, figures in one["scopes"].items():
            assert row[f"{case}.energy.{scope}"] == figures["energy_J"]
    for comparison in found["comparisons"]:
        gains = {
            f"{comparison['design']}.gain.{gain['metric']}.{gain['scope']}": gain["gain"]
            for gain in comparison["gains"]
        }
        mine = {n: v for n, v in row.figures.items() if n.startswith(comparison["design"])}
        assert gains == {name: value for name, value in mine.items() if ".gain." in name}


def test_chosen_cases_alone_are_run() -> None:
    row = accelsim.evaluate(accelsim.Point(MAIN, SMALL, ("adapter_slc",)))
    assert {name.partition(".")[0] for name in row.figures} == {"adapter_slc"}
    # Its baseline is not among them.
    assert not any(".gain." in name for name in row.figures)


def test_a_figure_that_is_not_there(row: Row) -> None:
    with pytest.raises(ConfigError, match=r"^there is no figure 'adapter_slc\.energy\.sytem'; did"):
        row["adapter_slc.energy.sytem"]


def test_an_unknown_case() -> None:
    with pytest.raises(ConfigError, match=r"^there is no case 'adapter_scl'; did you mean"):
        accelsim.evaluate(accelsim.Point(MAIN, SMALL, ("adapter_scl",)))


def test_what_does_not_fit_is_told_by_type() -> None:
    small = POINT.with_assignments("cases.adapter_slc.hardware.memories.sram.capacity=1 KiB")
    with pytest.raises(CapacityError, match="memory 'sram' has"):
        accelsim.evaluate(small)


def test_the_sweep_of_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code.splitlines()) <= 8
    exec(compile(code, "README.md", "exec"), {})
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [int(size) for size, *_ in printed] == [4, 8, 16, 24, 32]
    energies = [float(energy) for _, energy, _ in printed]
    assert energies == sorted(energies)


def test_latencies_of_as_many_cycles_share_a_run_unless_the_clock_changes() -> None:
    """RRAM is read in 1.41 ns: two cycles at 1 GHz, fewer at the slower clocks below it."""

    def runs(*more: str) -> int:
        memo = Memo()
        for factor in (1.0, 1.3):
            slower = f"hardware.process.factors={{RRAM.read_latency: {factor}}}"
            point = accelsim.Point(MAIN, (*SMALL, slower, *more), ("adapter_slc",))
            found, alone = accelsim.evaluate(point, memo), accelsim.evaluate(point)
            assert found.figures == alone.figures
        return memo.made["run"]

    exits = "early_exit={heads: shared, exit_layer: 2, latency_target: 50 ms}"
    assert (runs(), runs(exits)) == (1, 2)


def test_unpriced_figures_are_the_same_whatever_anything_costs() -> None:
    memo, dear = Memo(), "hardware.process.factors={logic.leakage: 3, dram.access: 2}"
    told = []
    for more in ((), (dear,)):
        point = accelsim.Point(MAIN, (*SMALL, *more), ("adapter_mixed",))
        (case,) = accelsim.examine(point, memo).cases.values()
        told.append([family.figures(case) for family in metric_families() if family.unpriced])
        anew = accelsim.examine(point).cases["adapter_mixed"]
        assert told[-1] == [each.figures(anew) for each in metric_families() if each.unpriced]
    assert memo.made["run"] == 1
    assert len(told[0]) == 3
    assert all(before is after for before, after in zip(*told, strict=True))
