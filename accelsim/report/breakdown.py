"""breakdown.csv: all that each design spent, a row a task, layer, operator, block and action."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from accelsim.account.breakdown import BreakdownRow
from accelsim.evaluation.cases import CaseResult
from accelsim.report.media.csv import csv_lines

COLUMNS = ("design", *BreakdownRow.columns().values())


def breakdown_lines(cases: Mapping[str, CaseResult]) -> Iterator[str]:
    """Yield the lines of breakdown.csv; numbers are exact, what there is none of is 0 or empty."""
    yield from csv_lines([COLUMNS])
    for name, case in cases.items():
        yield from csv_lines((name, *row) for row in case.breakdown)
