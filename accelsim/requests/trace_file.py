"""Request traces as CSV files.

    # comments and empty lines are skipped
    arrival,task,tokens,exit_layer,predicted_layer,deadline
    12.5 s,MNLI,41,,,12.7 s
    12500.25 ms,SST-2,23,6,7,

``arrival`` (since the start, rows in its order), ``task`` and ``tokens`` (true length with special
tokens) are needed; ``exit_layer``, ``predicted_layer`` and ``deadline`` (since the start) may be
left out, or empty in a row. Columns come in any order. A time has a unit, or its column has one:
``arrival [s]``. Times are exact to the femtosecond.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from accelsim.errors import ConfigError
from accelsim.inputs.document import read_text
from accelsim.requests.base import MAXIMUM_REQUESTS, too_many
from accelsim.requests.request import Request, RequestContext
from accelsim.requests.trace_columns import Columns

# [ours] A file that is wrong throughout is told so on one screen.
_MOST_PROBLEMS = 20


def read_requests(path: Path, context: RequestContext) -> list[Request]:
    """Return the requests of a CSV file, numbered from 0 in its order.

    Raises ConfigError with one line for each problem, ``file:row: column: what is wrong``, the row
    being the file's line; after twenty it says how many more there are.
    """
    problems: list[str] = []
    rows = _rows(_read_text(path), problems)
    header, headings = next(rows, (0, []))
    _refuse(path, problems)
    if not header:
        raise ConfigError(f"{path}: the trace is empty; expected the header arrival,task,tokens")
    columns = Columns(headings, context)
    _refuse(path, [f"{header}: {message}" for message in columns.problems])
    requests: list[Request] = []
    latest = 0
    for row, cells in rows:
        request, wrong = columns.read(len(requests), cells, latest)
        problems += (f"{row}: {message}" for message in wrong)
        latest = max(latest, request.arrival)
        requests.append(request)
        if len(requests) > MAXIMUM_REQUESTS:
            problems.append(f"{row}: {too_many(len(requests))}")
            break
    _refuse(path, problems)
    if not requests:
        raise ConfigError(f"{path}: there is no request; add a row such as 12.5 s,MNLI,41")
    return requests


def _refuse(path: Path, problems: list[str]) -> None:
    """Raise ConfigError with what is wrong with a file, if anything."""
    lines = [f"{path}:{problem}" for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"{path}: and {len(problems) - _MOST_PROBLEMS} more")
    if lines:
        raise ConfigError("\n".join(lines))


def _read_text(path: Path) -> str:
    advice = "requests.path counts from the folder of the workload file"
    text = read_text(path, "CSV", lambda _: advice)
    if "\0" in text:
        row = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError(f"{path}:{row}: a NUL byte, which no text has; save it as UTF-8")
    return text


def _rows(text: str, problems: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield (line of the file, cells) of all rows but comments and empty ones."""
    lines = io.StringIO(text, newline="")
    # A comment leaves an empty line, so that lines still count and its quotes do not.
    plain = ("\n" if line.lstrip().startswith("#") else line for line in lines)
    reader = csv.reader(plain, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            if any(cells) and any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        problems.append(f"{reader.line_num}: not CSV: {error}; write one request a line")
