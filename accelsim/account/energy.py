"""Energy of a run: counts times prices, and leakage times residency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from accelsim.account.prices import PriceList
from accelsim.engine.ledger import Key, Ledger
from accelsim.machine.chip_state import ChipState
from accelsim.units import to_seconds

DRAM = "dram"


@dataclass(frozen=True)
class EnergyAccount:
    """Joules of a run.

    ``dynamic`` by ledger key, ``leakage`` by (state of the chip, block), ``clock`` by state of the
    chip, ``standby`` by state of the DRAM.
    """

    dynamic: dict[Key, float]
    leakage: dict[tuple[ChipState, str], float]
    clock: dict[ChipState, float]
    standby: dict[str, float]

    @property
    def total(self) -> float:
        """All energy of the run [J]."""
        parts = (self.leakage, self.clock, self.standby)
        return self.dynamic_sum() + sum(sum(part.values()) for part in parts)

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

    def dynamic_sum(self, keep: Callable[[Key], bool] = lambda key: True) -> float:
        """Return the dynamic energy of the keys that are kept [J]."""
        return sum(joules for key, joules in self.dynamic.items() if keep(key))

    def dynamic_by(self, group: Callable[[Key], str]) -> dict[str, float]:
        """Return dynamic energy summed by a group of the key [J]."""
        total: dict[str, float] = defaultdict(float)
        for key, joules in self.dynamic.items():
            total[group(key)] += joules
        return dict(total)


def price(ledger: Ledger, prices: PriceList) -> EnergyAccount:
    """Return the energy of a ledger, of which every action has a price."""
    dynamic = {}
    for key, amount in ledger.amounts.items():
        action = (key.block, key.action)
        if action not in prices.paid_elsewhere:
            factor = prices.supplies.dynamic(key.point, key.block)
            dynamic[key] = amount * prices.joules[action] * factor
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
    return EnergyAccount(dynamic, leakage, clock, standby)


def chip_watts(prices: PriceList, state: ChipState) -> float:
    """Return leakage and clock of the chip in one of its states [W]."""
    supplies = prices.supplies
    leakage = sum(watts * supplies.leakage(state, block) for block, watts in prices.watts.items())
    return leakage + supplies.clock(state)
