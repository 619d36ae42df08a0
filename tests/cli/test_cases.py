"""Which cases of a workload run: those that are named, and those that fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_workload import MAIN, SMALL

from accelsim.cli.main import run_command_line

QUICK = [part for text in SMALL for part in ("--set", text)]
TIGHT = ("--set", "cases.vanilla_slc.hardware.memories.sram.capacity=8 KiB")


def results(folder: Path, *arguments: str, command: str = "run") -> tuple[int, dict[str, Any]]:
    more = ["--no-trace"] if command == "run" else ["--tasks", "1"]
    code = run_command_line([command, MAIN, *QUICK, *more, "--out", str(folder), *arguments])
    name = "results.json" if command == "run" else f"{command}.json"
    return code, json.loads((folder / name).read_text()) if code == 0 else {}


def test_only_the_cases_that_are_named(tmp_path: Path) -> None:
    code, found = results(tmp_path, "--cases", "adapter_slc, vanilla_slc")
    assert (code, list(found["cases"])) == (0, ["adapter_slc", "vanilla_slc"])
    assert [each["baseline"] for each in found["comparisons"]] == ["vanilla_slc"]


def test_a_case_set_to_null_is_left_out_and_is_no_baseline(tmp_path: Path) -> None:
    code, found = results(tmp_path, "--set", "cases.vanilla_slc=null")
    assert code == 0
    assert list(found["cases"]) == ["vanilla_mixed", "adapter_mixed", "adapter_slc"]
    assert [each["design"] for each in found["comparisons"]] == ["adapter_mixed"]


@pytest.mark.parametrize("command", ["run", "scaling"])
def test_a_case_that_does_not_fit_is_told_and_the_others_run(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = results(tmp_path, *TIGHT, command=command)
    assert code == 0
    assert list(found["cases"]) == ["vanilla_mixed", "adapter_mixed", "adapter_slc"]
    assert "raise hardware.memories.sram.capacity to " in found["refused"]["vanilla_slc"]
    printed = capsys.readouterr()
    assert "does not fit and is left out: case 'vanilla_slc':" in " ".join(
        (printed.err if command == "run" else printed.out).split()
    )
    assert results(tmp_path, *TIGHT, "--strict", command=command)[0] == 3
    assert "case 'vanilla_slc': encoder" in capsys.readouterr().err


def test_no_case_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All memories of all cases are told at once, each with the size that would do."""
    tight = ("hardware.memories.sram.capacity=4 KiB", "hardware.memories.rram.capacity=4 KiB")
    more = [word for text in tight for word in ("--set", text)]
    assert results(tmp_path, "--cases", "vanilla_slc,adapter_slc", *more)[0] == 3
    lines = capsys.readouterr().err.splitlines()
    for case in ("vanilla_slc", "adapter_slc"):
        told = [line for line in lines if f"case '{case}'" in line]
        for memory in ("sram", "rram"):
            assert any(f"raise hardware.memories.{memory}.capacity to " in line for line in told)


def test_an_unknown_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert results(tmp_path, "--cases", "adapter_scl")[0] == 2
    assert "there is no case 'adapter_scl'; did you mean 'adapter_slc'?" in capsys.readouterr().err
