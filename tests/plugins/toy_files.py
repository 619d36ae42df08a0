"""A workload and a machine outside the package, what a toy adds to them, and running them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from accelsim.cli.main import run_command_line
from accelsim.inputs.shipped import shipped_file

WORKLOAD = """\
name: outside
{plugins}
model: {{name: custom, family: albert, vocabulary_size: 1000, embedding_size: 32, hidden_size: 64,
  layers: 3, heads: 2, intermediate_size: 256, maximum_positions: 128, type_vocabulary_size: 2,
  shared_layers: true, pooler: true}}
sequence_length: 32
tasks: [MNLI, QNLI]
requests: {{pattern: round_robin, rounds: 1}}
cases:
  case:
    hardware: machine.yaml
    adaptation: {{method: houlsby, bottleneck: 8}}
    storage: {{embedding: &dense {{format: dense, bits: 8}}, backbone: *dense, task: *dense}}
"""
MACHINE = """\
base: {base}
{plugins}
"""
Captured = pytest.CaptureFixture[str]


def write(folder: Path, *, workload: str = "", machine: str = "", **plugins: str) -> Path:
    """Write plug-ins, a machine and a workload with lines of their own; return the workload."""
    folder.mkdir(exist_ok=True)
    for name, source in plugins.items():
        (folder / f"{name}.py").write_text(source)
    base = shipped_file("hwconfigs/adapter_slc.yaml").resolve()
    (folder / "machine.yaml").write_text(MACHINE.format(base=base, plugins=machine))
    file = folder / "workload.yaml"
    file.write_text(WORKLOAD.format(plugins=workload))
    return file


def run(file: Path, *assignments: str, options: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run the main job on a command line and return the figures of its case."""
    changes = [part for each in assignments for part in ("--set", each)]
    out = file.parent / "out"
    command = ["run", str(file), *changes, *options, "--quiet", "--no-trace", "--out", str(out)]
    assert run_command_line(command) == 0
    (figures,) = json.loads((out / "results.json").read_text())["figures"]
    return dict(figures)


def failure(capsys: Captured, *arguments: str, code: int = 2) -> str:
    """Return the message of a command line that is refused: one line, no traceback."""
    capsys.readouterr()
    assert run_command_line(arguments) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    return line.removeprefix("accelsim: ")
