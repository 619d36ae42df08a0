"""All comparisons, and their summary by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accelsim.study.validation.check import Check
from accelsim.study.validation.dram import dram_checks
from accelsim.study.validation.memory import array_checks
from accelsim.study.validation.model import headline_checks, model_checks, theory_checks
from accelsim.study.validation.timing import edgebert_checks, onnxim_checks, scalesim_checks


@dataclass(frozen=True)
class GroupSummary:
    """Checks of one group: how many, how many failed, and the one nearest to failing."""

    group: str
    count: int
    failed: int
    worst: Check


def run_validation(folder: Path) -> list[Check]:
    """Run every comparison with the reference data of a folder."""
    return [
        *edgebert_checks(folder),
        *scalesim_checks(folder),
        *onnxim_checks(folder),
        *array_checks(folder),
        *dram_checks(folder),
        *model_checks(folder),
        *theory_checks(),
        *headline_checks(),
    ]


def summarise(checks: Sequence[Check]) -> list[GroupSummary]:
    """Return one summary for each group with a verdict, in order."""
    groups: dict[str, list[Check]] = {}
    for check in checks:
        if check.allowed is not None:
            groups.setdefault(check.group, []).append(check)
    return [
        GroupSummary(
            group,
            len(members),
            sum(check.passed is False for check in members),
            max(members, key=_strain),
        )
        for group, members in groups.items()
    ]


def _strain(check: Check) -> float:
    """How near a check is to its limit: above one, it fails."""
    size = abs(check.deviation)
    return size / check.allowed if check.allowed else size * 1e9
