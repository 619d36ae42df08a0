"""Plug-ins are named in files and on the command line, and belong to what is made with them."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest
from small_workload import MAIN, SMALL
from toy_files import MACHINE, Captured, failure, write

import accelsim
from accelsim.cli.main import run_command_line
from accelsim.engine.run import Options
from accelsim.errors import ConfigError
from accelsim.evaluation.side_by_side import run_side_by_side
from accelsim.inputs.memo import Memo
from accelsim.inputs.plugins import loaded_plugins, plugins_put_back
from accelsim.machine.schema import load_hardware
from accelsim.workload.schema import load_workload

LIFO = """
from typing import Literal
from accelsim.policies.scheduling import SchedulingPolicy

class LastInFirstOut(SchedulingPolicy):
    name: Literal["lifo"]

    def choose(self, waiting, present, now):
        return len(waiting) - 1
"""
PATTERN = """
from typing import Literal
from accelsim.requests.base import RequestPattern
from accelsim.requests.request import Request

class Same(RequestPattern):
    pattern: Literal["same"]

    def make_requests(self, context):
        return [Request(n, context.tasks[0], 0, {tokens}) for n in range({count})]
"""
METRIC = """
from accelsim.evaluation.metrics import Metric, MetricFamily

class Toys(MetricFamily):
    name = "toys"
    metrics = (Metric("toy", "a toy", "J", lambda case: {value}),)
"""


def names() -> list[str]:
    return [plugin.file.name for plugin in loaded_plugins()]


def test_a_workload_names_them_relative_to_itself(tmp_path: Path, capsys: Captured) -> None:
    policy = "plugins: [more]\npolicy: {name: lifo}"
    file = write(tmp_path, workload=policy)
    write(tmp_path / "more", lifo=LIFO)
    assert run_command_line(["run", str(file), "--json", "--out", str(tmp_path / "out")]) == 0
    assert json.loads(capsys.readouterr().out)["workload"]["name"] == "outside"
    assert load_workload(file).config.policy.model_dump() == {"name": "lifo"}


def test_each_machine_of_a_chain_names_them_relative_to_itself(tmp_path: Path) -> None:
    write(tmp_path / "below", machine="plugins: [one.py]", one=LIFO, two="")
    over = MACHINE.format(base="below/machine.yaml", plugins="plugins: [two.py]")
    (tmp_path / "over.yaml").write_text(over)
    (tmp_path / "two.py").write_text("x = 2")
    machine = load_hardware(tmp_path / "over.yaml")
    assert list(machine.plugins.values()) == ["one.py", "two.py"]
    assert [str(plugin.file.relative_to(tmp_path)) for plugin in loaded_plugins()] == [
        "two.py",
        "below/one.py",
    ]
    (tmp_path / "below" / "one.py").write_text("x = 1")
    changed = load_hardware(tmp_path / "over.yaml")
    assert changed.digest != machine.digest
    assert len(loaded_plugins()) == 2


def test_a_workload_may_use_what_its_machine_names(tmp_path: Path, capsys: Captured) -> None:
    file = write(tmp_path, workload="policy: {name: lifo}", machine="plugins: [lifo.py]", lifo=LIFO)
    assert accelsim.evaluate(accelsim.Point(file))["case.time.run"]
    assert names() == []
    write(tmp_path, workload="policy: {name: lifo}", machine="")
    told = failure(capsys, "run", str(file))
    assert told.startswith(f"{file}:2: policy.name: expected 'earliest_deadline'")
    (tmp_path / "other.yaml").write_text(f"base: {tmp_path}/machine.yaml\nplugins: [lifo.py]\n")
    moved = ("cases.case.hardware=other.yaml",)
    assert load_workload(file, moved).config.policy.model_dump() == {"name": "lifo"}


def test_an_edited_one_changes_the_digests(tmp_path: Path) -> None:
    file = write(tmp_path, workload="plugins: [a.py]", machine="plugins: [b.py]", a="", b="")
    write(tmp_path / "c", c="")
    seen = set()
    for name in ("a", "b", "c"):
        with plugins_put_back():
            workload = load_workload(file)
            seen.add((workload.digest, workload.cases["case"].digest))
            (tmp_path / f"{name}.py").write_text("x = 1")
    assert names() == []
    assert len({digest for digest, _ in seen}) == 3
    assert len({digest for _, digest in seen}) == 2


def test_the_option_loads_them_before_anything_is_checked(tmp_path: Path, capsys: Captured) -> None:
    small = [part for text in SMALL for part in ("--set", text)]
    command = ["run", MAIN, *small, "--no-trace", "--out", str(tmp_path / "out"), "--json"]
    policy = ["--set", "policy={name: lifo}"]
    digests = set()
    for plugins in ([], ["--plugins", str(write(tmp_path, lifo=LIFO).parent)]):
        with plugins_put_back():
            for chosen in [[], policy] if plugins else [[]]:
                assert run_command_line([*command, *chosen, *plugins]) == 0
                digests.add(json.loads(capsys.readouterr().out)["workload"]["digest"])
    assert len(digests) == 3
    assert "policy.name: expected 'earliest_deadline'" in failure(capsys, *command, *policy)


def test_every_command_that_reads_or_writes_takes_the_option(capsys: Captured) -> None:
    commands = ("run", "faults", "crossover", "scaling", "validate", "schema", "op softmax")
    for command in commands:
        missing = failure(capsys, *command.split(), "--plugins", "nowhere.py")
        expected = "plug-in 'nowhere.py': expected a Python file, or a folder with some"
        assert missing == expected, command


def test_the_schema_lists_them(tmp_path: Path, capsys: Captured) -> None:
    plugins = ["--plugins", str(write(tmp_path, lifo=LIFO).with_name("lifo.py"))]
    assert run_command_line(["schema", "workload", *plugins]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert "LastInFirstOut" in json.dumps(schema)
    assert schema["properties"]["plugins"]["items"] == {"type": "string"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("plugins: lifo.py", "plugins: expected a list of Python files or folders, got the text "
         "'lifo.py'"),
        ("plugins: {lifo.py: 1}", "plugins: expected a list of Python files or folders, got a "
         "mapping"),
        ("plugins: [a.py, 1]", "plugins: expected a list of Python files or folders, got a list"),
        ("plugins: [a.py, b.py]", "plugins[1]: plug-in '{folder}/b.py': expected a Python file, "
         "or a folder with some"),
        ("plugins: [a.py, c.py]", "plugins[1]: plug-in '{folder}/c.py': ZeroDivisionError: "
         "division by zero"),
        ("plugins: [a.py, d.py]", "plugins[1]: plug-in '{folder}/d.py': SystemExit: 3"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_is_told_at_its_line(
    line: str, message: str, tmp_path: Path, capsys: Captured
) -> None:
    sources = {"a": "", "c": "1 / 0", "d": "raise SystemExit(3)"}
    expected = f":2: {message.format(folder=tmp_path)}"
    file = write(tmp_path, workload=line, **sources)
    assert failure(capsys, "run", str(file)) == f"{file}{expected}"
    file = write(tmp_path, machine=line, **sources)
    assert failure(capsys, "run", str(file)) == f"{tmp_path / 'machine.yaml'}{expected}"


@pytest.mark.parametrize("prefix", ["", "hardware."])
def test_an_assignment_names_none(tmp_path: Path, prefix: str, capsys: Captured) -> None:
    file = str(write(tmp_path, a=""))
    told = failure(capsys, "run", file, "--set", f"{prefix}plugins=[a.py]")
    assert told.endswith("plug-ins are named in the file itself, or with --plugins PATH")


def test_rows_know_their_own_alone_and_see_edited_ones(tmp_path: Path) -> None:
    write(tmp_path, workload="plugins: [toy.py]")
    requests = "{pattern: same}"
    point = accelsim.Point(tmp_path / "workload.yaml", (f"requests={requests}",))
    plain = accelsim.Point(MAIN, SMALL)
    memo = Memo()
    rows: dict[int, list[object]] = {1: [], 2: [], 3: []}
    for count in (1, 2, 3, 1, 3, 2, 2):
        toy = PATTERN.format(count=count, tokens=32) + METRIC.format(value=float(count))
        (tmp_path / "toy.py").write_text(toy)
        row = accelsim.evaluate(point, memo)
        assert row["case.toy"] == count
        assert row == accelsim.evaluate(point)
        rows[count].append(row)
        assert "vanilla_slc.toy" not in accelsim.evaluate(plain, memo).figures
    for found in rows.values():
        assert found == [found[0]] * len(found)
    assert names() == []


def test_processes_of_cases_get_them_as_they_were_read(tmp_path: Path) -> None:
    policy = "plugins: [lifo.py]\npolicy: {name: lifo}"
    file = write(tmp_path, workload=policy, lifo=LIFO)
    workload = load_workload(file)
    (tmp_path / "lifo.py").unlink()
    apart = run_side_by_side(workload, Options(), 2)
    assert apart["case"].service.policy == workload.config.policy
    assert pickle.loads(pickle.dumps(workload)).plugins == workload.plugins


def test_a_result_is_told_with_what_its_workload_loaded(tmp_path: Path) -> None:
    file = write(tmp_path, workload="plugins: [toy.py]", toy=METRIC.format(value=1.5))
    with plugins_put_back():
        workload = load_workload(file)
    result = accelsim.examine(accelsim.Point(file))
    assert names() == ["toy.py"]
    assert workload.digest == result.workload.digest


def test_a_medium_of_the_workload_is_known_before_anything_runs(
    tmp_path: Path, capsys: Captured
) -> None:
    medium = (
        "from accelsim.report.media import Medium\n"
        "class Words(Medium):\n"
        "    name = 'words'\n"
        "    def render(self, report):\n"
        "        yield report.title\n"
    )
    file = str(write(tmp_path, workload="plugins: [medium.py]", medium=medium))
    out = tmp_path / "out"
    command = ["run", file, "--no-trace", "--quiet", "--out", str(out), "--write"]
    assert run_command_line([*command, "words"]) == 0
    # Beside what every run leaves, which compare and report read.
    left = {"results.json", "breakdown.csv"}
    assert {path.name for path in out.glob("[!.]*")} == {*left, "results.words"}
    told = failure(capsys, *command, "word")
    assert told == "there is no output medium 'word'; did you mean 'words'?"


def test_a_wrong_file_is_told_by_whoever_loads_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(tmp_path))}/workload.yaml:2: plugins"):
        load_workload(write(tmp_path, workload="plugins: 3"))
