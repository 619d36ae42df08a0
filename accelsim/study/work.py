"""What a run is asked to do, whatever the design: runs that differ in it cannot be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Of a workload's configuration: what the work is. All else is a choice of the design.
_WORK = ("model", "models", "sequence_length", "tasks", "requests")
# Of a task: how it is kept and adapted is a choice, too.
_CHOSEN = ("adaptation", "pinned")


def work_of(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the work of a workload's configuration, as ``model_dump(mode="json")`` has it."""
    work = {name: configuration[name] for name in _WORK if name in configuration}
    tasks = work["tasks"].items()
    own = {n: {k: v for k, v in (t or {}).items() if k not in _CHOSEN} for n, t in tasks}
    return work | {"tasks": own}


def different_work(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return in words where the work of two configurations differs; nothing if it does not."""
    before, after = work_of(one), work_of(other)
    return list(_differing("", before, after))


def _differing(path: str, before: Any, after: Any) -> list[str]:
    if before == after:
        return []
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return [f"{path}: {json.dumps(before)} and {json.dumps(after)}"]
    found: list[str] = []
    for key in dict.fromkeys((*before, *after)):
        found += _differing(f"{path}.{key}" if path else key, before.get(key), after.get(key))
    return found
