"""Labelled sentences from a file: JSON lines, CSV or NumPy's npz.

The names are those that a tokenizer of Hugging Face transformers gives: ``input_ids`` and
``label``, and optionally ``token_type_ids`` and ``attention_mask``.
"""

from __future__ import annotations

import csv
import difflib
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import ConfigError
from accelsim.inference.data import PADDING, Sentences, find_problem, report
from accelsim.model.families import ModelFamily

_KEYS = ("input_ids", "label", "token_type_ids", "attention_mask")
_LISTS = ("input_ids", "attention_mask", "token_type_ids")

_Record = Mapping[str, Any]


def load_labelled(path: str | Path, model: ModelFamily, classes: int) -> Sentences:
    """Return the sentences and labels of a file, padded to the longest.

    The ending of the name decides the format:

    ``.jsonl``  one object a line: ``{"input_ids": [2, 31, 3], "label": 1}``
    ``.csv``    a header with the names; numbers of a list separated by blanks: ``2 31 3,1``
    ``.npz``    arrays (sentences, sequence), ``label`` (sentences,); nothing is unpickled

    ``token_type_ids`` are 0 and ``attention_mask`` is 1 unless given. A label is a class, 0 to
    ``classes`` - 1. Raises ConfigError for a file that cannot be read, and with one line
    ``file:row: what is wrong`` for each of the first rows that do not fit: rows of an npz are
    counted from 1, those of the others are lines of the file.
    """
    path = Path(path)
    if classes < 2:
        raise ConfigError(
            f"{path}: labels need a task of 2 classes or more, this one has {classes}; a "
            "regression has no accuracy"
        )
    rows: list[_Record] = []
    problems: list[str] = []
    for number, record in _read(path):
        found = record if isinstance(record, str) else _complete(record, model, classes)
        if isinstance(found, str):
            problems.append(f"{path}:{number}: {found}")
        elif not problems:
            rows.append(found)
    report(problems)
    if not rows:
        raise ConfigError(f"{path}: no sentences; give one or more")
    return _pad(rows, f"{len(rows)} labelled sentences of {path}")


def _read(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield (row, record), the record as a text where it is a problem already."""
    readers: dict[str, Callable[[Path], Iterator[tuple[int, Any]]]] = {
        ".jsonl": _read_json_lines,
        ".csv": _read_csv,
        ".npz": _read_arrays,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(f"{path}: unknown format '{path.suffix}'; use {', '.join(readers)}")
    try:
        yield from reader(path)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ConfigError(f"{path}: cannot be read: {reason}") from None


def _read_json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, _parse_line(line)


def _parse_line(line: str) -> Any:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    if isinstance(record, dict):
        return record
    return 'not an object; expected {"input_ids": [...], "label": ...}'


def _read_csv(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        for row in reader:
            if None in row:
                yield reader.line_num, "more cells than the header has columns"
            else:
                yield reader.line_num, {key: _parse_cell(key, row[key]) for key in row if row[key]}


def _parse_cell(key: str, cell: str) -> Any:
    try:
        numbers = [int(word) for word in cell.split()]
    except ValueError:
        return cell
    return numbers[0] if key == "label" and len(numbers) == 1 else numbers


def _read_arrays(path: Path) -> Iterator[tuple[int, Any]]:
    # NumPy leaves a damaged file open that it opened itself.
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ConfigError(f"{path}: one array, expected an archive of them; use numpy.savez")
        arrays = {name: np.asarray(archive[name]) for name in archive.files}
    shapes = {name: array.shape for name, array in arrays.items()}
    lengths = {shape[:1] for shape in shapes.values()}
    if len(lengths) > 1 or () in lengths:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ConfigError(f"{path}: the arrays differ in their number of rows: {listed}")
    columns = [array.tolist() for array in arrays.values()]
    for number, row in enumerate(zip(*columns, strict=True), start=1):
        yield number, dict(zip(arrays, row, strict=True))


def _complete(record: _Record, model: ModelFamily, classes: int) -> _Record | str:
    """Return a record with all keys, or why a model cannot read it."""
    problem = _find_wrong_key(record) or _find_wrong_type(record)
    if problem:
        return problem
    length = len(record["input_ids"])
    full = {"attention_mask": [1] * length, "token_type_ids": [0] * length, **record}
    tokens, mask, types, label = (full[key] for key in (*_LISTS, "label"))
    if not set(mask) <= {0, 1}:
        return "attention_mask: values other than 0 and 1; use 1 for real tokens"
    if problem := find_problem(model, tokens, mask, types):
        return problem
    if type(label) is int and 0 <= label < classes:
        return full
    return f"label: expected a class from 0 to {classes - 1}, got {_shorten(label)}"


def _find_wrong_key(record: _Record) -> str | None:
    for key in record:
        if key not in _KEYS:
            close = difflib.get_close_matches(str(key), _KEYS, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"keep only {', '.join(_KEYS)}"
            return f"{key}: unknown key; {hint}"
    missing = [key for key in ("input_ids", "label") if key not in record]
    return f"{missing[0]}: this key is missing" if missing else None


def _find_wrong_type(record: _Record) -> str | None:
    for key, value in record.items():
        if key == "label":
            continue
        kinds = {int, bool} if key == "attention_mask" else {int}
        if not (isinstance(value, list) and value and {type(item) for item in value} <= kinds):
            return f"{key}: expected a list of one or more integers, got {_shorten(value)}"
        if len(value) != len(record["input_ids"]):
            return f"{key}: {len(value)} values for {len(record['input_ids'])} tokens"
    return None


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _pad(rows: list[_Record], origin: str) -> Sentences:
    length = max(len(row["input_ids"]) for row in rows)
    tokens, mask, types = (
        np.array([row[key] + [filler] * (length - len(row[key])) for row in rows], np.int64)
        for key, filler in zip(_LISTS, (PADDING, 0, 0), strict=True)
    )
    labels = np.array([row["label"] for row in rows], np.int64)
    return Sentences(tokens, mask.astype(bool), types, labels, origin)
