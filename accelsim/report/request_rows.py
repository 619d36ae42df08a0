"""requests.csv: one row for each request and case. Times are seconds, exact to the femtosecond."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from accelsim.engine.run import RequestOutcome
from accelsim.evaluation.cases import CaseResult
from accelsim.report.media.csv import csv_lines
from accelsim.report.text import Value
from accelsim.requests.times import seconds_text

COLUMNS = (
    "case", "number", "task", "arrival [s]", "start [s]", "end [s]", "tokens", "layers", "point",
    "deadline_missed",
)  # fmt: skip


def request_rows(results: Mapping[str, CaseResult]) -> Iterator[str]:
    """Yield the lines of requests.csv, of each case in the order of service.

    ``tokens`` are those computed, padding included. ``layers`` is empty where all run,
    ``deadline_missed`` (0 or 1) without a deadline.
    """
    yield from csv_lines([COLUMNS])
    for name, result in results.items():
        yield from csv_lines((name, *_cells(request)) for request in result.run.requests)


def _cells(request: RequestOutcome) -> tuple[Value, ...]:
    late = None if request.deadline is None else int(request.end > request.deadline)
    times = map(seconds_text, (request.arrival, request.start, request.end))
    tokens, layers = request.tokens, request.layers
    return request.number, request.task, *times, tokens, layers, request.point, late
