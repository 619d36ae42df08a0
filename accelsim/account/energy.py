"""Energy of a run: counts times prices, and leakage times residency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, compress
from math import fsum
from operator import mul
from typing import TypeVar

from accelsim.account.prices import PriceList
from accelsim.engine.ledger import Group, Key, Ledger
from accelsim.machine.chip_state import CLOCKED, NOMINAL, ChipState
from accelsim.units import TICKS_PER_SECOND, Tick, to_seconds

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class EnergyAccount:
    """Joules of a run.

    ``spent`` by key of the ``ledger``, in its order; ``leakage`` and ``clock`` by (state of the
    chip, block), ``standby`` by state of the DRAM.
    """

    ledger: Ledger
    spent: list[float]
    leakage: dict[tuple[ChipState, str], float]
    clock: dict[tuple[ChipState, str], float]
    standby: dict[str, float]

    @cached_property
    def dynamic(self) -> dict[Key, float]:
        """The dynamic energy by ledger key; what is paid elsewhere takes none."""
        return dict(zip(self.ledger.amounts, self.spent, strict=True))

    @cached_property
    def total(self) -> float:
        """All energy of the run [J]."""
        parts = (self.leakage, self.clock, self.standby)
        return fsum(self.spent) + fsum(fsum(part.values()) for part in parts)

    @property
    def leakage_by_state(self) -> dict[str, dict[str, float]]:
        """The leakage of each block [J] by the name of the chip's state."""
        return _by_state(self.leakage)

    @property
    def clock_by_state(self) -> dict[str, dict[str, float]]:
        """The energy of each block's clock [J] by the name of the chip's state."""
        return _by_state(self.clock)

    def leakage_of(self, block: str) -> float:
        """Return the leakage of a block over the run [J]."""
        return fsum(joules for (_, name), joules in self.leakage.items() if name == block)

    def dynamic_sum(self, keep: Callable[[Group], bool]) -> float:
        """Return the dynamic energy of the groups that are kept [J]."""
        kept = compress(self.ledger.positions, map(keep, self.ledger.groups[0]))
        return fsum(map(self.spent.__getitem__, chain.from_iterable(kept)))

    def dynamic_by(self, name: Callable[[Group], Name]) -> dict[Name, float]:
        """Return dynamic energy summed by the name of a group [J]."""
        groups, members = self.ledger.groups
        numbers: dict[Name, int] = {}
        of_group = [numbers.setdefault(name(group), len(numbers)) for group in groups]
        total = [0.0] * len(numbers)
        for number, joules in zip(map(of_group.__getitem__, members), self.spent, strict=True):
            total[number] += joules
        return dict(zip(numbers, total, strict=True))


def price(ledger: Ledger, prices: PriceList) -> EnergyAccount:
    """Return the energy of a ledger, of which every action has a price."""
    groups, members = ledger.groups
    units = [prices.unit(group.block, group.action, group.point) for group in groups]
    spent = list(map(mul, ledger.counts, map(units.__getitem__, members)))
    seconds = {state: to_seconds(ticks) for state, ticks in ledger.chip_states.items()}
    leakage = {
        (state, block): watts * prices.supplies.leakage(state, block) * time
        for state, time in seconds.items()
        for block, watts in prices.watts.items()
    }
    clock: defaultdict[tuple[ChipState, str], float] = defaultdict(float)
    for (block, _, state), ticks in ledger.clocks.items():
        if block in prices.cycles:
            clock[state, block] += cycle_joules(prices, block, ticks, state.point)
    dram = ledger.dram_states
    standby = {state: to_seconds(dram[state]) * w for state, w in prices.dram_states.items()}
    return EnergyAccount(ledger, spent, leakage, dict(clock), standby)


def _by_state(joules: Mapping[tuple[ChipState, str], float]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for (state, block), spent in joules.items():
        found.setdefault(str(state), {})[block] = spent
    return found


def cycle_joules(prices: PriceList, block: str, ticks: Tick, point: str = NOMINAL) -> float:
    """Return what the clock of a block costs in some ticks of an operating point [J]."""
    supplies = prices.supplies
    cycles = ticks / supplies.periods[point]
    return prices.cycles[block] * supplies.dynamic(point, block) * cycles


def clock_joules(
    prices: PriceList, ticks: Tick, busy: Mapping[str, Tick], point: str = NOMINAL
) -> float:
    """Return what all clocks cost while the chip is clocked for some ticks [J].

    ``busy`` are the booked ticks by port, which count where clocks stop between them.
    """
    return fsum(
        cycle_joules(prices, block, busy.get(port, 0) if prices.stops(block) else ticks, point)
        for block, port in prices.clocks.items()
    )


def chip_watts(prices: PriceList, state: ChipState) -> float:
    """Return leakage and clocks of the chip in a state [W]; those that stop count where booked."""
    supplies = prices.supplies
    leakage = fsum(watts * supplies.leakage(state, block) for block, watts in prices.watts.items())
    if state.power not in CLOCKED:
        return leakage
    return leakage + clock_joules(prices, TICKS_PER_SECOND, {}, state.point)
