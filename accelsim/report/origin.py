"""Where a report comes from, for its JSON: the tool, the command, the workload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from accelsim.evaluation.fitting import told
from accelsim.report.text import shortened
from accelsim.version import __version__
from accelsim.workload.schema import Workload


def head(version: int, command: Sequence[str]) -> dict[str, Any]:
    """Return the head of a document whose layout has a version."""
    tool = {"name": "accelsim", "version": __version__}
    return {"schema_version": version, "tool": tool, "command": list(command)}


def origin(version: int, command: Sequence[str], workload: Workload) -> dict[str, Any]:
    """Return the head of a document that is of a workload."""
    return {
        **head(version, command),
        "workload": {
            "name": workload.config.name,
            "digest": workload.digest,
            "overrides": list(workload.overrides),
        },
    }


def changes(workload: Workload) -> Iterator[str]:
    """Yield what the command changed of the workload's files, and sizes that were worked out."""
    if workload.overrides:
        made = [shortened(text, 200) for text in workload.overrides]
        cut = "" if made == list(workload.overrides) else " ([...]: shortened, whole in --json)"
        yield f"changed: {'; '.join(made)}{cut}"
    for name, case in workload.cases.items():
        if case.fits:
            sizes = told(case.hardware, case.fits).items()
            yield f"sized to fit, {name}: " + ", ".join(f"{path} {text}" for path, text in sizes)
