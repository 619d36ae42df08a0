from __future__ import annotations

from pathlib import Path

import pytest
from config_inputs import MACHINE, WORKLOAD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "machine.yaml").write_text(MACHINE)
    (tmp_path / "workload.yaml").write_text(WORKLOAD)
    return tmp_path
