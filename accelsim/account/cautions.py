"""What a reader of a run must know: too many requests, spills, parameters that do not stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accelsim.accelerators.design import Design
from accelsim.account.energy import EnergyAccount
from accelsim.account.service import ALL, service_statistics
from accelsim.engine.run import Run
from accelsim.machine.components.off_chip import DRAM
from accelsim.placement.placement import shared_bits
from accelsim.program import ProgramKind
from accelsim.units import Tick, ceil_div, to_seconds


@dataclass(frozen=True)
class Saturation:
    """Requests that come faster than the chip can serve them: both rates [Hz], the longest wait."""

    offered: float
    served: float
    longest_wait: float


def saturated(runs: Iterable[Run], horizon: Tick | None) -> bool:
    """Say whether a stream overloads any of some chips: then no latency says anything of them."""
    return any(saturation(run, horizon) for run in runs)


def saturation(run: Run, horizon: Tick | None) -> Saturation | None:
    """Return how far an open stream overloads the chip; None where it does not.

    ``horizon`` is how long requests were drawn for, None where the last arrival ends the stream.
    The chip serves at most one request in the mean time from start to end, switches included.
    """
    found, span = service_statistics(run)[ALL], horizon or max(one.arrival for one in run.requests)
    if found.requests < 2 or not span:
        return None
    offered = found.requests / to_seconds(span)
    served = 1 / found.service.mean
    return Saturation(offered, served, found.waiting.maximum) if offered > served else None


@dataclass(frozen=True)
class Spill:
    """Activations that pass through DRAM: their names, and what inferences move and spend there.

    ``bytes`` and ``joules`` are of the run; they hold parameters too, where inferences read any
    from DRAM. ``share`` is that of all energy.
    """

    names: tuple[str, ...]
    bytes: int
    joules: float
    share: float


def spill(design: Design, run: Run, account: EnergyAccount) -> Spill | None:
    """Return what does not fit the memory of activations; None where everything does."""
    names = dict.fromkeys(name for made in design.inferences.values() for name in made.spilled)
    if not names:
        return None
    moved = sum(
        amount
        for key, amount in run.ledger.amounts.items()
        if (key.block, key.program) == (DRAM, ProgramKind.INFER) and key.action in ("read", "write")
    )
    joules = account.dynamic_sum(
        lambda one: (one.block, one.program, one.background) == (DRAM, ProgramKind.INFER, False)
    )
    return Spill(tuple(names), moved, joules, joules / account.total)


@dataclass(frozen=True)
class Reloading:
    """Requests that had to load their task's parameters, after all tasks were loaded once.

    ``needed`` are the bytes of all tasks beside what is shared in the memories that are too small
    for them, and ``capacity`` what those have; both by name, empty where all would fit and sleep
    or the residency policy made them leave.
    """

    requests: int
    switches: int
    needed: dict[str, int]
    capacity: dict[str, int]


def reloading(design: Design, run: Run) -> Reloading | None:
    """Return what reloads parameters; None where each task is loaded once at most."""
    switches = sum(one.switched for one in run.requests)
    if switches <= len({one.task for one in run.requests}):
        return None
    placements = design.placements.values()
    bits = shared_bits(placements)
    for placement in placements:
        bits.update(placement.bits(task_specific=True))
    rooms = {n: r.capacity for n, r in design.hardware.regions.items() if r.kind == "parameters"}
    needed = {name: ceil_div(bits[name], 8) for name in rooms}
    short = {name: size for name, size in needed.items() if size > rooms[name]}
    rooms = {name: rooms[name] for name in short}
    return Reloading(len(run.requests), switches, short, rooms)
