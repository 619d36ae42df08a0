"""All comparisons, and their summary by group."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from accelsim.study.validation.check import Check
from accelsim.study.validation.dram import cold_home_checks, dram_checks
from accelsim.study.validation.memory import array_checks
from accelsim.study.validation.model import headline_checks, model_checks, theory_checks
from accelsim.study.validation.silicon import (
    Gap,
    Measurement,
    Witness,
    built_gaps,
    logic_checks,
    measured_checks,
    measurements,
    witnesses,
)
from accelsim.study.validation.timing import (
    convolution_checks,
    edgebert_checks,
    llmcompass_checks,
    onnxim_checks,
    scalesim_checks,
)


@dataclass(frozen=True)
class GroupSummary:
    """Checks of one group: how many, how many failed, and the one nearest to failing."""

    group: str
    count: int
    failed: int
    worst: Check

    @property
    def nearest(self) -> str:
        """What is nearest to failing."""
        if self.worst.deviation:
            return self.worst.quantity
        return "all equal" if self.worst.reference else "all 0, as expected"


@dataclass(frozen=True)
class Outcome:
    """All comparisons, as they were made; arrays, accelerators and chips beside built ones."""

    checks: tuple[Check, ...]
    gaps: tuple[Gap, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    measured: tuple[Measurement, ...] = ()

    @property
    def groups(self) -> list[GroupSummary]:
        """The summary of each group with a verdict, in order."""
        judged = Outcome(tuple(check for check in self.checks if check.allowed is not None))
        return [
            GroupSummary(group, len(own), Outcome(tuple(own)).failed, max(own, key=_strain))
            for group, own in judged.by_group.items()
        ]

    @property
    def by_group(self) -> dict[str, list[Check]]:
        """All comparisons by group."""
        found: dict[str, list[Check]] = {}
        for check in self.checks:
            found.setdefault(check.group, []).append(check)
        return found

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(check.passed is False for check in self.checks)

    @property
    def reported(self) -> int:
        """How many figures have no verdict."""
        return sum(check.allowed is None for check in self.checks)

    @property
    def compared(self) -> int:
        """How many have a verdict."""
        return len(self.checks) - self.reported


def run_validation(folder: Path) -> Outcome:
    """Run every comparison with the reference data of a folder."""
    built, measured = tuple(witnesses(folder)), tuple(measurements(folder))
    checks = [
        *edgebert_checks(folder),
        *scalesim_checks(folder),
        *convolution_checks(folder),
        *onnxim_checks(folder),
        *llmcompass_checks(folder),
        *array_checks(folder),
        *dram_checks(folder),
        *cold_home_checks(folder),
        *logic_checks(built),
        *measured_checks(measured),
        *model_checks(folder),
        *theory_checks(),
        *headline_checks(),
    ]
    return Outcome(tuple(checks), tuple(built_gaps(folder)), built, measured)


def _strain(check: Check) -> float:
    """How near a check is to its limit: above one, it fails."""
    size = abs(check.deviation)
    return size / check.allowed if check.allowed else size * 1e9
