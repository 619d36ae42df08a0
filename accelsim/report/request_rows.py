"""requests.csv: one row for each request and case. Times are seconds, exact to the femtosecond."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from accelsim.account.breakdown import MODEL
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
    ``deadline_missed`` (0 or 1) without a deadline. Where there are several models the last column
    names the task's.
    """
    several = any(result.design.models for result in results.values())
    yield from csv_lines([(*COLUMNS, MODEL) if several else COLUMNS])
    for name, result in results.items():
        models = result.design.models
        yield from csv_lines((name, *_cells(each, models)) for each in result.run.requests)


def _cells(request: RequestOutcome, models: Mapping[str, str]) -> tuple[Value, ...]:
    late = None if request.deadline is None else int(request.end > request.deadline)
    times = map(seconds_text, (request.arrival, request.start, request.end))
    tokens, layers = request.tokens, request.layers
    cells = request.number, request.task, *times, tokens, layers, request.point, late
    return (*cells, models[request.task]) if models else cells
