"""What a closed run loads once and keeps: a part of no round."""

from __future__ import annotations

from accelsim.accelerators.design import Design
from accelsim.engine.residency import Missing, Residency
from accelsim.engine.run import Run
from accelsim.policies.service import ResidencyPolicy
from accelsim.program import ProgramKind


def first_loads(design: Design, run: Run, residency: ResidencyPolicy) -> float:
    """Return how many switches of a closed run no further round would repeat.

    Rounds after the first say so; after a single one, what lies on the chip does.
    """
    switches = run.total(ProgramKind.SWITCH).count
    rounds = 1 + max(request.round for request in run.requests)
    if rounds > 1:
        later = sum(request.switched for request in run.requests if request.round)
        return max(0.0, switches - later * rounds / (rounds - 1))
    held, missed = Residency(design.hardware, design.placements, residency, design.pinned), 0
    for again in (False, True):
        for request in run.requests:
            lacks = held.absent(request.task) or held.missing(request.task) is not Missing.NOTHING
            missed += again and bool(lacks)
            held.admit(request.task)
    return max(0, switches - missed)
