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
from collections.abc import Iterator, Sequence
from pathlib import Path

from accelsim.errors import ConfigError
from accelsim.requests.base import MAXIMUM_REQUESTS, too_many
from accelsim.requests.request import Request, RequestContext
from accelsim.requests.times import seconds_text
from accelsim.requests.trace_columns import Cells, Columns, optional_columns, read_columns

# [ours] A file that is wrong throughout is told so on one screen.
_MOST_PROBLEMS = 20


class _Problems:
    """What is wrong with a file, in its order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0
        self._lines: list[str] = []

    def add(self, row: int, message: str) -> None:
        self._count += 1
        if self._count <= _MOST_PROBLEMS:
            self._lines.append(f"{self._path}:{row}: {message}")

    def check(self) -> None:
        more = self._count - len(self._lines)
        if more:
            self._lines.append(f"{self._path}: and {more} more")
        if self._count:
            raise ConfigError("\n".join(self._lines))


def read_requests(path: Path, context: RequestContext) -> list[Request]:
    """Return the requests of a CSV file, numbered from 0 in its order.

    Raises ConfigError with one line for each problem, ``file:row: column: what is wrong``, the row
    being the file's line; after twenty it says how many more there are.
    """
    problems = _Problems(path)
    rows = _rows(_read_text(path), problems)
    columns = _header(rows, path, problems, context)
    requests: list[Request] = []
    latest = 0
    for row, cells in rows:
        request, wrong = columns.read(len(requests), cells, latest)
        for message in wrong:
            problems.add(row, message)
        latest = max(latest, request.arrival)
        requests.append(request)
        if len(requests) > MAXIMUM_REQUESTS:
            problems.add(row, too_many(len(requests)))
            break
    problems.check()
    if not requests:
        raise ConfigError(f"{path}: there is no request; add a row such as 12.5 s,MNLI,41")
    return requests


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file; requests.path counts from the folder of the workload file"
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: this is a folder; name a CSV file in it") from None
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        found = f"not UTF-8 text (byte 0x{data[error.start]:02x})"
        raise ConfigError(f"{path}:{row}: {found}; save it as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: cannot be read: {reason}") from None
    if "\0" in text:
        row = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError(f"{path}:{row}: a NUL byte, which no text has; save it as UTF-8")
    return text


def _rows(text: str, problems: _Problems) -> Iterator[tuple[int, list[str]]]:
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
        problems.add(reader.line_num, f"not CSV: {error}; write one request a line")


def _header(
    rows: Iterator[tuple[int, list[str]]],
    path: Path,
    problems: _Problems,
    context: RequestContext,
) -> Columns:
    row, cells = next(rows, (0, []))
    problems.check()
    if not row:
        raise ConfigError(f"{path}: the trace is empty; expected the header arrival,task,tokens")
    columns, wrong = read_columns(cells)
    for message in wrong:
        problems.add(row, message)
    problems.check()
    return Columns(columns, Cells(context))


def requests_csv(requests: Sequence[Request]) -> Iterator[str]:
    """Yield the lines of a file from which ``read_requests`` reads the same open-loop requests.

    Optional columns are written where a request has a value.
    """
    optional = [
        column
        for column in optional_columns()
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
