"""Request traces as CSV files or JSON lines.

    # comments and empty lines are skipped
    arrival,task,tokens,exit_layer,predicted_layer,deadline
    12.5 s,MNLI,41,,,12.7 s
    12500.25 ms,SST-2,23,6,7,

``arrival`` (since the start, rows in its order), ``task`` and ``tokens`` (true length with special
tokens) are needed; ``new_tokens`` (those to generate), ``exit_layer``, ``predicted_layer`` and
``deadline`` (since the start) may be left out, or empty in a row. Columns come in any order. A time
has a unit, or its column has one: ``arrival [s]``. Times are exact to the femtosecond. Cells are
separated by commas, semicolons or tabs, as in the header; JSON lines are objects with these keys.
What else a file may be like ``trace_format`` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice, pairwise, repeat
from pathlib import Path

from accelsim.errors import ConfigError
from accelsim.requests.base import MAXIMUM_REQUESTS, too_many
from accelsim.requests.request import Request, RequestContext, Requests
from accelsim.requests.times import LONGEST, seconds_text
from accelsim.requests.trace_columns import Columns, Row, wanted_columns
from accelsim.requests.trace_format import SPECIAL_TOKENS, TraceFormat
from accelsim.requests.trace_rows import rows_of
from accelsim.units import Tick, ceil_div

# [ours] A file that is wrong throughout is told so on one screen.
_MOST_PROBLEMS = 20


def read_requests(
    path: Path, context: RequestContext, form: TraceFormat, end: Tick | None = None
) -> Requests:
    """Return the requests of a file that arrive before ``end``, numbered from 0 in its order.

    Raises ConfigError with one line for each problem, ``file:row: column: what is wrong``, the row
    being the file's line; after twenty it says how many more there are.
    """
    rows, notes = _read_rows(path, context, form)
    if not rows:
        raise ConfigError(f"{path}: there is no request; add a row such as 12.5 s,MNLI,41")
    if form.sort:
        late = sum(row.arrival < before.arrival for before, row in pairwise(rows))
        notes += [f"{late:,} rows stood after a later one: sorted"] if late else []
        rows.sort(key=lambda row: row.arrival)
    start = rows[0].arrival if form.origin == "first" else 0
    _refuse(path, [*_too_late(rows, start)])
    kept = [row for row in rows if end is None or row.arrival - start < end]
    if not kept:
        raise ConfigError(
            f"{path}: no request arrives before requests.duration; lengthen or remove it"
        )
    count, long = len(kept), sum(row.tokens > context.sequence_length for row in kept)
    rows.clear()
    requests = Requests(islice(_requests(kept, start, context, form), MAXIMUM_REQUESTS + 1))
    if long:
        limit = f"{context.sequence_length} tokens (sequence_length)"
        done = {"truncate": "truncated", "drop": "dropped", "split": "split"}[form.too_long]
        notes.append(f"{long:,} of {count:,} sentences are longer than {limit}: {done}")
    if not requests:
        raise ConfigError(f"{path}: {notes[-1]}; none is left: raise sequence_length")
    requests.notes = (*notes, *form.task_note())
    return requests


def _read_rows(
    path: Path, context: RequestContext, form: TraceFormat
) -> tuple[list[Row], list[str]]:
    """Return the rows of a file and what is to be said of its columns."""
    problems: list[str] = []
    lines = rows_of(path, wanted_columns(form), problems)
    header, headings = next(lines, (0, []))
    _refuse(path, problems)
    if not header:
        raise ConfigError(f"{path}: the trace is empty; expected the header arrival,task,tokens")
    columns = Columns(headings, context, form)
    _refuse(path, [f"{header}: {message}" for message in columns.problems])
    rows, latest = list[Row](), None
    for line, cells in lines:
        row, wrong = columns.read(line, cells, latest)
        problems += (f"{line}: {message}" for message in wrong)
        latest = row.arrival if latest is None else max(latest, row.arrival)
        rows.append(row)
        if len(rows) > MAXIMUM_REQUESTS:
            problems.append(f"{line}: {too_many(len(rows))}")
            break
    _refuse(path, problems)
    notes = [f"columns not read: {', '.join(columns.unused)}"] if columns.unused else []
    return rows, notes


def _too_late(rows: list[Row], start: Tick) -> Iterator[str]:
    for row in rows:
        for name, time in (("arrival", row.arrival), ("deadline", row.deadline)):
            if time is not None and time - start > LONGEST:
                after = f"{seconds_text(time - start)} s after the first arrival"
                advice = "expected at most 1e7 s: check the unit, or keep fewer rows"
                yield f"{row.line}: {name}: {after}; {advice}"


def _requests(
    rows: list[Row], start: Tick, context: RequestContext, form: TraceFormat
) -> Iterator[Request]:
    """Yield the requests of rows in order of arrival; what was used up is freed."""
    tasks, number = form.tasks(context), 0
    rows.reverse()
    while rows:
        row, task = rows.pop(), next(tasks)
        arrival, deadline = row.arrival - start, row.deadline
        deadline = None if deadline is None else deadline - start
        more = (row.exit_layer, row.predicted_layer, deadline, row.new_tokens)
        for tokens in _lengths(row.tokens, context.sequence_length, form.too_long):
            yield Request(number, task or row.task, arrival, tokens, 0, *more)
            number += 1


def _lengths(tokens: int, most: int, too_long: str) -> Iterable[int]:
    """Return the lengths of the sentences that are made of one."""
    if tokens <= most:
        return (tokens,)
    if too_long == "drop":
        return ()
    if too_long == "truncate":
        return (most,)
    text, room = tokens - SPECIAL_TOKENS, most - SPECIAL_TOKENS
    full = ceil_div(text, room) - 1
    return chain(repeat(most, full), (text - full * room + SPECIAL_TOKENS,))


def _refuse(path: Path, problems: list[str]) -> None:
    """Raise ConfigError with what is wrong with a file, if anything."""
    lines = [f"{path}:{problem}" for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"{path}: and {len(problems) - _MOST_PROBLEMS} more")
    if lines:
        raise ConfigError("\n".join(lines))
