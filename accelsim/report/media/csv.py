"""CSV: the data table of a report, a line a row, units in the names of the columns."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import islice

from accelsim.report.media.base import Medium
from accelsim.report.table import Report
from accelsim.report.text import Value, printable

_AT_A_TIME = 1000


class Csv(Medium):
    """The data table, for spreadsheets and data frames."""

    name = "csv"

    def render(self, report: Report) -> Iterable[str]:
        """Return the lines of the data table; what is not known is an empty cell."""
        records = report.data.records
        names = [column.name for column in report.data.columns if column.key]
        return csv_lines([names, *(list(record.values()) for record in records)])


def csv_lines(rows: Iterable[Iterable[Value]]) -> Iterator[str]:
    """Yield rows as lines of CSV, many at a time; quoted where needed, control characters spelled.

    What is printable as a whole has nothing to spell: cells are looked at only where it is not.
    """
    left = iter(rows)
    while some := list(islice(left, _AT_A_TIME)):
        yield "".join(csv_rows(some))


def csv_rows(rows: Iterable[Iterable[Value]]) -> list[str]:
    """Return rows as a line of CSV each."""
    some = list(rows)
    lines = _written(some)
    plain = all(line[:-1].isprintable() for line in lines)
    return lines if plain else _written(map(_spelled, row) for row in some)


class _Lines(list[str]):
    """A file that keeps what is written: a writer of CSV writes a row at a time."""

    def write(self, line: str) -> None:
        self.append(line)


def _written(rows: Iterable[Iterable[Value]]) -> list[str]:
    lines = _Lines()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines


def _spelled(value: Value) -> Value:
    return printable(value) if isinstance(value, str) else value
