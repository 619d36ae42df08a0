from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from config_inputs import MACHINE, WORKLOAD
from hypothesis import HealthCheck, settings

from accelsim.inputs.plugins import plugins_put_back

# A busy machine is no reason to fail.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")


@pytest.fixture(autouse=True)
def _no_plugins_stay_loaded() -> Iterator[None]:
    with plugins_put_back():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "machine.yaml").write_text(MACHINE)
    (tmp_path / "workload.yaml").write_text(WORKLOAD)
    return tmp_path
