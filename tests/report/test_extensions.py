"""A metric and an output medium from a folder outside the package; names that would command."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from readme_examples import example
from small_workload import MAIN, SMALL

from accelsim.cli.main import run_command_line
from accelsim.errors import ConfigError
from accelsim.evaluation.metrics import all_metrics
from accelsim.inputs import plugins
from accelsim.units import format_si

METRIC = """
from accelsim.evaluation.metrics import Metric, MetricFamily

class Toys(MetricFamily):
    name = "toys"
    metrics = (Metric("toy.{key}", "energy of a toy", "{unit}", lambda case: 1.25e-6),)
"""
QUICK = [part for text in SMALL for part in ("--set", text)]


def load(folder: Path, **files: str) -> None:
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    plugins.load_plugins([folder])


@pytest.mark.usefixtures("pages")
def test_a_metric_is_seen_in_every_medium_and_a_medium_shows_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "toys").mkdir()
    for heading in ("A figure", "An output medium"):
        (tmp_path / "toys" / f"{heading.split()[-1]}.py").write_text(example(heading))
    out = tmp_path / "out"
    options = ["--no-trace", "--out", str(out), "--write", "json,csv,html,txt,md"]
    options += ["--plugins", str(tmp_path / "toys")]
    assert run_command_line(["run", MAIN, *QUICK, *options]) == 0
    document = json.loads((out / "results.json").read_text())
    found = [figures["energy.sentence_J"] for figures in document["figures"]]
    for joules, case in zip(found, document["cases"].values(), strict=True):
        served = sum(total["count"] for total in case["programs"] if total["kind"] == "infer")
        assert joules == case["energy"]["total_J"] / served
    texts = [format_si(joules, "J") for joules in found]
    row = rf"^energy of a sentence +{' +'.join(texts)}$"
    assert re.search(row, capsys.readouterr().out, re.MULTILINE)
    assert re.search(row, (out / "results.txt").read_text(), re.MULTILINE)
    with (out / "results.csv").open(newline="") as file:
        assert [float(line["energy.sentence_J"]) for line in csv.DictReader(file)] == found
    cells = "".join(f'<td class="n">{text}</td>' for text in texts)
    assert f"<td>energy of a sentence</td>{cells}" in (out / "results.html").read_text()
    lines = [
        line.strip("| ").split(" | ") for line in (out / "results.md").read_text().splitlines()[2:]
    ]
    place = lines[0].index("energy.sentence_J")
    assert [line[place] for line in lines[2:]] == texts


@pytest.mark.parametrize(
    ("key", "unit", "message"),
    [
        (
            "energy",
            "Jule",
            r"^metric 'toy\.energy': unknown unit 'Jule'; expected 1, year",
        ),
        ("energy", "j", r"unknown unit 'j'; did you mean 'J'\?$"),
    ],
)
def test_a_wrong_unit_is_told_before_anything_runs(
    key: str, unit: str, message: str, tmp_path: Path
) -> None:
    load(tmp_path / "toys", metric=METRIC.format(key=key, unit=unit))
    with pytest.raises(ConfigError, match=message):
        all_metrics()


def test_two_metrics_of_one_key_are_told(tmp_path: Path) -> None:
    again = METRIC.format(key="energy", unit="J").replace('"toys"', '"more"')
    load(tmp_path / "toys", one=METRIC.format(key="energy", unit="J"), two=again)
    with pytest.raises(ConfigError, match=r"two metrics 'toy\.energy', in the families toys and"):
        all_metrics()


# -- names are data --------------------------------------------------------------------------------

HARM = "evil[/red]<b>\x1b]0;owned\x07"
EVIL = '"evil[/red]<b>\\e]0;owned\\a"'
WORKLOAD = """
name: evil
description: {evil}
model: {{name: custom, family: albert, vocabulary_size: 1000, embedding_size: 32, hidden_size: 64,
  layers: 3, heads: 2, intermediate_size: 256, maximum_positions: 128, type_vocabulary_size: 2,
  shared_layers: true, pooler: true}}
sequence_length: 32
tasks: [MNLI, QNLI]
requests: {{pattern: round_robin, rounds: {rounds}}}
cases:
  {evil}:
    hardware: machine.yaml
    adaptation: {{method: full}}
    storage:
      embedding: {{format: bitmask, bits: 8, density: 0.26}}
      backbone: {{format: bitmask, bits: 8, density: 0.27}}
      task: {{format: bitmask, bits: 8, density: 0.21}}
"""
MACHINE = """
base: {base}
name: {evil}
description: {evil}
"""


def evil_workload(folder: Path, rounds: int = 1) -> str:
    base = Path("hwconfigs/vanilla_slc.yaml").resolve()
    (folder / "machine.yaml").write_text(MACHINE.format(base=base, evil=EVIL))
    (folder / "evil.yaml").write_text(WORKLOAD.format(evil=EVIL, rounds=rounds))
    return str(folder / "evil.yaml")


def in_a_terminal(arguments: list[str]) -> tuple[str, int]:
    """Return what a command prints on a real terminal, errors included, and its exit code."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        [sys.executable, "-m", "accelsim", *arguments],
        stdout=theirs, stderr=theirs, env=environment, close_fds=True,
    )  # fmt: skip
    os.close(theirs)
    pieces = []
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when the other end is closed.
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(ours)
    return b"".join(pieces).decode(), process.wait()


def test_names_command_no_terminal(tmp_path: Path) -> None:
    out = str(tmp_path / "out[/red]\x1b]0;owned\x07")
    text, code = in_a_terminal(
        [
            "run",
            evil_workload(tmp_path),
            "--out",
            out,
            "--verbose",
            "--write",
            "json,csv,txt",
            "--timeline-format",
            "json",
        ]
    )
    assert code == 0, text
    assert "\x1b[" in text  # colours of our own
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert text.count("[/red]<b>\\x1b]0;owned\\x07") >= 4
    for path in Path(out).glob("[!.]*"):
        written = path.read_text()
        assert "\x1b" not in written, path.name
        assert "\x07" not in written, path.name
    json.loads((Path(out) / "timeline.json").read_text())


def test_errors_command_no_terminal(tmp_path: Path) -> None:
    wrong = f"{HARM}.baseline=nobody"
    for settings in ([], ["--set", "requests.rounds=1", "--set", f"cases.{wrong}"]):
        text, code = in_a_terminal(["run", evil_workload(tmp_path, rounds=0), *settings])
        assert code == 2
        assert "rounds" in text or "baseline" in text
        assert "\x1b]" not in text
        assert "\x07" not in text
