"""What ``accelsim run`` left in its folder, read again."""

from __future__ import annotations

import csv
import io
import json
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

        Raises ConfigError where the file is missing or no such table.
        """
        if self.known_breakdown is not None:
            return self.known_breakdown
        path = self.folder / BREAKDOWN
        text = read_text(path, "CSV", lambda _: "run it again: older runs did not write it")
        header, *rows = csv.reader(io.StringIO(text))
        wanted = ["design", *BreakdownRow.columns().values()]
        several = [*wanted, MODEL]  # of a chip with several models
        if header not in (wanted, several) or any(len(row) != len(header) for row in rows):
            raise ConfigError(f"{path}: expected the columns {', '.join(wanted)}; run it again")
        columns = zip(*rows, strict=True) if rows else [()] * len(header)
        return {name: _parsed(name, cells) for name, cells in zip(header, columns, strict=True)}


def load_run(path: Path | str) -> SavedRun:
    """Return what a run left in a folder. Raises ConfigError where it is none, or of two runs."""
    folder = Path(path)
    file = folder if folder.name == RESULTS else folder / RESULTS
    check_whole(file.parent)
    text = read_text(file, "JSON", lambda _: _ADVICE)
    try:
        found = json.loads(text)
        known = found["schema_version"] == 2 and isinstance(found["cases"], dict)
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise ConfigError(f"{file}: not the results of a run of this version; {_ADVICE}")
    return SavedRun(file.parent, found)


def _parsed(name: str, cells: Any) -> list[Any]:
    if name in _WHOLE:
        return [int(cell) if cell else None for cell in cells]
    return list(map(float, cells)) if name in _REAL else list(cells)
