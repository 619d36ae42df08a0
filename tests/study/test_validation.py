"""The validation: it passes, it can fail, and the reference reaches no model."""

from __future__ import annotations

import ast
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from accelsim.cli.main import run_command_line
from accelsim.report.media.html import Html
from accelsim.report.validation import validation_report
from accelsim.study.validation.check import Check, reference_folder
from accelsim.study.validation.dram import dram_checks
from accelsim.study.validation.memory import array_checks
from accelsim.study.validation.model import headline_checks, model_checks, theory_checks
from accelsim.study.validation.silicon import (
    Witness,
    logic_checks,
    measured_checks,
    measurements,
    witnesses,
)
from accelsim.study.validation.suite import Outcome
from accelsim.study.validation.timing import (
    convolution_checks,
    edgebert_checks,
    llmcompass_checks,
    onnxim_checks,
    scalesim_checks,
)

FOLDER = reference_folder()
PACKAGE = Path(__file__).parents[2] / "accelsim"
SUITES = {
    "edgebert": (lambda: edgebert_checks(FOLDER), 67),
    "scalesim": (lambda: scalesim_checks(FOLDER), 180),
    "convolutions": (lambda: convolution_checks(FOLDER), 40),
    "onnxim": (lambda: onnxim_checks(FOLDER), 11),
    "llmcompass": (lambda: llmcompass_checks(FOLDER), 13),
    "arrays": (lambda: array_checks(FOLDER), 772),
    "logic": (lambda: logic_checks(witnesses(FOLDER)), 14),
    "measured": (lambda: measured_checks(measurements(FOLDER)), 16),
    "dram": (lambda: dram_checks(FOLDER), 45),
    "model": (lambda: model_checks(FOLDER), 1200),
    "theory": (theory_checks, 100),
}


@pytest.mark.parametrize("name", SUITES)
def test_every_comparison_passes(name: str) -> None:
    make, count = SUITES[name]
    checks = list(make())
    failed = [(c.quantity, c.reference, c.value) for c in checks if c.passed is False]
    assert not failed
    # A comparison that is lost must be noticed.
    assert len(checks) == count


def test_wrong_technology_data_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelsim.memory.dram import load_dram
    from accelsim.study.validation import dram

    def slower(part: str) -> object:
        technology = load_dram(part)
        timing = technology.timing.model_copy(update={"activate_to_column": 30e-9})
        return technology.model_copy(update={"timing": timing})

    monkeypatch.setattr(dram, "load_dram", slower)
    failed = {c.quantity for c in dram_checks(FOLDER) if c.passed is False}
    assert "lpddr4_3200 latency of a closed row" in failed
    assert "lpddr4_3200 latency of a row hit" not in failed


def test_a_chip_beyond_the_account_of_the_logic_fails(tmp_path: Path) -> None:
    text = (FOLDER / "accelerators.csv").read_text()
    (tmp_path / "accelerators.csv").write_text(text.replace(",0.314,pJ/MAC", ",3.14,pJ/MAC"))
    failed = [
        check.quantity for check in logic_checks(witnesses(tmp_path)) if check.passed is False
    ]
    assert failed == ["NVDLA, a further MAC: outside low to high"]


def test_a_typical_figure_is_inside_or_outside_of_what_was_published() -> None:
    def witness(typical: float) -> Witness:
        return Witness("a", "pJ/MAC", 0.4, 0.5, 0.25, 0.2, typical, 1.0, True, "s")

    # 0.4 less a quarter to 0.5 and a quarter.
    inside = [witness(value).inside for value in (0.299, 0.301, 0.624, 0.626)]
    assert inside == [False, True, True, False]
    found = (witness(0.1), witness(0.5))
    outcome = Outcome(tuple(logic_checks(found)), witnesses=found)
    lines = [part.text for part in validation_report(outcome).verdict]
    assert lines[1].startswith("accelerators: 1 of 2 inside their uncertainty at typical, 2 within")
    assert lines[1].endswith("within low to high")
    apart = Outcome((), witnesses=(*found, replace(witness(9.0), name="G", judged=False)))
    line = [part.text for part in validation_report(apart).verdict][1]
    assert line.endswith("; 1 are reported only and cannot fail: G")
    assert [group.group for group in outcome.groups] == ["accelerators outside low to high"]
    assert outcome.groups[0].nearest == "all 0, as expected"


def test_a_measured_chip_stands_beside_the_simulated_one() -> None:
    found = tuple(measurements(FOLDER))
    assert [one.chip for one in found] == 4 * ["GAP9 0.65 V"] + 4 * ["GAP9 0.8 V"]
    for one in found:
        # Cycles are known, energy is not: what has no source has no price at typical.
        assert 0.7 < one.time_ratio < 1.4, one.network
        assert one.low < one.simulated_energy < one.high
        assert one.low < one.energy, one.network
        assert list(one.others) == ["STM32U575"]
        assert one.others["STM32U575"][0] > 10 * one.energy
    fast = {one.network: one.simulated_time for one in found[4:]}
    assert all(240 * one.simulated_time == pytest.approx(370 * fast[one.network], rel=1e-6)
               for one in found[:4])  # fmt: skip
    report = validation_report(Outcome(tuple(measured_checks(found)), measured=found))
    [rows] = [s for s in report.sections if "measured" in s.title]
    assert len(rows.rows) == 8
    assert {check.passed for check in measured_checks(found)} == {None}


def test_deep_matmuls_agree_within_half_a_percent() -> None:
    deep = [c for c in edgebert_checks(FOLDER) if c.allowed == 0.005]
    assert len(deep) > 20
    assert max(abs(c.deviation) for c in deep) <= 0.005


def test_the_headline_is_reported_without_verdict() -> None:
    checks = list(headline_checks())
    assert {c.passed for c in checks} == {None}
    grades = {c.quantity.rsplit(", ", 1)[1] for c in checks}
    assert grades == {"low", "typical", "high"}


@pytest.mark.usefixtures("pages")
def test_a_wrong_figure_fails_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "reference"
    shutil.copytree(FOLDER, folder)
    table = folder / "torch_macs.csv"
    table.write_text(table.read_text().replace("11186798592", "11186798593"))
    out = tmp_path / "out"
    options = ["--reference", str(folder), "--json", "--out", str(out), "--write", "json,html"]
    assert run_command_line(["validate", *options]) == 1
    shown = capsys.readouterr().out
    document = json.loads(shown)
    assert shown == (out / "validation.json").read_text()
    failed = [c for c in document["checks"] if c["verdict"] == "FAIL"]
    assert [c["quantity"] for c in failed] == ["albert-base, 128 tokens"]
    assert document["failed"] == 1
    # Once among what failed, once among all.
    assert (out / "validation.html").read_text().count('<td class="alert">FAIL</td>') == 2


def test_a_missing_folder_is_one_clear_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["validate", "--reference", str(tmp_path / "no")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_deviation_and_verdict() -> None:
    def check(reference: float, value: float, allowed: float | None) -> Check:
        return Check("g", "q", "u", reference, value, allowed, "s")

    assert check(100, 101.9, 0.02).passed
    assert check(100, 97.9, 0.02).passed is False
    assert check(0, 0.3, 0.4).passed
    assert check(5, 5, 0.0).passed
    assert check(5, 6, None).passed is None
    [summary] = Outcome((check(100, 101, 0.02), check(100, 103, 0.02), check(1, 2, None))).groups
    assert (summary.count, summary.failed, summary.worst.value) == (2, 1, 103)


@pytest.mark.usefixtures("pages")
def test_the_page_is_self_contained_and_escapes() -> None:
    outcome = Outcome((Check("g", "a < b", "u", 1, 1, 0.0, "s & t"),))
    page = "".join(Html().render(validation_report(outcome)))
    assert "a &lt; b" in page
    assert "s &amp; t" in page
    assert "http" not in page


def test_no_model_reads_the_reference() -> None:
    importers = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else ""
            if module and module.startswith("accelsim.study.validation"):
                importers.add(str(path.relative_to(PACKAGE).parent / path.stem))
    outside = {name for name in importers if not name.startswith("study/validation/")}
    assert outside == {"cli/validate", "report/validation"}
