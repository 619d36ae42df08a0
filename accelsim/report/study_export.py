"""All figures of all rows of a study in one file: CSV, or Parquet with its extra."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError, OutputError
from accelsim.inputs.extras import installation
from accelsim.report.files import write_all
from accelsim.report.media.csv import csv_lines
from accelsim.study.sweep.axes import flow
from accelsim.study.sweep.table import StudyTable

# Rows of a group of a Parquet file, so that not all are in memory.
_GROUP = 1000


def export_table(table: StudyTable, path: Path) -> int:
    """Write a row a point, and return how many there are.

    The file is replaced as a whole or not at all. Raises ConfigError for another ending than .csv
    and .parquet and without pyarrow, OutputError where the file cannot be written.
    """
    if path.suffix == ".csv":
        names, count = table.kinds(), 0

        def lines() -> Iterator[list[Any]]:
            nonlocal count
            yield list(names)
            for record in table.records(names):
                count += 1
                yield [_cell(each) for each in record.values()]

        write_all(path.parent, {path.name: csv_lines(lines())})
        return count
    if path.suffix == ".parquet":
        return _write_parquet(table, path)
    raise ConfigError(f"--to {path}: expected a name that ends with .csv or .parquet")


def _cell(value: Any) -> Any:
    return flow(value) if isinstance(value, (list, dict, bool)) else value


def _write_parquet(table: StudyTable, path: Path) -> int:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigError(
            f"Parquet needs pyarrow; run: {installation('parquet')}, or export to .csv"
        ) from None
    kinds = table.kinds()
    schema = pyarrow.schema([(name, _type(pyarrow, each)) for name, each in kinds.items()])
    part, count = path.with_name(f".{path.name}.{os.getpid()}"), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pyarrow.parquet.ParquetWriter(part, schema) as writer:
            for rows in _batches(table, kinds):
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))
                count += len(rows)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return count


def _type(pyarrow: Any, kinds: frozenset[type]) -> Any:
    """Return the type of a column: whole numbers, numbers, truth values, else texts."""
    if kinds <= {int}:
        return pyarrow.int64()
    if kinds <= {int, float}:
        return pyarrow.float64()
    return pyarrow.bool_() if kinds <= {bool} else pyarrow.string()


def _batches(table: StudyTable, kinds: dict[str, frozenset[type]]) -> Iterator[list[Any]]:
    numbers = {name for name, each in kinds.items() if each <= {int, float} and float in each}
    plain = {name for name, each in kinds.items() if each <= {int} or each == {bool}} | numbers
    batch: list[Any] = []
    for record in table.records(kinds):
        row = {n: float(v) if v is not None and n in numbers else v for n, v in record.items()}
        batch.append({name: _as(value, name not in plain) for name, value in row.items()})
        if len(batch) == _GROUP:
            yield batch
            batch = []
    yield batch


def _as(value: Any, text: bool) -> Any:
    return value if value is None or not text or isinstance(value, str) else flow(value)
