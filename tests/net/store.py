"""The frozen records on disk: one compressed file of all figures, one text file to review.

The rows of a ledger, which are most of a record, are kept as one digest a design.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from pathlib import Path

FOLDER = Path(__file__).parent
FIGURES = FOLDER / "frozen.json.xz"
HEADLINES = FOLDER / "headlines.json"

Record = dict[str, str]


def condensed(record: Record) -> Record:
    """Return a record with the rows of each ledger as a digest."""
    kept: Record = {}
    rows: dict[str, list[tuple[str, str]]] = {}
    for path, value in record.items():
        ledger, separator, row = path.partition("/ledger/")
        if separator:
            rows.setdefault(ledger, []).append((row, value))
        else:
            kept[path] = value
    for ledger, lines in rows.items():
        kept[f"{ledger}/ledger_rows_digest"] = _digest(sorted(lines))
    return dict(sorted(kept.items()))


def headlines(records: dict[str, Record]) -> dict[str, Record]:
    """Return of every case a digest of all, and the makespan and energy of each design."""
    endings = ("/makespan_ticks", "/energy/total_J")
    return {
        name: {
            "digest": _digest(sorted(record.items())),
            **{
                path.removeprefix("cases/"): value
                for path, value in record.items()
                if path.startswith("cases/") and path.endswith(endings)
            },
        }
        for name, record in sorted(records.items())
    }


def load() -> dict[str, Record]:
    """Return the frozen records by case."""
    if not FIGURES.exists():
        return {}
    records: dict[str, Record] = json.loads(lzma.decompress(FIGURES.read_bytes()))
    return records


def save(records: dict[str, Record]) -> None:
    """Write the frozen records and their headlines."""
    text = json.dumps(dict(sorted(records.items())))
    FIGURES.write_bytes(lzma.compress(text.encode(), preset=9))
    HEADLINES.write_text(json.dumps(headlines(records), indent=1) + "\n")


def differences(old: Record, new: Record) -> list[str]:
    """Return a line for each path whose value changed, came or went."""
    return [
        f"{path}: {old.get(path, '(absent)')} -> {new.get(path, '(absent)')}"
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    ]


def _digest(content: list[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
