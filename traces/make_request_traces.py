"""Makes the example request traces of this folder: ``python traces/make_request_traces.py``.

Every figure here is ours: the traces are meant to be plausible, not measured. README.md says what
each stands for. Seeds are fixed, so that the files come out the same every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from accelsim.requests import Request, RequestContext
from accelsim.requests.base import GeneratedRequests
from accelsim.requests.patterns.bursts import Bursts
from accelsim.requests.patterns.periodic import Periodic
from accelsim.requests.patterns.poisson import Poisson
from accelsim.requests.times import seconds_text
from accelsim.units import TICKS_PER_SECOND

HOUR = 3600 * TICKS_PER_SECOND
MILLISECOND = TICKS_PER_SECOND // 1000
FOLDER = Path(__file__).parent

# Conversations begun in each hour of the day, from midnight: few at night, most in the morning and
# in the evening.
CONVERSATIONS = (
    *(2, 1, 1, 1, 1, 2, 10, 28, 30, 18, 12, 12),
    *(16, 14, 10, 10, 14, 24, 32, 34, 30, 24, 14, 6),
)

# Questions asked in each hour: only while awake.
QUESTIONS = (
    *(0, 0, 0, 0, 0, 0, 4, 12, 14, 10, 8, 8),
    *(12, 10, 8, 8, 10, 12, 16, 18, 16, 12, 6, 0),
)


@dataclass(frozen=True)
class Trace:
    """A file to make: its name, what its first lines say, and its requests."""

    name: str
    comment: str
    make: Callable[[], list[Request]]


def context(*tasks: str) -> RequestContext:
    """Return the workload that a trace is made for: sentences of up to 128 tokens."""
    return RequestContext(tasks, 128, 12, FOLDER)


def in_order(requests: Iterator[Request]) -> list[Request]:
    """Return the requests by arrival, with times in whole milliseconds as a host would log them."""
    ordered = sorted(requests, key=lambda request: request.arrival)
    return [
        replace(
            request,
            number=number,
            arrival=_whole(request.arrival),
            deadline=_whole(request.deadline or 0),
        )
        for number, request in enumerate(ordered)
    ]


def _whole(time: int) -> int:
    return time // MILLISECOND * MILLISECOND


def shifted(pattern: GeneratedRequests, tasks: RequestContext, start: int) -> Iterator[Request]:
    """Yield the requests of a pattern that begins at a tick."""
    for request in pattern.generate(tasks):
        deadline = (request.deadline or 0) + start
        yield replace(request, arrival=request.arrival + start, deadline=deadline)


def voice_assistant_day() -> list[Request]:
    """Return conversations of 2.5 utterances, 6 s apart, at the rate of each hour."""
    tasks = context("MNLI", "MRPC", "QNLI")
    hours = (
        shifted(_conversations(hour, rate), tasks, hour * HOUR)
        for hour, rate in enumerate(CONVERSATIONS)
    )
    return in_order(chain.from_iterable(hours))


def _conversations(hour: int, rate: int) -> Bursts:
    values = {
        "pattern": "bursts",
        "mean_interval": f"{3600 / rate} s",
        "requests_per_burst": 2.5,
        "gap": "6 s",
        "weights": {"MNLI": 0.5, "MRPC": 0.2, "QNLI": 0.3},
        "deadline": "300 ms",
        "duration": "1 h",
        "seed": 100 + hour,
    }
    return Bursts.model_validate(values)


def health_monitor_day() -> list[Request]:
    """Return a mood check every 5 min, day and night, and questions at the rate of each hour."""
    values = {"period": "5 min", "offset": "30 s", "deadline": "10 s", "duration": "24 h"}
    checks = Periodic.model_validate({"pattern": "periodic", "seed": 200, **values})
    questions = (
        shifted(_questions(hour, rate), context("QNLI"), hour * HOUR)
        for hour, rate in enumerate(QUESTIONS)
        if rate
    )
    return in_order(chain(shifted(checks, context("SST-2"), 0), *questions))


def _questions(hour: int, rate: int) -> Poisson:
    values = {"mean_interval": f"{3600 / rate} s", "deadline": "1 s", "duration": "1 h"}
    return Poisson.model_validate({"pattern": "poisson", "seed": 200 + hour, **values})


def chat_burst() -> list[Request]:
    """Return ten minutes of a busy chat: a dozen messages within a second, then a pause."""
    values = {
        "pattern": "bursts",
        "mean_interval": "20 s",
        "requests_per_burst": 12,
        "gap": "80 ms",
        "weights": {"SST-2": 0.5, "QQP": 0.2, "MNLI": 0.3},
        "deadline": "500 ms",
        "duration": "10 min",
        "seed": 300,
    }
    messages = Bursts.model_validate(values)
    return in_order(shifted(messages, context("SST-2", "QQP", "MNLI"), 0))


TRACES = (
    Trace("voice_assistant_day.csv", "A day of a voice assistant", voice_assistant_day),
    Trace("health_monitor_day.csv", "A day of a health monitor", health_monitor_day),
    Trace("chat_burst.csv", "Ten minutes of a busy chat", chat_burst),
)


def requests_csv(requests: Sequence[Request]) -> Iterator[str]:
    """Yield the lines of a file from which ``read_requests`` reads the same open-loop requests.

    Optional columns are written where a request has a value.
    """
    optional = [
        column
        for column in ("exit_layer", "predicted_layer", "deadline")
        if any(getattr(request, column) is not None for request in requests)
    ]
    units = {"deadline": "deadline [s]"}
    header = ["arrival [s]", "task", "tokens", *(units.get(name, name) for name in optional)]
    yield ",".join(header) + "\n"
    for request in requests:
        values = [getattr(request, column) for column in optional]
        cells = [
            "" if value is None else seconds_text(value) if column == "deadline" else str(value)
            for column, value in zip(optional, values, strict=True)
        ]
        cells = [seconds_text(request.arrival), request.task, str(request.tokens), *cells]
        yield ",".join(cells) + "\n"


def text_of(trace: Trace) -> str:
    """Return the text of a trace file."""
    head = f"# {trace.comment}, synthetic; made by make_request_traces.py, see README.md\n"
    return head + "".join(requests_csv(trace.make()))


def main() -> None:
    """Write the files beside this one."""
    for trace in TRACES:
        (FOLDER / trace.name).write_text(text_of(trace), encoding="utf-8")


if __name__ == "__main__":
    main()
