"""Figures of a run: scopes, parts of the energy, times of programs and of the chip's states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import fsum

from accelsim.accelerators.design import Design
from accelsim.account.energy import EnergyAccount, clock_joules, price
from accelsim.account.parts import GROUPS, REFRESH, ROUND_PARTS
from accelsim.account.prices import PriceList, design_prices
from accelsim.account.scopes import SCOPES, ScopeFigures, scopes_of
from accelsim.engine.ledger import Group
from accelsim.engine.residency import Missing, Residency
from accelsim.engine.run import ProgramTotal, Run
from accelsim.machine.chip_state import ChipState, PowerState
from accelsim.machine.components.base import Part
from accelsim.policies.idle import IDLE_STATES
from accelsim.policies.service import ResidencyPolicy
from accelsim.program import ProgramKind
from accelsim.units import Tick, to_seconds


class Scopes(dict[str, ScopeFigures]):
    """Figures by scope; asked for one that a run does not have it says None: no switch, no cost."""

    def __missing__(self, scope: str) -> None:
        """Return None for a scope. Raises KeyError for what is none."""
        if scope not in SCOPES:
            raise KeyError(scope)


@dataclass(frozen=True)
class DesignFigures:
    """All figures of one case.

    ``first_loads`` are the switches that no later round repeats, which are part of no round.
    ``parts`` splits the energy of a round [J]; the latencies are means [s], zero when there was
    no switch.
    """

    scopes: Scopes
    parts: dict[str, float]
    account: EnergyAccount
    prices: PriceList
    rounds: int
    first_loads: float
    switches: int
    inferences: int
    switch_latency: float
    inference_latency: float


def measure(
    design: Design, run: Run, rounds: int, residency: ResidencyPolicy | None = None
) -> DesignFigures:
    """Return the figures of a run of some rounds; ``residency`` is that of a closed one."""
    prices = design_prices(design)
    account = price(run.ledger, prices)
    switches, inferences = run.total(ProgramKind.SWITCH), run.total(ProgramKind.INFER)
    first = first_loads(design, run, residency) if residency else 0
    parts = _parts(prices, account)
    if first:
        once = _switch_parts(prices, account, switches)
        parts = {part: all - first / switches.count * once[part] for part, all in parts.items()}
    return DesignFigures(
        scopes=Scopes(scopes_of(design, run, account, prices, rounds, first)),
        parts={part: joules / rounds for part, joules in parts.items()},
        account=account,
        prices=prices,
        rounds=rounds,
        first_loads=first,
        switches=switches.count,
        inferences=inferences.count,
        switch_latency=_mean_seconds(switches),
        inference_latency=_mean_seconds(inferences),
    )


def _mean_seconds(total: ProgramTotal) -> float:
    return to_seconds(total.ticks) / max(1, total.count)


def _parts(prices: PriceList, account: EnergyAccount) -> dict[str, float]:
    """Split all energy of a run by what it was spent on; the parts add up to the total."""
    parts = dict.fromkeys(ROUND_PARTS, 0.0)
    for part, joules in account.dynamic_by(partial(_part_of, prices)).items():
        parts[part] += joules
    for (_, block), joules in account.leakage.items():
        parts[_leakage_part(prices, block)] += joules
    parts["clock"] += fsum(account.clock.values())
    parts["DRAM standby"] += fsum(account.standby.values())
    return parts


def _switch_parts(
    prices: PriceList, account: EnergyAccount, switches: ProgramTotal
) -> dict[str, float]:
    """Split what the switches of a run took, in the same way."""
    parts, seconds = dict.fromkeys(ROUND_PARTS, 0.0), to_seconds(switches.ticks)
    spent = account.dynamic_by(lambda group: (group.program, _part_of(prices, group)))
    for (program, part), joules in spent.items():
        parts[part] += joules if program == ProgramKind.SWITCH else 0.0
    for block, watts in prices.watts.items():
        parts[_leakage_part(prices, block)] += watts * seconds
    parts["clock"] += clock_joules(prices, switches.ticks, switches.busy)
    for state, ticks in switches.dram_residency.items():
        parts["DRAM standby"] += prices.dram_states[state] * to_seconds(ticks)
    return parts


def _part_of(prices: PriceList, group: Group) -> str:
    part = prices.part(group.block)
    refresh = part is Part.DRAM and group.action == REFRESH
    return "DRAM refresh" if refresh else GROUPS[part].round


def _leakage_part(prices: PriceList, block: str) -> str:
    own = prices.part(block) is Part.PARAMETERS
    return "leakage of parameter memories" if own else "leakage of the rest"


@dataclass(frozen=True)
class RoundCost:
    """Energy of something in a round [J], its share of all, and its time [s] where it has one."""

    what: str
    energy: float
    share: float
    time: float | None = None


def round_costs(figures: DesignFigures) -> tuple[list[RoundCost], list[RoundCost]]:
    """Return the cost of each part of a round that took any energy; then of switches, and of all.

    The switches, left out where there are none, are a part of the others.
    """
    total = fsum(figures.parts.values())
    parts = [RoundCost(part, n, n / total) for part, n in figures.parts.items() if n]
    sums = [RoundCost("all", total, 1.0, figures.scopes["system"].latency)]
    switch = figures.scopes.get("switch")
    if switch and figures.switches > figures.first_loads:
        switches = (figures.switches - figures.first_loads) / figures.rounds
        noun = "task switch" if switches == 1 else "task switches"
        joules, seconds = switches * switch.energy, switches * switch.latency
        what = f"of which {switches:.3g} {noun}"
        sums.insert(0, RoundCost(what, joules, joules / total, seconds))
    return parts, sums


def active_ticks(run: Run) -> Tick:
    """Return for how long programs ran, at any operating point."""
    states = run.ledger.chip_states.items()
    return sum(ticks for state, ticks in states if state.power is PowerState.ACTIVE)


@dataclass(frozen=True)
class ChipTime:
    """Shares of a run: ``active`` by operating point, ``asleep`` by state; how often it woke up."""

    active: Mapping[str, float]
    asleep: Mapping[PowerState, float]
    wake_ups: int

    @property
    def awake(self) -> float:
        """The share in which programs ran."""
        return fsum(self.active.values())


def chip_time(run: Run) -> ChipTime:
    """Return the shares of the states that the chip was in."""
    ticks = {state: n for state, n in run.ledger.chip_states.items() if n}
    total = sum(ticks.values())
    running = sorted((state for state in ticks if state.power is PowerState.ACTIVE), key=str)
    active = {state.point: ticks[state] / total for state in running}
    asleep = {
        state: ticks[ChipState(state)] / total for state in IDLE_STATES if ChipState(state) in ticks
    }
    return ChipTime(active, asleep, run.total(ProgramKind.POWER_UP).count)


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
