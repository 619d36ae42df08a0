"""The frozen records on disk: a digest of each section of a case, beside its main figures and
those that are compared within a tolerance.

Full records, to see which value of a section moved, are written by make_net.py.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

FROZEN = Path(__file__).parent / "frozen.json"

Record = dict[str, str]

_FIGURES = ("/makespan_ticks", "/energy/total_J")
_DIGITS = 12
# Begins a figure that other processors find nearly so. [ours] Ten times the farthest apart that the
# kernels for AVX-512, AVX2 and SSE3 of one library are (2.6e-5).
NEARLY = "~"
_TOLERANCE = 3e-4


def condensed(record: Record) -> Record:
    """Return a digest of each section of a record, makespan and energy of each design, and what is
    nearly so.
    """
    sections: dict[str, list[tuple[str, str]]] = {}
    near = {path: value for path, value in record.items() if value.startswith(NEARLY)}
    for path, value in sorted(record.items() - near.items()):
        sections.setdefault(_section(path), []).append((path, value))
    digests = {section: _digest(lines) for section, lines in sections.items()}
    figures = {path: value for path, value in record.items() if path.endswith(_FIGURES)}
    return digests | figures | near


def load() -> dict[str, Record]:
    """Return the condensed records by case."""
    records: dict[str, Record] = json.loads(FROZEN.read_text()) if FROZEN.exists() else {}
    return records


def save(records: dict[str, Record]) -> None:
    """Write condensed records."""
    FROZEN.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n")


def differences(old: Record, new: Record) -> list[str]:
    """Return a line for each section or figure that changed, came or went."""
    return [
        f"{path}: {old.get(path, '(absent)')} -> {new.get(path, '(absent)')}"
        for path in sorted({*old, *new})
        if not _equal(old.get(path, ""), new.get(path, ""))
    ]


def _equal(one: str, other: str) -> bool:
    if not one.startswith(NEARLY) or not other.startswith(NEARLY):
        return one == other
    return math.isclose(float(one[1:]), float(other[1:]), rel_tol=_TOLERANCE)


def _section(path: str) -> str:
    """Return ``cases/DESIGN/SECTION`` of a run's path, the first part of any other."""
    parts = path.split("/")
    return "/".join(parts[: 3 if parts[0] == "cases" else 1])


def _digest(content: list[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:_DIGITS]
