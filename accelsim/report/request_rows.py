"""requests.csv: one row for each request and case. Times are seconds, exact to the femtosecond."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from accelsim.engine.run import RequestOutcome
from accelsim.evaluation.cases import CaseResult
from accelsim.requests.times import seconds_text

COLUMNS = (
    "case", "number", "task", "arrival [s]", "start [s]", "end [s]", "tokens", "layers", "point",
    "deadline_missed",
)  # fmt: skip


def request_rows(results: Mapping[str, CaseResult]) -> Iterator[str]:
    """Yield the lines of requests.csv, of each case in the order of service.

    ``tokens`` are those computed, padding included. ``layers`` is empty where all run,
    ``deadline_missed`` (0 or 1) without a deadline. No cell needs quotes.
    """
    yield ",".join(COLUMNS) + "\n"
    for name, result in results.items():
        for request in result.run.requests:
            yield ",".join((name, *_cells(request))) + "\n"


def _cells(request: RequestOutcome) -> tuple[str, ...]:
    missed = "" if request.deadline is None else str(int(request.end > request.deadline))
    return (
        str(request.number),
        request.task,
        seconds_text(request.arrival),
        seconds_text(request.start),
        seconds_text(request.end),
        str(request.tokens),
        "" if request.layers is None else str(request.layers),
        request.point,
        missed,
    )
