"""Wrong workloads and overrides: a problem has one line that says where, what, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import copy
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from config_inputs import MACHINE, WORKLOAD, edit, line_of, workload_error
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document, Place, parse_override
from accelsim.inputs.reasons import known_keys
from accelsim.inputs.validation import ConfigModel, override
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.workload.cases import CaseConfig
from accelsim.workload.schema import WorkloadConfig, load_workload

WORKLOAD_VALUES = [
    ("tasks: [MNLI, QNLI]", "tasks: [MNLI, QLNI]", "tasks[1]: unknown task 'QLNI'; did you mean "
     "'QNLI'?; or say what it is, tasks: {{QLNI: {{classes: 2}}}}"),
    ("tasks: [MNLI, QNLI]", "tasks: {intent: {pinned: true}}", "tasks.intent.classes: this key is "
     "missing; expected a whole number"),
    ("tasks: [MNLI, QNLI]", "tasks: [MNLI, all]", "tasks[1]: 'all' stands for all tasks in "
     "reports; give this one another name"),
    ("tasks: [MNLI, QNLI]", "tasks: [MNLI, mnli]", "tasks[1]: task MNLI stands twice; name every "
     "task once"),
    ("tasks: [MNLI, QNLI]", "tasks: []", "tasks: this is empty; expected at least one entry"),
    ("tasks: [MNLI, QNLI]", "tasks: MNLI", "tasks: expected a list, got the text 'MNLI'; write "
     "[MNLI]"),
    ("tasks: [MNLI, QNLI]", "tasks: [MNLI, 5]", "tasks[1]: expected text, got 5; put it in "
     "quotes"),
    ("sequence_length: 128", "sequence_length: 513", "sequence_length: 513 tokens are more than "
     "the 512 positions of albert-base; shorten it or raise model.maximum_positions"),
    ("sequence_length: 128", "sequence_length: 1e400", "sequence_length: expected a whole number, "
     "got inf"),
    ("model: {name: albert-base}", "model: {name: albert-base, heads: 7}", "model: hidden_size "
     "768 is not divisible by heads 7; every head must have the same width"),
    ("model: {name: albert-base}", "model: {name: albert}", "model.name: expected a preset or "
     "'custom', got the text 'albert'; did you mean 'albert-base'?"),
    ("rounds: 1}", "rounds: 1, idle_between_rounds: 5}", "requests.idle_between_rounds: expected "
     "a quantity in s such as '20 ms', got the bare number 5"),
    ("rounds: 1}", "rounds: 1, idle_between_rounds: 1e300 s}", "requests.idle_between_rounds: "
     "1e300 s is too large; expected at most 1e7 s"),
    ("rounds: 1}", "rounds: 1000001}", "requests.rounds: input should be less than or equal to "
     "1000000, got 1000001"),
    ("rounds: 1}", "rounds: 1, sentences_per_task: 1000001}", "requests.sentences_per_task: "
     "input should be less than or equal to 1000000, got 1000001"),
    ("model: {name: albert-base}", "model: {name: albert-base, layers: 1001}", "model.layers: "
     "input should be less than or equal to 1000, got 1001"),
    ("model: {name: albert-base}", "model: {name: albert-base, hidden_size: 1000001}",
     "model.hidden_size: input should be less than or equal to 1000000, got 1000001"),
    ("name: small", "name: ../../evil", "name: the text '../../evil' cannot name the folder of "
     "the results; expected up to 100 letters, digits, '_', '-' and '.', not beginning with '.'"),
    ("density: 0.5", "density: 0", "cases.plain.storage.task.density: input should be greater "
     "than 0, got 0"),
    ("density: 0.5", "density: 1.5", "cases.plain.storage.task.density: input should be less "
     "than or equal to 1, got 1.5"),
    ("density: 0.5", "density: .nan", "cases.plain.storage.task.density: expected a finite "
     "number, got nan"),
    ("density: 0.5", "density: .inf", "cases.plain.storage.task.density: expected a finite "
     "number, got inf"),
    ("density: 0.5", "density: '0.5'", "cases.plain.storage.task.density: expected a number, got "
     "the text '0.5'; write 0.5"),
    ("format: bitmask, bits: 8, density", "format: dense, bits: 8, density",
     "cases.plain.storage.task: density 0.5 has no effect on a dense tensor; use format: bitmask"),
    ("adaptation: {method: full}", "adaptation: {method: houlsby}", "cases.plain.adaptation"
     ".bottleneck: this key is missing; expected a value such as '64' or a list"),
    ("hardware: machine.yaml", "hardware: none.yaml", "cases.plain.hardware: no such file "
     "'{folder}/none.yaml'; the path is relative to the workload file"),
    ("hardware: machine.yaml", "hardware: .", "cases.plain.hardware: no such file '{folder}'; "
     "the path is relative to the workload file"),
    ("    hardware:", "    baseline: plan\n    hardware:", "cases.plain.baseline: there is no "
     "case 'plan'; did you mean 'plain'?"),
    ("    hardware:", "    baseline: plain\n    hardware:", "cases.plain.baseline: a case is not "
     "its own baseline; name another case or remove this key"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), WORKLOAD_VALUES)
def test_a_wrong_value_of_a_workload_is_one_line(
    folder: Path, old: str, new: str, message: str
) -> None:
    path = edit(folder / "workload.yaml", old, new)
    at = line_of(path, new.split("\n")[0])
    assert workload_error(path) == f"{path}:{at}: {message.format(folder=folder)}"


@pytest.mark.parametrize("name", ["a", "_x", "v1.2", "MNLI-4_bit..", "7", "x" * 100])
def test_a_workload_has_the_name_of_a_folder(folder: Path, name: str) -> None:
    loaded = load_workload(folder / "workload.yaml", (f"name='{name}'",))
    assert loaded.config.name == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".x", "/", "a/b", "a b", "a\\b", "a\n", "é", "x" * 101]
)
def test_what_names_no_folder_is_refused(folder: Path, name: str) -> None:
    message = workload_error(folder / "workload.yaml", f"name={json.dumps(name)}")
    assert re.search(r": name: the text '[^']*' cannot name the folder of the results; ", message)


SLIPS = [
    "[",
    "}",
    ": ",
    "- ",
    "&a ",
    "*a",
    "\t",
    "'",
    "#",
    "1e400",
    "-1",
    "\n",
    "  ",
    "no",
    ".nan",
    "%",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.sampled_from(["machine.yaml", "workload.yaml"]), st.data())
def test_any_slip_is_harmless_or_a_line_with_its_place(
    folder: Path, name: str, data: st.DataObject
) -> None:
    text = {"machine.yaml": MACHINE, "workload.yaml": WORKLOAD}[name]
    start = data.draw(st.integers(0, len(text)))
    stop = start + data.draw(st.integers(0, 12))
    path = folder / f"slip_{name}"
    path.write_text(text[:start] + data.draw(st.sampled_from(["", *SLIPS])) + text[stop:])
    try:
        load_hardware(path) if name == "machine.yaml" else load_workload(path)
    except ConfigError as error:
        for line in str(error).split("\n"):
            assert re.fullmatch(rf"{re.escape(str(path))}:\d+: \S.*: .+|.*: a second .*", line)


WRONG_TYPES = ["\n", 5, ["x"], {"x": 1}, {"x": {"hardware": ["y"]}}, None, True]


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value of a document."""
    yield at
    named = value.items() if isinstance(value, dict) else ()
    for key, each in enumerate(value) if isinstance(value, list) else named:
        yield from places(each, (*at, key))


def spoilt(value: Any, at: tuple[str | int, ...], wrong: object) -> Any:
    """Return a document with another value at a path."""
    if not at:
        return wrong
    found = copy(value)
    found[at[0]] = spoilt(value[at[0]], at[1:], wrong)
    return found


@pytest.mark.parametrize("name", ["machine.yaml", "workload.yaml"])
def test_a_value_of_any_other_type_is_harmless_or_a_line_with_its_place(
    folder: Path, name: str
) -> None:
    whole = yaml.safe_load({"machine.yaml": MACHINE, "workload.yaml": WORKLOAD}[name])
    path, refused = folder / f"spoilt_{name}", 0
    for at, wrong in product(places(whole), WRONG_TYPES):
        path.write_text(yaml.safe_dump(spoilt(whole, at, wrong), sort_keys=False))
        try:
            load_hardware(path) if name == "machine.yaml" else load_workload(path)
        except ConfigError as error:
            refused += 1
            for line in str(error).split("\n"):
                assert re.match(rf"{re.escape(str(path))}:\d+: \S", line), (at, wrong)
    assert refused > 5 * len([*places(whole)])


def test_a_workload_without_cases_is_refused(folder: Path) -> None:
    path = folder / "workload.yaml"
    path.write_text(WORKLOAD.split("cases:")[0] + "cases: {}\n")
    assert workload_error(path) == f"{path}:6: cases: this is empty; expected at least one entry"


def test_a_problem_of_a_common_machine_is_told_once(folder: Path) -> None:
    edit(folder / "machine.yaml", "voltage: 0.8 V", "voltage: 0.8")
    path = folder / "workload.yaml"
    case = WORKLOAD.split("  plain:")[1].replace("&dense ", "").replace("*dense", "{}")
    case = case.replace("backbone: {}", "backbone: {format: dense, bits: 8}")
    path.write_text(f"{WORKLOAD}  other:{case}  third:{case.replace('machine', 'none')}")
    first, second = workload_error(path).splitlines()
    assert re.fullmatch(r".*machine\.yaml:\d+: clock\.voltage: expected .*", first)
    assert re.fullmatch(r".*workload\.yaml:\d+: cases\.third\.hardware: no such file .*", second)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("requests.round=2", "requests.round: unknown key; did you mean 'rounds'?"),
        ("request.rounds=2", "the file has no 'request'; did you mean 'requests'?"),
        ("sequence_lenght=2", "sequence_lenght: unknown key; did you mean "
         "'sequence_length'?"),
        ("cases.plan.adaptation.method=full", "cases has no 'plan'; did you mean 'plain'?"),
        ("cases.plan.hardware.dram.devices=2", "there is no case 'plan'; did you mean 'plain'?"),
        ("cases.plain.hardware.dram.device=2", "dram.device: unknown key; did you mean 'devices'?"),
        ("hardware.drm.devices=2", "the file has no 'drm'; did you mean 'dram'?"),
        ("polcy.name=fifo", "the file has no 'polcy'; did you mean 'policy'?"),
        ("cases.plain.polcy.name=fifo", "cases.plain has no 'polcy'; did you mean 'policy'?"),
        ("hardware.scalin.settle_time=1 ns", "the file has no 'scalin'; did you mean 'scaling'?"),
        ("mapping.x=1", "mapping is a machine's own; set hardware.mapping.x"),
        ("hardware.mapping.objectve=time", "mapping.objectve: unknown key; did you mean "
         "'objective'?"),
        ("idle.off_after=1 s", "idle.policy: this key is missing; expected 'break_even', 'oracle' "
         "or 'timeout'"),
        ("hardware.dram.devices=0", "dram.devices: input should be greater than 0, got 0"),
        ("hardware.clock.frequency=2", "clock.frequency: expected a quantity in Hz such as "
         "'1 GHz', got the bare number 2"),
        ("requests.rounds=[", "not valid YAML: a value is expected here"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_named_as_typed(folder: Path, assignment: str, message: str) -> None:
    assert workload_error(folder / "workload.yaml", assignment) == f"--set {assignment}: {message}"


@pytest.mark.parametrize("kind", [WorkloadConfig, CaseConfig, HardwareConfig])
def test_every_section_that_a_file_lacks_can_be_set_in_part(kind: type[ConfigModel]) -> None:
    empty = Document({}, {(): Place("mine.yaml", 1)}, Path("mine.yaml"))
    parts = [
        (section, key) for section in known_keys(kind, ()) for key in known_keys(kind, (section,))
    ]
    assert len(parts) > 9
    for section, key in parts:
        change = parse_override(f"{section}.{key}=1")
        changed = override(empty, change, kind)
        assert changed.data == {section: {key: 1}}
        assert str(changed.place((section,))) == f"--set {section}.{key}=1"


def test_a_section_set_in_part_is_that_section(folder: Path) -> None:
    path = folder / "workload.yaml"
    assert "policy" not in WORKLOAD
    parts = (
        "policy.name=earliest_deadline",
        "cases.plain.idle.policy=timeout",
        "cases.plain.idle.off_after=1 s",
        "hardware.mapping.objective=energy",
    )
    found = load_workload(path, parts)
    assert found.config.policy.name == "earliest_deadline"
    assert found.config.service_of(found.config.cases["plain"]).idle.policy == "timeout"
    assert found.cases["plain"].hardware.mapping.objective == "energy"
    wholes = load_workload(
        path,
        (
            "policy={name: earliest_deadline}",
            "cases.plain.idle={policy: timeout, off_after: 1 s}",
            "hardware.mapping={objective: energy}",
        ),
    )
    assert wholes.digest == found.digest


def test_overrides_reach_the_workload_all_machines_or_one(folder: Path) -> None:
    path = folder / "workload.yaml"
    text = yaml.safe_load(WORKLOAD)
    text["cases"]["a.b"] = text["cases"]["plain"]
    path.write_text(yaml.safe_dump(text))
    workload = load_workload(
        path,
        (
            "requests.rounds=5",
            "tasks[0]=CoLA",
            "hardware.dram.devices=2",
            'cases."a.b".hardware.dram.devices=3',
        ),
    )
    assert workload.config.requests.rounds == 5
    assert list(workload.config.tasks) == ["CoLA", "QNLI"]
    devices = {name: case.hardware.dram for name, case in workload.cases.items()}
    assert {name: dram and dram.devices for name, dram in devices.items()} == {"a.b": 3, "plain": 2}


def test_the_digest_follows_what_the_workload_was_made_from(folder: Path) -> None:
    path = folder / "workload.yaml"
    first = load_workload(path).digest
    assert load_workload(path).digest == first
    assert load_workload(path, ("hardware.dram.devices=2",)).digest != first
    assert load_workload(path, ("requests.rounds=2",)).digest != first
    edit(folder / "machine.yaml", "# [code]", "# another comment")
    assert load_workload(path).digest == first
