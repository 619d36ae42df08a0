"""What published models and adapters have that nothing here has: a table, read for a message."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

_TABLE = Path(__file__).parent / "unknown.csv"


def why_unknown(of: str, names: Iterable[str]) -> str:
    """Return how what a library calls so differs, in brackets; nothing where that is not known."""
    known, lines = list(names), _TABLE.read_text(encoding="utf-8").splitlines()
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        if row["of"] == of and any(fnmatchcase(name, row["name"]) for name in known):
            return f" ({row['why']})"
    return ""
