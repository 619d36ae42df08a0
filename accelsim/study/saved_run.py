"""What ``accelsim run`` left in its folder, read again."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from accelsim.account.breakdown import BREAKDOWN, MODEL, BreakdownRow
from accelsim.errors import ConfigError
from accelsim.inputs.document import read_text
from accelsim.inputs.manifest import check_whole

RESULTS = "results.json"
_ADVICE = "name a folder that accelsim run wrote"
_COLUMNS = ["design", *BreakdownRow.columns().values()]
_WHOLE = frozenset(("layer", "amount"))
_REAL = frozenset(name for name in BreakdownRow.columns().values() if name.endswith(("_s", "_J")))


@dataclass(frozen=True)
class SavedRun:
    """A run's folder, or the file of what was run: ``results`` is the content of results.json.

    A figure that a case does not have, such as that of a switch where nothing ever switches, is
    None there.
    """

    folder: Path
    results: dict[str, Any]
    known_breakdown: dict[str, list[Any]] | None = None

    @cached_property
    def breakdown(self) -> dict[str, list[Any]]:
        """The columns of breakdown.csv by name, which data frames take as they are.

        Raises ConfigError, with the line, where the file is missing, damaged or no such table.
        """
        if self.known_breakdown is not None:
            return self.known_breakdown
        path = self.folder / BREAKDOWN
        text = read_text(path, "CSV", lambda _: "run it again: older runs did not write it")
        if "\0" in text:
            raise _damaged(path, text.count("\n", 0, text.index("\0")) + 1, "it has a null byte")
        reader = csv.reader(io.StringIO(text), strict=True)
        try:
            header = next(reader, [])
            if header not in (_COLUMNS, [*_COLUMNS, MODEL]):  # with one of a chip's several models
                raise ValueError(f"expected the columns {', '.join(_COLUMNS)}")
            rows = list(reader)
        except (csv.Error, ValueError) as error:
            raise _damaged(path, max(1, reader.line_num), str(error)) from None
        for line, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise _damaged(path, line, f"expected {len(header)} cells, got {len(row)}")
        columns = zip(*rows, strict=True) if rows else [()] * len(header)
        named = zip(header, columns, strict=True)
        found = {name: list(_parsed(path, name, cells)) for name, cells in named}
        if not text.endswith("\n"):
            raise _damaged(path, reader.line_num, "its last line is cut off")
        return found


def load_run(path: Path | str) -> SavedRun:
    """Return what a run left in a folder. Raises ConfigError where it is none, or of two runs."""
    folder = Path(path)
    file = folder if folder.name == RESULTS else folder / RESULTS
    check_whole(file.parent)
    text = read_text(file, "JSON", lambda _: _ADVICE)
    try:
        found = json.loads(text)
        known = found["schema_version"] == 2 and isinstance(found["cases"], dict)
    except json.JSONDecodeError as error:
        wrong = f"{file}:{error.lineno}: not the results of a run of this version: {error.msg}"
        raise ConfigError(f"{wrong}; {_ADVICE}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        known = False
    if not known:
        raise ConfigError(f"{file}: not the results of a run of this version; {_ADVICE}")
    return SavedRun(file.parent, found)


def _damaged(path: Path, line: int, what: str) -> ConfigError:
    return ConfigError(f"{path}:{line}: {what}; the file is damaged: run it again")


def _parsed(path: Path, name: str, cells: tuple[str, ...]) -> Iterator[Any]:
    """Yield the values of a column. Raises ConfigError, with the line, for what cannot be one."""
    if name not in _WHOLE | _REAL:
        yield from cells
        return
    for line, cell in enumerate(cells, start=2):
        try:
            value = _number(name, cell)
        except ValueError:
            kind = "a whole number" if name in _WHOLE else "a number"
            raise _damaged(path, line, f"{name}: expected {kind}, got '{cell}'") from None
        yield value


def _number(name: str, cell: str) -> float | None:
    """Return the number of a cell, None of a layer outside the encoder."""
    if name == "layer" and not cell:
        return None
    number = int(cell) if name in _WHOLE else float(cell)
    if not math.isfinite(number):
        raise ValueError
    return number
