from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from config_inputs import MACHINE, WORKLOAD
from hypothesis import HealthCheck, settings

from accelsim.inputs.plugins import plugins_put_back

_approx = pytest.approx


def _relatively(expected: Any, rel: Any = None, abs: Any = None, nan_ok: bool = False) -> Any:
    """Judge by the relative error alone: next to joules, 1e-12 would let everything pass."""
    if abs is None:
        rel, abs = 1e-6 if rel is None else rel, 0.0
    return _approx(expected, rel, abs, nan_ok)


pytest.approx = _relatively

# Started in the background or by nohup, Python and all that it starts ignore these signals, which
# some tests send to what they start.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(
            _number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL
        )

# A busy machine is no reason to fail, and what passed once passes again: every run has the same
# examples. `pytest --hypothesis-profile=search` looks for others.
_no_clock = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _no_clock, derandomize=True)
settings.register_profile("search", _no_clock, max_examples=1000)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def _no_plugins_stay_loaded() -> Iterator[None]:
    with plugins_put_back():
        yield


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages be made without the script of their charts, which an optional package brings."""
    pytest.importorskip("jinja2", reason="pages are made by jinja2, of the extra plot")
    monkeypatch.setattr("accelsim.report.page.plotly_script", lambda: b"")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "machine.yaml").write_text(MACHINE)
    (tmp_path / "workload.yaml").write_text(WORKLOAD)
    return tmp_path
