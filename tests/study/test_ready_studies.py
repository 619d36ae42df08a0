"""Studies that travel with accelsim, and those of the README: each loads, its points run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from small_workload import SMALL

import accelsim
from accelsim.inputs.memo import Memo
from accelsim.inputs.shipped import shipped_folder
from accelsim.study.outcome import outcome_of
from accelsim.study.sweep.space import load_study

FOLDER = shipped_folder("workloads")
STUDIES = {path.stem: path for path in sorted((FOLDER / "studies").glob("*.yaml"))}
POINTS = {
    "adaptations": 12,
    "adapter_density": 20,
    "array_bus": 9,
    "corners": 24,
    "design_choice": 70,
    "fleet": 1000,
    "memory_search": 400,
    "rate_idle": 30,
    "tasks_sram": 24,
}


def test_all_are_known() -> None:
    assert STUDIES.keys() == POINTS.keys()


@pytest.mark.parametrize("name", POINTS)
def test_a_ready_study_begins(name: str) -> None:
    study = load_study(STUDIES[name], SMALL[:2])
    assert len(study) == POINTS[name]
    study.check()
    memo, states = Memo(), list[str]()
    for number in (0, len(study) // 2, len(study) - 1):
        states.append(outcome_of(study[number].point, memo).state)
    assert set(states) == {"ok"}


def blocks(language: str) -> list[str]:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    return [str(each) for each in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]


def test_the_study_in_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, *_ = blocks("python")
    assert sum(map(bool, code.splitlines())) <= 15
    known: dict[str, Any] = {}
    exec(code, known)
    assert known["best"].point.values["adaptation_bottleneck"] == 8
    assert known["table"].states == {"ok": 6}
    assert isinstance(known["accelsim"], type(accelsim))
