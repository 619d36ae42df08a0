"""CSV: the data table of a report, a line a row, units in the names of the columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from accelsim.report.media.base import Medium
from accelsim.report.table import Report
from accelsim.report.text import Value, printable


class Csv(Medium):
    """The data table, for spreadsheets and data frames."""

    name = "csv"

    def render(self, report: Report) -> Iterable[str]:
        """Return the lines of the data table; what is not known is an empty cell."""
        records = report.data.records
        names = [column.name for column in report.data.columns if column.key]
        return csv_lines([names, *(list(record.values()) for record in records)])


def csv_lines(rows: Iterable[Iterable[Value]]) -> Iterator[str]:
    """Yield rows as lines of CSV, quoted where needed, control characters spelled."""
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    for row in rows:
        writer.writerow([printable(value) if isinstance(value, str) else value for value in row])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
