"""``accelsim run`` as a user meets it: outputs, exit codes, messages, nothing half-written."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_workload import MAIN, SMALL

from accelsim.cli.main import run_command_line

QUICK = [part for text in SMALL for part in ("--set", text)]


def run(*arguments: str) -> int:
    return run_command_line(["run", MAIN, *QUICK, *arguments])


def test_writes_results_and_timeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--out", str(tmp_path / "o")) == 0
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == ["results.json", "timeline.json"]
    results = json.loads((tmp_path / "o" / "results.json").read_text())
    assert results["schema_version"] == 1
    assert set(results["cases"]) == {"vanilla_mixed", "adapter_mixed", "vanilla_slc", "adapter_slc"}
    timeline = json.loads((tmp_path / "o" / "timeline.json").read_text())
    assert timeline["traceEvents"]
    shown = capsys.readouterr().out
    assert "adapter_slc" in shown
    assert "task switch" in shown
    assert "results.json" in shown


def test_no_trace_writes_results_alone(tmp_path: Path) -> None:
    assert run("--no-trace", "--quiet", "--out", str(tmp_path)) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


def test_quiet_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--quiet", "--no-trace", "--out", str(tmp_path)) == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_json_prints_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json", "--no-trace", "--out", str(tmp_path)) == 0
    assert capsys.readouterr().out == (tmp_path / "results.json").read_text()


def test_replay_changes_no_figure(tmp_path: Path) -> None:
    assert run("--no-trace", "--quiet", "--out", str(tmp_path / "a")) == 0
    assert run("--no-trace", "--quiet", "--no-replay", "--out", str(tmp_path / "b")) == 0
    one, two = (json.loads((tmp_path / d / "results.json").read_text()) for d in "ab")
    for case in one["cases"]:
        a, b = one["cases"][case], two["cases"][case]
        assert a.pop("simulation")["ledger_digest"] == b.pop("simulation")["ledger_digest"]
        assert a == b


def test_the_timeline_changes_no_figure(tmp_path: Path) -> None:
    assert run("--quiet", "--out", str(tmp_path / "a")) == 0
    assert run("--quiet", "--no-trace", "--out", str(tmp_path / "b")) == 0
    one, two = (json.loads((tmp_path / d / "results.json").read_text()) for d in "ab")
    assert one["cases"] == two["cases"]


def test_verbose_prints_the_event_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--verbose", "--no-trace", "--out", str(tmp_path)) == 0
    assert len(re.findall(r"^\d+ SimPy events;", capsys.readouterr().out, re.MULTILINE)) == 4


@pytest.mark.parametrize("width", [80, 160])
def test_the_report_fits_the_width(width: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "accelsim", "run", MAIN, *QUICK, "--no-trace"]
    environment = {"COLUMNS": str(width), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [*command, "--out", str(tmp_path)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    report = done.stdout.split("Wrote ")[0]
    assert max(map(len, report.splitlines())) <= width
    assert "…" not in report
    assert "\x1b" not in done.stdout


BAD = [
    (["--set", "request.rounds=2"], 2, r"has no 'request'; did you mean 'requests'\?"),
    (["--set", "requests.round=2"], 2, r"requests\.round: unknown key; .*rounds"),
    (["--set", "hardware.clock.frequency=1"], 2, r"clock\.frequency: .*bare number 1"),
    (["--set", "hardware.clock.frequency=1 ns"], 2, r"clock\.frequency: .*unit of Hz, got 'ns'"),
    (["--set", "sequence_length=4096"], 2, r"4096"),
    (["--set", "sequence_length=0"], 2, r"sequence_length"),
    (["--set", "tasks=[MNLI, QNLJ]"], 2, r"unknown task 'QNLJ'; did you mean 'QNLI'\?"),
    (
        ["--set", "cases.adapter_slc.hardware.memories.sram.capacity=1 KiB"],
        3,
        r"memory 'sram' has 960 B free",
    ),
    (
        [
            *("--set", "hardware.memories.rram.capacity=64 KiB"),
            *("--set", "sequence_length=64"),
            *("--set", "model={name: albert-base}"),
        ],
        3,
        r"embeddings\.word_embeddings\.weight \(values.*memory 'rram'.*free",
    ),
]


@pytest.mark.parametrize(("arguments", "code", "message"), BAD, ids=lambda v: str(v)[:40])
def test_bad_input_gets_one_message(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*arguments, "--out", str(tmp_path / "o")) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("accelsim: ")
    assert re.search(message, captured.err, re.DOTALL), captured.err
    assert "Traceback" not in captured.err
    assert not (tmp_path / "o").exists()


def test_a_missing_workload(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["run", "nowhere.yaml"]) == 2
    assert "nowhere.yaml: no such file" in capsys.readouterr().err


def test_an_unknown_command_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["rum"]) == 2
    assert run_command_line(["run", MAIN, "--oot", "x"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_file_where_the_folder_should_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "taken"
    target.write_text("mine")
    assert run("--no-trace", "--out", str(target)) == 6
    assert "cannot" in capsys.readouterr().err
    assert target.read_text() == "mine"


def test_an_interrupted_run_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "accelsim", "run", MAIN, "--no-replay"]
    command += ["--set", "requests.rounds=20", "--out", str(tmp_path / "o")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().endswith("interrupted; nothing was written")
    assert out == ""
    assert not (tmp_path / "o").exists()
