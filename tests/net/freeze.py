"""Freezes a case: all that it computes, as sorted {path: text}."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cases import Case
from store import NEARLY

ROOT = Path(__file__).parents[2]

# Matrix products of the study of faults end in other last digits on other processors; what is
# left of two that are nearly equal differs more, and is compared within a tolerance.
_FAULT_DIGITS = 6
_OF_PRODUCTS = re.compile(r"/(layers|logits|harm_of|rate_at_level)")
# Echoes of the input, provenance, what counts how the simulation was carried out, and the words
# and pictures of a report.
_LEFT_OUT = {
    "adaptation",
    "command",
    "digest",
    "elapsed_s",
    "events",
    "file",
    "machine_configuration",
    "machine_digest",
    "path",
    "report",
    "schema_version",
    "segments_replayed",
    "segments_simulated",
    "sources",
    "tool",
    "version",
    "workload",
}
# What identifies an item of a list, so that the order of the list is of no consequence.
_LABELS = (
    ("block", "action", "point", "program", "task", "operator"),
    ("group", "quantity"),
    ("kind", "task"),
    ("scope", "metric"),
    ("name",),
    ("design", "baseline"),
)


def freeze(case: Case) -> dict[str, str]:
    """Return the record of a case, flat and sorted."""
    document = _run(case) if case.workload else _command(case)
    digits = _FAULT_DIGITS if case.command[:1] == ("faults",) else None
    return dict(sorted(_flat(document, "", digits)))


def _run(case: Case) -> dict[str, Any]:
    """Return results.json of a run, with ticks and totals that it has only in parts.

    This function alone calls the package.
    """
    import accelsim
    from accelsim.report.results import results_document

    result = accelsim.examine(accelsim.Point(ROOT / case.workload, case.assignments))
    document = results_document(result, [])
    for name, found in document["cases"].items():
        found["makespan_ticks"] = result[name].run.makespan
        totals: Counter[str] = Counter()
        for row in found["ledger"]:
            totals[f"{row['block']}.{row['action']}"] += row["amount"]
        found["totals"] = dict(totals)
    return {key: document[key] for key in ("comparisons", "requests", "cases")}


def _command(case: Case) -> dict[str, Any]:
    """Return the JSON that a command line prints; a process of its own, as a user has it."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [part.replace("OUT", folder) for part in case.command]
        done = subprocess.run(
            [sys.executable, "-m", "accelsim", *arguments, "--json"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=False,
        )
    assert done.returncode == 0, f"{case.name}: {done.stderr.decode()}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _flat(value: Any, path: str, digits: int | None) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            if key not in _LEFT_OUT:
                yield from _flat(inner, f"{path}/{key}" if path else str(key), digits)
    elif isinstance(value, (list, tuple)) and value:
        seen: Counter[str] = Counter()
        for index, inner in enumerate(value):
            label = _label(inner, index)
            seen[label] += 1
            again = f"~{seen[label]}" if seen[label] > 1 else ""
            yield from _flat(inner, f"{path}/{label}{again}", digits)
    elif digits is not None and isinstance(value, float):
        yield path, f"{NEARLY if _OF_PRODUCTS.search(path) else ''}{value:.{digits}g}"
    else:
        # The shortest text that reads back as the same float.
        yield path, repr(value)


def _label(item: Any, index: int) -> str:
    if isinstance(item, dict):
        for keys in _LABELS:
            if all(isinstance(item.get(key), str) for key in keys):
                return ".".join(item[key] for key in keys)
    return str(index)
