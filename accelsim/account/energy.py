"""Energy of a run: counts times prices, and leakage times residency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from accelsim.account.prices import PriceList
from accelsim.engine.ledger import Group, Key, Ledger
from accelsim.machine.chip_state import ChipState
from accelsim.units import to_seconds

DRAM = "dram"


@dataclass(frozen=True)
class EnergyAccount:
    """Joules of a run.

    ``dynamic`` by ledger key, ``leakage`` by (state of the chip, block), ``clock`` by state of the
    chip, ``standby`` by state of the DRAM. ``groups`` are those of the ledger, ``members`` the
    number of the group of each key of ``dynamic``.
    """

    dynamic: dict[Key, float]
    leakage: dict[tuple[ChipState, str], float]
    clock: dict[ChipState, float]
    standby: dict[str, float]
    groups: Sequence[Group]
    members: Sequence[int]

    @cached_property
    def total(self) -> float:
        """All energy of the run [J]."""
        parts = (self.leakage, self.clock, self.standby)
        return sum(self.dynamic.values()) + sum(sum(part.values()) for part in parts)

    @property
    def leakage_by_state(self) -> dict[str, dict[str, float]]:
        """The leakage of each block [J] by the name of the chip's state."""
        found: dict[str, dict[str, float]] = {}
        for (state, block), joules in self.leakage.items():
            found.setdefault(str(state), {})[block] = joules
        return found

    def leakage_of(self, block: str) -> float:
        """Return the leakage of a block over the run [J]."""
        return sum(joules for (_, name), joules in self.leakage.items() if name == block)

    def dynamic_sum(self, keep: Callable[[Group], bool]) -> float:
        """Return the dynamic energy of the groups that are kept [J]."""
        kept = [keep(group) for group in self.groups]
        energies = zip(self.members, self.dynamic.values(), strict=True)
        return sum(joules for group, joules in energies if kept[group])

    def dynamic_by(self, name: Callable[[Group], str]) -> dict[str, float]:
        """Return dynamic energy summed by the name of a group [J]."""
        names = [name(group) for group in self.groups]
        total: dict[str, float] = defaultdict(float)
        for group, joules in zip(self.members, self.dynamic.values(), strict=True):
            total[names[group]] += joules
        return dict(total)


def price(ledger: Ledger, prices: PriceList) -> EnergyAccount:
    """Return the energy of a ledger, of which every action has a price."""
    units = [
        None
        if (group.block, group.action) in prices.paid_elsewhere
        else (prices.joules[group[:2]], prices.supplies.dynamic(group.point, group.block))
        for group in ledger.groups[0]
    ]
    dynamic: dict[Key, float] = {}
    members: list[int] = []
    for (key, amount), group in zip(ledger.amounts.items(), ledger.groups[1], strict=True):
        if (unit := units[group]) is not None:
            dynamic[key] = amount * unit[0] * unit[1]
            members.append(group)
    seconds = {state: to_seconds(ticks) for state, ticks in ledger.chip_states.items()}
    leakage = {
        (state, block): watts * prices.supplies.leakage(state, block) * time
        for state, time in seconds.items()
        for block, watts in prices.watts.items()
    }
    clock = {state: prices.supplies.clock(state) * time for state, time in seconds.items()}
    standby = {
        state: to_seconds(ledger.dram_states[state]) * watts
        for state, watts in prices.dram_states.items()
    }
    return EnergyAccount(dynamic, leakage, clock, standby, ledger.groups[0], members)


def chip_watts(prices: PriceList, state: ChipState) -> float:
    """Return leakage and clock of the chip in one of its states [W]."""
    supplies = prices.supplies
    leakage = sum(watts * supplies.leakage(state, block) for block, watts in prices.watts.items())
    return leakage + supplies.clock(state)
