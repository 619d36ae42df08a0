"""Why a design gains or loses over its baseline, and what would change that: figures for words."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import NamedTuple

from accelsim.account.cautions import saturated
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.comparison import Comparison
from accelsim.evaluation.result import Result
from accelsim.machine.components.off_chip import DRAM
from accelsim.program import ProgramKind


class Change(NamedTuple):
    """A figure of the baseline and of the design."""

    before: float
    after: float

    @property
    def saved(self) -> float:
        """What the design takes less."""
        return self.before - self.after

    @property
    def gain(self) -> float:
        """Baseline over design: above one, the design takes less."""
        return self.before / self.after


@dataclass(frozen=True)
class Reasons:
    """What a comparison comes from.

    ``energy`` is of a round or of a request [J], ``parts`` what it is spent on, that which the
    design saves most first. ``without_largest`` leaves the part out that differs most.
    ``inferences`` is the energy of a round without its switches, None of a stream and where nothing
    switches; ``switch_bytes`` are read from DRAM by a switch, times are means [s].
    """

    comparison: Comparison
    energy: Change
    parts: dict[str, Change]
    inferences: Change | None
    switch_bytes: Change | None
    switch_time: Change
    inference_time: Change

    @property
    def largest(self) -> str:
        """The part that differs most."""
        return max(self.parts, key=lambda part: abs(self.parts[part].saved))

    @property
    def without_largest(self) -> Change:
        """The energy of all other parts [J]."""
        others = [change for part, change in self.parts.items() if part != self.largest]
        return Change(fsum(o.before for o in others), fsum(o.after for o in others))


def energy_parts(case: CaseResult, *, closed_loop: bool) -> dict[str, float]:
    """Return what the energy of a round, or of a request, is spent on [J]."""
    if closed_loop:
        return {part: joules for part, joules in case.figures.parts.items() if joules}
    requests = len(case.run.requests)
    return {purpose: joules / requests for purpose, joules in case.purposes.items() if joules}


def reasons(result: Result, comparison: Comparison) -> Reasons:
    """Return where the gains of a design over its baseline come from."""
    cases = result[comparison.baseline], result[comparison.design]
    before, after = (energy_parts(case, closed_loop=result.closed_loop) for case in cases)
    parts = {
        part: Change(before.get(part, 0.0), after.get(part, 0.0))
        for part in dict.fromkeys((*before, *after))
    }
    figures = [case.figures for case in cases]
    switching = all(one.switches > one.first_loads for one in figures)
    return Reasons(
        comparison=comparison,
        energy=Change(fsum(before.values()), fsum(after.values())),
        parts=dict(sorted(parts.items(), key=lambda part: part[1].saved, reverse=True)),
        inferences=Change(*map(_inferences, cases)) if switching and result.closed_loop else None,
        switch_bytes=Change(*map(_switch_bytes, cases)) if switching else None,
        switch_time=Change(*(one.switch_latency for one in figures)),
        inference_time=Change(*(one.inference_latency for one in figures)),
    )


def overloaded(result: Result, comparison: Comparison) -> bool:
    """Say whether requests come faster than either of two designs can serve them."""
    runs = (result[name].run for name in (comparison.baseline, comparison.design))
    horizon = result.workload.config.requests.horizon()
    return not result.closed_loop and saturated(runs, horizon)


def _inferences(case: CaseResult) -> float:
    figures = case.figures
    switches = (figures.switches - figures.first_loads) / figures.rounds
    return figures.scopes["system"].energy - switches * figures.scopes["switch"].energy


def _switch_bytes(case: CaseResult) -> float:
    read = sum(
        amount
        for key, amount in case.run.ledger.amounts.items()
        if (key.block, key.action, key.program) == (DRAM, "read", ProgramKind.SWITCH)
    )
    return read / case.figures.switches
