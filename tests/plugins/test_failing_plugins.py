"""What a method of a plug-in raises is one message: which file, which method, what was raised."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from readme_examples import example
from toy_files import Captured, failure, write

import accelsim
from accelsim.engine.run import Options
from accelsim.errors import MappingError, PluginError
from accelsim.evaluation.side_by_side import run_side_by_side
from accelsim.workload.schema import load_workload

TINY = ("model={name: tiny-1}", "cases.case.adaptation={method: full}")
STREAM = "requests={pattern: poisson, mean_interval: 1 ms, duration: 4 ms}"
VECTORS = "cases.case.adaptation={method: vectors}"
# The example of a heading -> the method that fails, and what the workload asks for.
FAILING = {
    "A model family": ("Tiny.add_layer", TINY),
    "An adaptation": ("Vectors.adapt", (VECTORS,)),
    "A component": ("WakeWordDetector.datasheet", ()),
    "An accelerator": ("Autonomous.start", ()),
    "A request pattern": (
        "Together.make_requests",
        ("requests={pattern: together, interval: 1 s, times: 9}",),
    ),
    "A scheduling policy": ("Shortest.choose", (STREAM, "policy={name: shortest}")),
    "An idle policy": ("Nap.plan", (STREAM, "idle={policy: nap, after: 1 us}")),
    "A figure": ("per_sentence", ()),
    "An output medium": ("Markdown.render", ()),
}
MACHINES = {
    "A component": "detector: {kind: wake_word_detector, draws: 50 uW}",
    "An accelerator": "accelerator: autonomous",
}


def broken(heading: str) -> str:
    """Return an example of which the method divides by zero."""
    lines = example(heading).splitlines()
    method = FAILING[heading][0].rpartition(".")[2]
    (at,) = [n for n, line in enumerate(lines) if f"def {method}(" in line]
    indent = " " * (len(lines[at]) - len(lines[at].lstrip()) + 4)
    return "\n".join([*lines[: at + 1], f"{indent}1 / 0", *lines[at + 1 :]])


def set_up(folder: Path, heading: str, source: str) -> tuple[Path, list[str]]:
    """Return a workload with a plug-in, and the options that ask for what it adds."""
    lines = MACHINES.get(heading, "")
    file = write(folder, workload="plugins: [mine.py]", machine=lines, mine=source)
    settings = [part for each in FAILING[heading][1] for part in ("--set", each)]
    medium = ["--write", "md"] if heading == "An output medium" else []
    return file, [*settings, *medium, "--no-trace", "--quiet", "--out", str(folder / "out")]


@pytest.mark.parametrize("heading", FAILING)
def test_the_file_the_method_and_the_error_are_named(
    heading: str, tmp_path: Path, capsys: Captured
) -> None:
    source = broken(heading)
    line = source.splitlines().index(next(n for n in source.splitlines() if "1 / 0" in n)) + 1
    file, options = set_up(tmp_path, heading, source)
    told = failure(capsys, "run", str(file), *options, code=7)
    place = f"plug-in '{tmp_path / 'mine.py'}': {FAILING[heading][0]}, line {line}"
    assert told == f"{place}: ZeroDivisionError: division by zero; correct the plug-in"


def test_it_is_told_in_python_too_and_by_processes_of_cases(tmp_path: Path) -> None:
    file, _ = set_up(tmp_path, "A scheduling policy", broken("A scheduling policy"))
    assignments = FAILING["A scheduling policy"][1]
    expected = r"Shortest\.choose, line \d+: ZeroDivisionError: division by zero"
    with pytest.raises(PluginError, match=expected) as told:
        accelsim.evaluate(accelsim.Point(file, assignments))
    assert str(pickle.loads(pickle.dumps(told.value))) == str(told.value)
    with pytest.raises(PluginError, match=expected):
        run_side_by_side(load_workload(file, assignments), Options(), 1)


def test_an_error_of_ours_is_not_blamed_on_a_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = set_up(tmp_path, "A scheduling policy", example("A scheduling policy"))
    monkeypatch.setattr("accelsim.evaluation.stages.measure", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        accelsim.evaluate(accelsim.Point(file, FAILING["A scheduling policy"][1]))


def test_an_idle_policy_sees_every_state_of_the_machine_and_no_other(tmp_path: Path) -> None:
    nap = example("An idle policy")
    asleep = nap.replace("min(costs, key=lambda state: costs[state].watts)", "PowerState.OFF")
    assert asleep != nap
    looks = asleep.replace("cheapest =", "assert costs[PowerState.OFF].watts >= 0; cheapest =")
    rows = []
    for source in (asleep, looks):
        file, _ = set_up(tmp_path, "An idle policy", source)
        rows.append(accelsim.evaluate(accelsim.Point(file, FAILING["An idle policy"][1])))
    assert dict(rows[0]) == dict(rows[1])
    file, _ = set_up(tmp_path, "An idle policy", looks.replace(".OFF", ".CLOCK_GATED"))
    without = (*FAILING["An idle policy"][1], "hardware.power.clock_gated=null")
    with pytest.raises(PluginError, match=r"Nap\.plan, line \d+: KeyError"):
        accelsim.evaluate(accelsim.Point(file, without))
    file, _ = set_up(tmp_path, "An idle policy", asleep.replace(".OFF", ".CLOCK_GATED"))
    with pytest.raises(MappingError, match="idle policy 'nap' enters 'clock_gated', a state that"):
        accelsim.evaluate(accelsim.Point(file, without))
