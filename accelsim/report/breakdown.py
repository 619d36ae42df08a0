"""breakdown.csv: all that each design spent, a row a task, layer, operator, block and action."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

from accelsim.account.breakdown import MODEL, NOBODY, BreakdownRow
from accelsim.errors import ConfigError
from accelsim.evaluation.cases import CaseResult
from accelsim.inputs.extras import installation
from accelsim.report.media.csv import csv_lines, csv_rows

PARQUET = "breakdown.parquet"
COLUMNS = ("design", *BreakdownRow.columns().values())


def breakdown_lines(cases: Mapping[str, CaseResult]) -> Iterator[str]:
    """Yield the lines of breakdown.csv; numbers are exact, what there is none of is 0 or empty."""
    yield from csv_lines([_columns(cases)])
    for name, case in cases.items():
        models, known = case.design.models, dict[tuple[int, str], list[str]]()
        for place, rest in case.sheets:
            model = models.get(place[2], NOBODY)
            # Most layers say the same behind the columns of their place.
            if (id(rest), model) not in known:
                more = (model,) if models else ()
                known[id(rest), model] = ["", *csv_rows((*row, *more) for row in rest)]
            begin = "".join(csv_lines([(name, *place, "")])).removesuffix("\n")
            yield begin.join(known[id(rest), model])


def _columns(cases: Mapping[str, CaseResult]) -> tuple[str, ...]:
    return (*COLUMNS, MODEL) if any(case.design.models for case in cases.values()) else COLUMNS


def _rows(name: str, case: CaseResult) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a case, each with the model of its task where there are several."""
    models = case.design.models
    for row in case.breakdown:
        yield (name, *row, models.get(row.task, NOBODY)) if models else (name, *row)


def breakdown_parquet(cases: Mapping[str, CaseResult]) -> list[bytes]:
    """Return the same table as Parquet. Raises ConfigError without pyarrow."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigError(f"--parquet needs pyarrow: {installation('parquet')}") from None
    rows = (row for name, case in cases.items() for row in _rows(name, case))
    columns = dict(zip(_columns(cases), map(list, zip(*rows, strict=True)), strict=True))
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return [file.getvalue()]
