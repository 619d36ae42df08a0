"""``accelsim run`` as a user meets it: outputs, exit codes, messages, nothing half-written."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from small_workload import MAIN, SMALL

from accelsim.cli.main import run_command_line
from accelsim.cli.run import _FORMATS, _LEVELS
from accelsim.report.timeline import FORMATS
from accelsim.report.timeline.levels import Level

QUICK = [part for text in SMALL for part in ("--set", text)]


def run(*arguments: str) -> int:
    return run_command_line(["run", MAIN, *QUICK, *arguments])


def test_writes_results_and_timeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--out", str(tmp_path / "o")) == 0
    assert sorted(p.name for p in (tmp_path / "o").glob("[!.]*")) == [
        "breakdown.csv",
        "results.json",
        "timeline.pftrace",
    ]
    results = json.loads((tmp_path / "o" / "results.json").read_text())
    assert results["schema_version"] == 2
    assert set(results["cases"]) == {"vanilla_mixed", "adapter_mixed", "vanilla_slc", "adapter_slc"}
    timeline = (tmp_path / "o" / "timeline.pftrace").read_bytes()
    assert timeline.startswith(b"\x0a\x04\x50\x01")  # a packet with its sequence
    shown = capsys.readouterr().out
    assert "adapter_slc" in shown
    assert "task switch" in shown
    assert "results.json" in shown


def test_a_timeline_in_the_other_format_takes_the_place_of_the_first(tmp_path: Path) -> None:
    assert run("--quiet", "--out", str(tmp_path)) == 0
    assert run("--quiet", "--timeline-format", "json", "--out", str(tmp_path)) == 0
    assert sorted(p.name for p in tmp_path.glob("[!.]*")) == [
        "breakdown.csv",
        "results.json",
        "timeline.json",
    ]
    assert json.loads((tmp_path / "timeline.json").read_text())["traceEvents"]


def test_what_the_timeline_leaves_out_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--timeline-detail", "layer", "--out", str(tmp_path)) == 0
    assert "drawn until 0 s, then levels up to layer; " in capsys.readouterr().out
    assert run("--timeline-detail", "use", "--out", str(tmp_path)) == 0
    assert "levels" not in capsys.readouterr().out


def test_levels_and_formats_are_those_of_the_timeline() -> None:
    assert tuple(level.label for level in Level) == _LEVELS
    assert set(_FORMATS) == set(FORMATS)


def test_no_trace_writes_no_timeline(tmp_path: Path) -> None:
    assert run("--no-trace", "--quiet", "--out", str(tmp_path)) == 0
    assert {p.name for p in tmp_path.glob("[!.]*")} == {"results.json", "breakdown.csv"}


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
    for case in one["cases"]:
        a, b = one["cases"][case], two["cases"][case]
        # What is drawn is simulated, also where the outcome is known from another design.
        assert a.pop("simulation")["ledger_digest"] == b.pop("simulation")["ledger_digest"]
        assert a == b


def test_verbose_prints_the_event_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--verbose", "--no-trace", "--out", str(tmp_path)) == 0
    assert len(re.findall(r"^\d+ SimPy events;", capsys.readouterr().out, re.MULTILINE)) == 4


# A second and a half of a hundred requests, all that a report can show.
STREAM = [
    part
    for text in (
        "requests={pattern: poisson, mean_interval: 40 ms, duration: 1.5 s, deadline: 150 us}",
        "idle={policy: timeout, clock_gated_after: 0 s, retention_after: 1 ms, off_after: 10 ms}",
        "early_exit={exit_layer: {mean: 2}, prediction: {errors: {-1: 1, 0: 2, 1: 1}}, "
        "latency_target: 600 us}",
        "cases.adapter_slc.policy={name: earliest_deadline}",
        "cases.adapter_slc.hardware.placement.task={values: rram, masks: rram}",
    )
    for part in ("--set", text)
]


def test_a_stream_is_reported_by_purpose_and_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*STREAM, "--verbose", "--out", str(tmp_path)) == 0
    shown = capsys.readouterr().out
    (count,) = re.findall(r"; (\d+) requests \(poisson\) in 1\.50 s$", shown, re.MULTILINE)
    assert len(re.findall(rf"^all +{count} ", shown, re.MULTILINE)) == 4
    assert len(re.findall(r"^DRAM standby  .*\d %$", shown, re.MULTILINE)) == 4
    flat = " ".join(shown.split())
    assert len(re.findall(r"Time: active [^:]*, off \d", flat)) == 4
    assert len(re.findall(r"Early exit: \d\.\d\d layers on average; planned for", flat)) == 4
    assert shown.count("Served in order fifo") == shown.count("Served in order earliest") == 1
    assert len(re.findall(r"^rram +RRAM .* wears out$", shown, re.MULTILINE)) == 1
    assert flat.count("wears out: rram after") == 1
    assert re.search(r"^latency +a request, mean ", shown, re.MULTILINE)
    assert "a round" not in shown.partition("files read")[0]


def test_a_round_is_reported_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--set", "idle={policy: break_even}", "--out", str(tmp_path)) == 0
    shown = capsys.readouterr().out
    assert shown.count("Energy of a round by part") == 1
    assert len(re.findall(r"^energy +one task switch ", shown, re.MULTILINE)) == 1
    for absent in ("Served", "Time:", "Early exit", "lifetime", "a request"):
        assert absent not in shown


def test_a_window_limits_the_timeline(tmp_path: Path) -> None:
    drawn = ("--window", "0.5s..700 ms", "--timeline-format", "json")
    assert run(*STREAM, *drawn, "--quiet", "--out", str(tmp_path)) == 0
    events = json.loads((tmp_path / "timeline.json").read_text())["traceEvents"]
    times = [event["ts"] for event in events if "ts" in event]
    # Programs that the window cuts are whole.
    assert 490_000 <= min(times) <= 500_000
    assert 700_000 <= max(times) <= 710_000


def test_a_window_without_a_request_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "adapter_slc): the timeline shows the power state alone"
    for window, idle in (("0s..1us", True), ("0s..1s", False)):
        assert run(*STREAM, "--window", window, "--out", str(tmp_path)) == 0
        assert (told in capsys.readouterr().err) is idle


def test_per_request_rows_are_those_of_the_statistics(tmp_path: Path) -> None:
    assert run(*STREAM, "--per-request", "--no-trace", "--quiet", "--out", str(tmp_path)) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    with (tmp_path / "requests.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name, case in results["cases"].items():
        mine = [row for row in rows if row["case"] == name]
        service = case["service"]["all"]
        assert len(mine) == service["requests"] == results["requests"]["count"]
        assert sum(int(row["deadline_missed"]) for row in mine) == service["missed"] > 0
        assert max(
            float(row["start [s]"]) - float(row["arrival [s]"]) for row in mine
        ) == pytest.approx(service["waiting_s"]["maximum"])
        assert {row["point"] for row in mine} == set(service["points"])
        assert sorted(int(row["number"]) for row in mine) == [*range(len(mine))]


def test_files_of_an_earlier_run_are_removed(tmp_path: Path) -> None:
    assert run("--per-request", "--quiet", "--out", str(tmp_path)) == 0
    assert len(list(tmp_path.glob("[!.]*"))) == 4
    assert run("--no-trace", "--quiet", "--out", str(tmp_path)) == 0
    assert {p.name for p in tmp_path.glob("[!.]*")} == {"results.json", "breakdown.csv"}


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("stream", [[], STREAM], ids=["rounds", "stream"])
def test_the_report_fits_the_width(width: int, stream: list[str], tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "accelsim",
        "run",
        MAIN,
        *QUICK,
        *stream,
        "--no-trace",
        "--verbose",
    ]
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
    (["--window", "12s"], 2, r"^accelsim: --window: expected START\.\.END such as .*, got '12s'$"),
    (
        ["--window", "2s..1s"],
        2,
        r"^accelsim: --window: expected a start of 0 s or later and an end",
    ),
    (["--window", "-1s..1s"], 2, r"^accelsim: --window: expected a start of 0 s or later"),
    (["--window", "1..2"], 2, r"^accelsim: --window: expected a unit of s after 1, got none$"),
    (["--timeline-detail", "use", "--no-trace"], 2, r"^accelsim: --timeline-detail draws a"),
    (["--window", "0s..1s", "--no-trace"], 2, r"^accelsim: --window limits the timeline, but"),
    (["--window", "5s..6s"], 6, r"nothing happens in its window, which begins at 5 s; the run"),
    (["--set", "storage.backbone.bits=4"], 2, r"own; set cases\.NAME\.storage\.backbone\.bits$"),
    (["--set", "sequence_length=0"], 2, r"sequence_length"),
    (["--set", "tasks=[MNLI, QNLJ]"], 2, r"unknown task 'QNLJ'; did you mean 'QNLI'\?"),
    (
        ["--set", "cases.adapter_slc.hardware.memories.sram.capacity=1 KiB", "--strict"],
        3,
        r"^accelsim: case 'adapter_slc': .*memory 'sram' has 960 B free",
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


# Ctrl-C while a case is simulated.
INTERRUPTING = """
import os, signal
from typing import Literal
from accelsim.policies.scheduling import SchedulingPolicy

class Interrupting(SchedulingPolicy):
    name: Literal["interrupting"]

    def choose(self, waiting, present, now):
        os.kill(os.getpid(), signal.SIGINT)
        return 0
"""


def test_an_interrupted_run_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "interrupting.py").write_text(INTERRUPTING)
    command = [sys.executable, "-m", "accelsim", "run", MAIN, *QUICK]
    command += ["--plugins", str(tmp_path), "--set", "policy={name: interrupting}"]
    command += ["--set", "requests={pattern: poisson, mean_interval: 1 us, duration: 20 us}"]
    done = subprocess.run([*command, "--out", str(tmp_path / "o")], capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr.strip().endswith("interrupted; nothing was written")
    assert done.stdout == ""
    assert not (tmp_path / "o").exists()
