"""From one design to another: mixtures are runs of their own, factors multiply to the ratio."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import pytest
from readme_examples import README
from small_workload import MAIN, SMALL

import accelsim
from accelsim.cli.main import run_command_line
from accelsim.errors import CapacityError, ConfigError
from accelsim.evaluation.examine import resolve
from accelsim.report.explain import consistent_factors
from accelsim.study.explain.changes import assignments, differences, grouped
from accelsim.study.explain.explanation import Explanation, Question, find_explanation

VANILLA, ADAPTER = (
    accelsim.Point(MAIN, SMALL, (name,)) for name in ("vanilla_slc", "adapter_mixed")
)


@pytest.fixture(scope="module")
def found() -> Explanation:
    return find_explanation(Question(VANILLA, ADAPTER))


def test_the_ratio_is_that_of_the_two_runs(found: Explanation) -> None:
    before = accelsim.evaluate(VANILLA)["vanilla_slc.energy.system"]
    after = accelsim.evaluate(ADAPTER)["adapter_mixed.energy.system"]
    assert (found.before, found.after) == (before, after)
    log = math.log(found.after / found.before)
    assert math.fsum(found.shares.logs.values()) == pytest.approx(log, abs=1e-12)
    assert len(found.mixtures) == 2 ** len(found.changes)
    assert len(found.changes) >= 4


def test_each_mixture_is_a_run_that_a_user_can_repeat(found: Explanation) -> None:
    feasible = [mixture for mixture in found.mixtures.values() if mixture.outcome]
    for mixture in feasible[::5]:
        row = accelsim.evaluate(VANILLA.with_assignments(*mixture.assignments))
        assert mixture.outcome
        assert row["vanilla_slc.energy.system"] == mixture.outcome.total


def test_what_cannot_be_made_alone_is_named_or_made_at_once() -> None:
    # In shipped memories adapters take another capacity, and the capacity takes adapters.
    groups = {"capacities": ("hardware.memories.*.capacity",)}
    first, last = (
        accelsim.Point(MAIN, ("sequence_length=16", "tasks=[MNLI, QNLI]"), (name,))
        for name in ("vanilla_slc", "adapter_slc")
    )
    found = find_explanation(Question(first, last, "energy.switch", groups))
    assert list(found.changes) == ["format and density", "adaptation + capacities"]
    refused = {tuple(subset): each for subset, each in found.mixtures.items() if not each.outcome}
    assert list(refused) == [("format and density",)]
    mixture = refused["format and density",]
    assert "memory 'sram' has" in mixture.reason
    with pytest.raises(CapacityError, match="memory 'sram' has"):
        accelsim.evaluate(first.with_assignments(*mixture.assignments))


def test_parts_of_the_energy_share_each_factor(found: Explanation) -> None:
    for change, parts in found.shares.parts.items():
        assert math.fsum(parts.values()) == pytest.approx(found.shares.logs[change], abs=1e-9)


def test_the_way_back_is_the_inverse(found: Explanation) -> None:
    back = find_explanation(Question(ADAPTER, VANILLA)).shares.logs
    assert {c: -log for c, log in back.items()} == pytest.approx(found.shares.logs, abs=1e-12)


@pytest.mark.parametrize(
    "names", [("vanilla_slc", "adapter_mixed"), ("adapter_mixed", "vanilla_slc")]
)
def test_all_differences_make_the_other_design(names: tuple[str, str]) -> None:
    workload = resolve(accelsim.Point(MAIN, SMALL))
    first, last = ((workload, workload.cases[name]) for name in names)
    made = accelsim.Point(MAIN, SMALL, names[:1]).with_assignments(
        *assignments(*first, differences(first, last))
    )
    one, other = accelsim.evaluate(made), accelsim.evaluate(accelsim.Point(MAIN, SMALL, names[1:]))
    assert list(one.figures.values()) == list(other.figures.values())
    again = resolve(made)
    assert differences((again, again.cases[names[0]]), last) == ()


def test_another_accelerator_comes_with_its_components() -> None:
    workloads = (MAIN, "workloads/mti_systolic_npu.yaml")
    loaded = [
        resolve(accelsim.Point(path, SMALL, (case,)))
        for path, case in zip(workloads, ("adapter_slc", "adapter"), strict=True)
    ]
    first, last = ((each, *each.cases.values()) for each in loaded)
    changes = grouped(differences(first, last), {})
    components = {each.path[1] for each in changes["accelerator"]}
    assert {"accelerator", "pe_array", "sfu", "vector_unit", "bus"} <= components
    every = [each for own in changes.values() for each in own]
    made = accelsim.Point(MAIN, (*SMALL, *assignments(*first, every)), ("adapter_slc",))
    wanted = accelsim.evaluate(accelsim.Point(workloads[1], SMALL, ("adapter",)))
    found = accelsim.evaluate(made)
    assert len(found) == len(wanted)
    for name, value in wanted.items():
        assert found[name.replace("adapter.", "adapter_slc.", 1)] == value


def test_another_spelling_is_no_change() -> None:
    said = "hardware.memories.sram.capacity=128 KiB", "policy={name: fifo}"
    found = find_explanation(
        Question(*(accelsim.Point(MAIN, (*SMALL, *more), ("adapter_slc",)) for more in ((), said)))
    )
    assert found.changes == {}
    assert found.before == found.after


def test_groups_make_several_paths_one_change() -> None:
    question = Question(
        VANILLA, ADAPTER, "energy.switch", {"cells": ("hardware.memories.*", "hardware.placement")}
    )
    found = find_explanation(question)
    (cells,) = (own for name, own in found.changes.items() if name == "cells")
    assert {each.path[1] for each in cells} == {"memories", "placement"}
    with pytest.raises(
        ConfigError, match=r"--group x: nothing at 'hardware\.drum' differs; paths: ad"
    ):
        find_explanation(Question(VANILLA, ADAPTER, groups={"x": ("hardware.drum",)}))


@pytest.mark.parametrize(
    ("changed", "metric", "told"),
    [
        (("sequence_length=16",), None, "do different work: sequence_length: 32 and 16"),
        (("tasks=[MNLI, QNLI]",), None, "do different work: tasks.MRPC: "),
        ((), "energy.swich", "--metric: there is no metric 'energy.swich'; did you mean"),
        ((), "energy.request_oracle", "'adapter_slc' has no .*; choose another"),
        ((), "missed.all", "that of 'adapter_slc' is 0; a ratio takes figures above zero"),
    ],
)
def test_what_cannot_be_explained_is_told(
    changed: tuple[str, ...], metric: str | None, told: str
) -> None:
    point = accelsim.Point(MAIN, SMALL, ("adapter_slc",))
    with pytest.raises(ConfigError, match=told):
        find_explanation(Question(point, point.with_assignments(*changed), metric))


def test_printed_factors_multiply_to_the_printed_ratio() -> None:
    for logs in (
        [4.005, 0.425, 0.174, 0.2647],
        [1e-9, -1e-9],
        [-12.3, 3.1],
        [0.69314718056] * 9,
        [],
    ):
        texts, ratio = consistent_factors(logs)
        product = math.prod(map(float, texts))
        assert product == pytest.approx(float(ratio), rel=0.5e-3)
        assert math.exp(math.fsum(logs)) == pytest.approx(float(ratio), rel=0.5e-3)
        decimals = len(ratio.partition(".")[2])
        assert f"{product:.{decimals}f}" == ratio


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = [part for text in SMALL for part in ("--set", text)]
    command = ["explain", MAIN, "adapter_slc", *settings, "--to", "hardware.dram.devices=2"]
    assert run_command_line([*command, "--interactions", "--verbose", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "hardware.dram.devices: nothing -> 2" in shown
    document = json.loads((tmp_path / "explain.json").read_text())
    product = math.prod(change["factor"] for change in document["changes"])
    assert product == pytest.approx(document["ratio"], rel=1e-12)
    assert run_command_line([*command, "--group", "x"]) == 2
    assert "--group: expected NAME=ONE,TWO, got 'x'" in capsys.readouterr().err


def test_the_readme_shows_what_its_command_prints(tmp_path: Path) -> None:
    section = README.partition("# Where a ratio comes from")[2].partition("\n# ")[0]
    (command,) = re.findall(r"```sh\naccelsim (.*?)\n```", section)
    assert run_command_line([*command.split(), "--out", str(tmp_path), "--write", "csv"]) == 0
    assert {path.name for path in tmp_path.glob("[!.]*")} == {"explain.csv", "explain.json"}
    with (tmp_path / "explain.csv").open(newline="") as file:
        printed = {row["change"]: row["factor_text"] for row in csv.DictReader(file)}
    shown = dict(re.findall(r"^\| (.*?) \| (\S+x) \|$", section, re.MULTILINE))
    assert printed == {"before": "", **shown}
