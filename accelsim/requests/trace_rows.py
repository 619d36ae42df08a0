"""The rows of a trace file, CSV or JSON lines, as cells of text."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.document import describe, read_text
from accelsim.inputs.files import read_bytes

Rows = Iterator[tuple[int, list[str]]]
_DELIMITERS = ",;\t"
_LIST = re.compile(r"\s*+\[\s*+(?:\{|$)")


def rows_of(path: Path, wanted: Container[str], problems: list[str]) -> Rows:
    """Yield (line of the file, cells) of a file's header and rows, without comments and empty ones.

    Of JSON lines the header are the keys of the first object, those within others joined by dots,
    and a later object that has another key of those ``wanted`` is a problem. ``problems`` gets what
    cannot be read, ``line: what``. Raises ConfigError for a file that is no text, and for a list.
    """
    _check_text(path)
    first = next((line for line in _lines(path) if line.strip()), "")
    if first.lstrip().startswith("{"):
        return _json_rows(_lines(path), wanted, problems)
    if _LIST.match(first):
        raise ConfigError(f"{path}:1: a JSON list; write one object a line, {{...}} (jq -c '.[]')")
    return _csv_rows(_lines(path), max(_DELIMITERS, key=first.count), problems)


def _check_text(path: Path) -> None:
    advice = "requests.path counts from the folder of the workload file"
    text = read_text(path, "CSV", lambda _: advice)
    if "\0" in text:
        row = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError(f"{path}:{row}: a NUL byte, which no text has; save it as UTF-8")


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines, decoded one by one: a million of them take no room at once."""
    text = io.TextIOWrapper(io.BytesIO(read_bytes(path)), encoding="utf-8-sig", newline="")
    # A comment leaves an empty line, so that lines still count and its quotes do not.
    return ("\n" if line.lstrip().startswith("#") else line for line in text)


def _csv_rows(lines: Iterator[str], delimiter: str, problems: list[str]) -> Rows:
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            if any(cells) and any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        problems.append(f"{reader.line_num}: not CSV: {error}; write one request a line")


def _json_rows(lines: Iterator[str], wanted: Container[str], problems: list[str]) -> Rows:
    keys: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = _json_object(line)
        if row is None:
            advice = "write one object a line, {...}"
            problems.append(f"{number}: not JSON, or a key stands twice; {advice}")
            return
        if not keys:
            keys = dict.fromkeys(row)
            yield number, list(keys)
        for key in row.keys() - keys.keys():
            if key.lower() in wanted:
                problems.append(f"{number}: the first line has no '{key}'; write it there as null")
        yield number, [_text(row.get(key)) for key in keys]


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        # Numbers stay as they are written, so that times are exact.
        found = json.loads(
            line, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_object
        )
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, those within it spread out: ``{"a": {"b": 1}}`` is ``{"a.b": 1}``."""
    spread: list[tuple[str, Any]] = []
    for key, value in pairs:
        within = value.items() if isinstance(value, dict) else ()
        spread += [(f"{key}.{own}", each) for own, each in within] or [(key, value)]
    found = dict(spread)
    if len(found) < len(spread):
        raise ValueError("a key stands twice")
    return found


def _text(value: Any) -> str:
    return (value or "") if isinstance(value, str | None) else describe(value)
