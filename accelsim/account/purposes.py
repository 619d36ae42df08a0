"""What the energy of a run was spent for, per inference and per day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum

from accelsim.account.energy import EnergyAccount
from accelsim.account.parts import GROUPS, PURPOSES, REFRESH
from accelsim.account.prices import PriceList
from accelsim.engine.ledger import Group
from accelsim.engine.run import Run
from accelsim.machine.components.base import Part
from accelsim.program import ProgramKind
from accelsim.units import TICKS_PER_SECOND, to_ticks

# The name under which all purposes together stand.
ALL = "all"
OF_PROGRAMS = {
    ProgramKind.SWITCH.value: "switch",
    ProgramKind.POWER_UP.value: "wake-up",
    ProgramKind.SCALE.value: "voltage scaling",
}


def purposes(prices: PriceList, account: EnergyAccount) -> dict[str, float]:
    """Return the joules of a run by purpose, those of PURPOSES; they add up to all energy.

    ``switch``, ``wake-up`` and ``voltage scaling`` are the dynamic energy of such programs, DRAM
    commands included; leakage, clock, refreshes and standby meanwhile stand under their own names.
    The accesses are those of inferences: of all arrays, buffers too. ``DRAM standby`` is background
    power, self-refresh included, and the commands that no transfer caused, but for refreshes.
    """
    dynamic = account.dynamic_by(lambda group: _purpose_of(group, prices))
    spent = {**dict.fromkeys(PURPOSES, 0.0), **dynamic}
    for (_, block), joules in account.leakage.items():
        spent["memory leakage" if prices.part(block).is_memory else "logic leakage"] += joules
    spent["clock"] += fsum(account.clock.values())
    spent["DRAM standby"] += fsum(account.standby.values())
    return spent


def _purpose_of(group: Group, prices: PriceList) -> str:
    if prices.part(group.block) is Part.DRAM and group.action == REFRESH:
        return "DRAM refresh"
    if group.background:
        return "DRAM standby"
    return OF_PROGRAMS.get(group.program) or GROUPS[prices.part(group.block)].purpose


_DAY = to_ticks(86_400.0)
# [ours] A run within a thousandth of a day is one: its last request may end after midnight.
_DAY_TOLERANCE = 1000


def day_factor(run: Run) -> float:
    """Return what the energy of a run is multiplied by to be that of a day of its kind.

    Exactly 1 for a run that lasts a day; else the run is repeated, or cut, in proportion.
    """
    if abs(run.makespan - _DAY) * _DAY_TOLERANCE <= _DAY:
        return 1.0
    return _DAY / run.makespan


@dataclass(frozen=True)
class Spending:
    """What was spent for a purpose: joules of a request and of a day, and the share of all."""

    purpose: str
    request: float
    day: float
    share: float


def spendings(run: Run, account: EnergyAccount, by_purpose: Mapping[str, float]) -> list[Spending]:
    """Return the spending of each purpose that took anything, then that of ``all``."""
    requests, factor = len(run.requests), day_factor(run)
    spent = {purpose: joules for purpose, joules in by_purpose.items() if joules}
    return [
        Spending(purpose, joules / requests, joules * factor, joules / account.total)
        for purpose, joules in [*spent.items(), (ALL, account.total)]
    ]


def energy_per_inference(run: Run, account: EnergyAccount) -> float:
    """Return all energy of a run over its requests [J]: those who are served pay for idleness."""
    return account.total / len(run.requests)


def mean_power(run: Run, account: EnergyAccount) -> float:
    """Return the mean power of the whole device over a run [W]."""
    return account.total * TICKS_PER_SECOND / run.makespan
