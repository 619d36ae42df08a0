"""A small workload and its machine, to be spoilt in tests, and the errors that they give."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import ConfigError
from accelsim.inputs.shipped import shipped_folder
from accelsim.machine.schema import load_hardware
from accelsim.workload.schema import load_workload

MACHINE = (shipped_folder("hwconfigs") / "edgebert_overlapped.yaml").read_text()
WORKLOAD = """\
name: small
model: {name: albert-base}
sequence_length: 128
tasks: [MNLI, QNLI]
requests: {pattern: round_robin, rounds: 1}
cases:
  plain:
    hardware: machine.yaml
    adaptation: {method: full}
    storage:
      embedding: &dense {format: dense, bits: 8}
      backbone: *dense
      task: {format: bitmask, bits: 8, density: 0.5}
"""


def edit(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert text.count(old) >= 1, old
    path.write_text(text.replace(old, new, 1))
    return path


def machine_error(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as error:
        load_hardware(path, overrides)
    return str(error.value)


def workload_error(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as error:
        load_workload(path, overrides)
    return str(error.value)


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)
