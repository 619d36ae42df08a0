from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from config_inputs import MACHINE, WORKLOAD

from accelsim.inputs.plugins import plugins_put_back


@pytest.fixture(autouse=True)
def _no_plugins_stay_loaded() -> Iterator[None]:
    with plugins_put_back():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "machine.yaml").write_text(MACHINE)
    (tmp_path / "workload.yaml").write_text(WORKLOAD)
    return tmp_path
