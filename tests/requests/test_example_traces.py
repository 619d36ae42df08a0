from __future__ import annotations

import re

import pytest
from request_inputs import TRACES, context, trace_maker

from accelsim.requests.trace_file import read_requests
from accelsim.requests.trace_format import TraceFormat
from accelsim.units import TICKS_PER_SECOND


def test_the_files_are_what_the_program_makes() -> None:
    assert {trace.name for trace in trace_maker().TRACES} == {
        path.name for path in TRACES.glob("*.csv")
    }
    for trace in trace_maker().TRACES:
        assert (TRACES / trace.name).read_text(encoding="utf-8") == trace_maker().text_of(trace)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("voice_assistant_day", 86400), ("health_monitor_day", 86400), ("chat_burst", 600)],
)
def test_the_files_are_as_described(name: str, seconds: int) -> None:
    readme = (TRACES / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"`{name}\.csv` \|[^|]*\| ([^|]*) \| (\d+) \|", readme)
    path = TRACES / f"{name}.csv"
    requests = read_requests(path, context(*row[1].split(", ")), TraceFormat())
    assert len(requests) == int(row[2])
    assert {each.task for each in requests} == set(row[1].split(", "))
    assert 0.9 * seconds < requests[-1].arrival / TICKS_PER_SECOND < seconds
    assert path.stat().st_size < 60_000
