"""Energy of a run: counts times prices, and leakage times residency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from accelsim.account.prices import FREE_ACTIONS, PriceList
from accelsim.engine.ledger import Key, Ledger
from accelsim.errors import ConservationError
from accelsim.units import to_seconds

DRAM = "dram"


@dataclass(frozen=True)
class EnergyAccount:
    """Joules of a run.

    ``dynamic`` by ledger key, ``leakage`` by block, ``standby`` by state of the DRAM.
    """

    dynamic: dict[Key, float]
    leakage: dict[str, float]
    standby: dict[str, float]

    @property
    def total(self) -> float:
        """All energy of the run [J]."""
        return self.dynamic_sum() + sum(self.leakage.values()) + sum(self.standby.values())

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
    """Return the energy of a ledger. Raises ConservationError for an action without a price."""
    dynamic = {}
    for key, amount in ledger.amounts.items():
        action = (key.block, key.action)
        if action in FREE_ACTIONS:
            continue
        if action not in prices.joules:
            raise ConservationError(f"{key.block}.{key.action} was counted but has no price")
        dynamic[key] = amount * prices.joules[action]
    on = to_seconds(ledger.residency["chip", "on"])
    leakage = {block: watts * on for block, watts in prices.watts.items()}
    standby = {
        state: to_seconds(ledger.residency[DRAM, state]) * watts
        for state, watts in prices.dram_states.items()
    }
    return EnergyAccount(dynamic, leakage, standby)
