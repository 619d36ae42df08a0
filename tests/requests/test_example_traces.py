from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from request_inputs import context

from accelsim.requests.trace_file import read_requests
from accelsim.units import TICKS_PER_SECOND

FOLDER = Path(__file__).parents[2] / "traces"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("maker", FOLDER / "make_request_traces.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["maker"] = module
    spec.loader.exec_module(module)
    return module


def test_the_files_are_what_the_program_makes(maker: ModuleType) -> None:
    assert {trace.name for trace in maker.TRACES} == {path.name for path in FOLDER.glob("*.csv")}
    for trace in maker.TRACES:
        assert (FOLDER / trace.name).read_text(encoding="utf-8") == maker.text_of(trace)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("voice_assistant_day", 86400), ("health_monitor_day", 86400), ("chat_burst", 600)],
)
def test_the_files_are_as_described(name: str, seconds: int) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"`{name}\.csv` \|[^|]*\| ([^|]*) \| (\d+) \|", readme)
    path = FOLDER / f"{name}.csv"
    requests = read_requests(path, context(*row[1].split(", ")))
    assert len(requests) == int(row[2])
    assert {each.task for each in requests} == set(row[1].split(", "))
    assert 0.9 * seconds < requests[-1].arrival / TICKS_PER_SECOND < seconds
    assert path.stat().st_size < 60_000
