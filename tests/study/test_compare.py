"""Runs beside each other: what was changed, what it did, which runs are refused."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from small_workload import MAIN, SMALL

import accelsim
from accelsim.cli.main import run_command_line
from accelsim.errors import ConfigError
from accelsim.report.compare import compare_report
from accelsim.report.table import Prose
from accelsim.study.compare import Compared, View
from accelsim.study.saved_run import SavedRun, load_run


def run(folder: Path, *more: str) -> str:
    settings = [part for text in (*SMALL, *more) for part in ("--set", text)]
    arguments = ["run", MAIN, *settings, "--quiet", "--no-trace", "--out", str(folder)]
    assert run_command_line(arguments) == 0
    return str(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    root = tmp_path_factory.mktemp("compare")
    devices = "hardware.dram.devices=2"
    return run(root / "a"), run(root / "b", devices), run(root / "c", "sequence_length=16")


def view(found: Compared, by: str, quantity: str = "energy") -> View:
    (one,) = (each for each in found.views if (each.by, each.quantity) == (by, quantity))
    return one


def test_cases_of_one_name_are_compared(folders: tuple[str, str, str]) -> None:
    found = accelsim.compare(*folders[:2])
    assert [one.sides[0].case for one in found] == [
        "vanilla_mixed", "adapter_mixed", "vanilla_slc", "adapter_slc",
    ]  # fmt: skip
    for one in found:
        assert one.changed == (("hardware.dram.devices", "1", "2"),)


def test_every_grouping_adds_up_to_the_run(folders: tuple[str, str, str]) -> None:
    for one in accelsim.compare(*folders[:2]):
        for number, side in enumerate(one.sides):
            total = side.results["energy"]["total_J"]
            for by in ("block", "operator", "layer", "task", "program"):
                values = [line.values[number] or 0.0 for line in view(one, by).lines]
                assert math.fsum(values) == pytest.approx(total, rel=1e-12)
        scope = {line.key: line for line in view(one, "scope").lines}
        row = one.sides[1].results["scopes"]["system"]["energy_J"]
        assert scope["energy.system"].values[1] == row


def test_what_differs_most_comes_first(folders: tuple[str, str, str]) -> None:
    one = accelsim.compare(*folders[:2])[-1]
    assert view(one, "block").lines[0].key == "dram"
    same = accelsim.compare(folders[0], folders[0])[0]
    assert same.changed == ()
    assert {line.ratio(1) for each in same.views for line in each.lines} <= {1.0, None}


def test_cases_of_two_names_are_named(folders: tuple[str, str, str]) -> None:
    (one,) = accelsim.compare(f"{folders[0]}:vanilla_slc", f"{folders[0]}:adapter_slc")
    changed = {path: values for path, *values in one.changed}
    assert changed["adaptation.method"] == ["full", "houlsby"]
    assert [side.name for side in one.sides] == ["vanilla_slc", "adapter_slc"]
    adapter = {line.key: line for line in view(one, "operator").lines}["encoder.ffn_adapter.down"]
    assert adapter.values[0] == 0
    assert adapter.ratio(1) is None


def test_three_runs_stand_beside_the_first(folders: tuple[str, str, str]) -> None:
    names = [f"{folders[0]}:{case}" for case in ("vanilla_slc", "adapter_slc", "adapter_mixed")]
    (one,) = accelsim.compare(*names)
    line = view(one, "scope").lines[0]
    assert len(line.values) == 3
    assert line.values[0]
    assert line.values[2]
    assert line.ratio(2) == line.values[2] / line.values[0]


def test_different_work_is_refused(folders: tuple[str, str, str]) -> None:
    with pytest.raises(ConfigError, match=r"did different work: sequence_length: 32 and 16$"):
        accelsim.compare(folders[0], folders[2])


def test_what_cannot_be_compared_is_told(folders: tuple[str, str, str]) -> None:
    with pytest.raises(ConfigError, match="name two runs or more"):
        accelsim.compare(folders[0])
    with pytest.raises(ConfigError, match="there is no case 'adapter'; did you mean 'adapter_"):
        accelsim.compare(folders[0], f"{folders[0]}:adapter")
    with pytest.raises(ConfigError, match="no case in common, name them as PATH:CASE"):
        accelsim.compare(folders[0], *(f"{folders[0]}:{c}" for c in ("vanilla_slc", "adapter_slc")))


def test_the_verdict_has_all_key_figures_whatever_scopes_one_side_lacks(
    folders: tuple[str, str, str],
) -> None:
    """A machine without task switches has a pass of its memories that the other has not."""
    run = load_run(folders[0])
    lacking = json.loads(json.dumps(run.results))
    scopes = [lacking["cases"][name]["scopes"] for name in ("vanilla_slc", "adapter_slc")]
    del scopes[0]["memory_one_pass"], scopes[1]["switch"]
    changed = SavedRun(run.folder, lacking, run.breakdown)
    names = "vanilla_slc", "adapter_slc"
    (one,) = accelsim.compare(*(SavedRun(Path(n), _only(changed, n), run.breakdown) for n in names))
    report = compare_report([one], ["scope"], [])
    assert report.title == "adapter_slc as a multiple of vanilla_slc"
    assert [line.key for line in view(one, "scope").lines][-1] == "energy.system"
    (verdict,) = (each.text for each in report.verdict if isinstance(each, Prose))
    assert re.findall(r"(\w+)\.system \d", verdict) == ["energy", "latency", "area"]


def _only(run: SavedRun, case: str) -> dict[str, Any]:
    return {**run.results, "cases": {case: run.results["cases"][case]}}


@pytest.mark.parametrize(
    ("limit", "code"),
    [("energy=50%", 0), ("energy=0.1%", 9), ("energy.switch=50%", 0), ("area=0", 0)],
)
def test_the_exit_code_is_for_continuous_integration(
    limit: str, code: int, folders: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [f"{folder}:adapter_slc" for folder in folders[:2]]
    assert run_command_line(["compare", *runs, "--fail-above", limit]) == code
    assert ("above 0.1 %" in capsys.readouterr().out) == (code == 9)


def test_workloads_are_run(
    folders: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [part for text in SMALL for part in ("--set", text)]
    runs = [f"{folders[1]}:adapter_slc", f"{MAIN}:adapter_slc"]
    assert run_command_line(["compare", *runs, *settings, "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert one["changed"] == [{"path": "hardware.dram.devices", "values": ["2", "1"]}]
    assert {each["by"] for each in one["views"]} == {
        "scope", "block", "operator", "layer", "task", "program",
    }  # fmt: skip


@pytest.mark.parametrize("option", [("--fail-above", "speed=5%"), ("--by", "colour")])
def test_wrong_options_are_told(
    option: tuple[str, str], folders: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["compare", *folders[:2], *option]) == 2
    assert f"{option[0]}: " in capsys.readouterr().err
