"""All that a run spent, told apart by task, layer, operator, block and action: a tidy table.

Counts and dynamic energy are those of the ledger. What is spent by the tick (leakage, clocks, the
DRAM's standby) is known by state of the chip and by program, and shared out in two steps. A layer
of a program bears what falls into its time. Its operators share that time by the busy ticks of the
port that each keeps busiest: where operators overlap this is a convention, and one may bear what
another hides behind it. Sums over all rows are those of the run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from math import fsum
from typing import Any, NamedTuple

from accelsim.accelerators.design import Design
from accelsim.account.energy import EnergyAccount
from accelsim.account.prices import PriceList
from accelsim.engine.ledger import BACKGROUND
from accelsim.engine.run import Run
from accelsim.engine.work import Behalf, Work
from accelsim.machine.chip_state import ChipState, PowerState
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.servers import Machine
from accelsim.units import TICKS_PER_SECOND, Tick, to_seconds

BREAKDOWN = "breakdown.csv"
_SECOND = float(TICKS_PER_SECOND)
# In the place of a block: all of them; in that of a task or an operator: none.
CHIP, NOBODY = "chip", "-"
# The column that files have beside those of a row where there are several models.
MODEL = "model"
# In the place of an action: time that passes, and what a block spends by the tick.
ELAPSED, STANDING = "elapsed", "standing"
IDLE = "idle"


class BreakdownRow(NamedTuple):
    """A row of the table: times in s, energies in J; ``amount`` is in the ``unit``.

    ``busy`` is for how long the action occupied its port. ``elapsed`` is the share of the makespan,
    in rows of the block ``chip`` alone; ``leakage``, ``clock`` and ``standby`` stand in rows of the
    action ``standing`` alone.
    """

    state: str
    program: str
    task: str
    layer: int | None
    operator: str
    block: str
    part: str
    action: str
    unit: str
    amount: int = 0
    busy: float = 0.0
    elapsed: float = 0.0
    dynamic: float = 0.0
    leakage: float = 0.0
    clock: float = 0.0
    standby: float = 0.0

    @classmethod
    def columns(cls) -> dict[str, str]:
        """Return the name of each column in files, by field: with its unit, where it has one."""
        return {field: field + _SUFFIXES.get(field, "") for field in cls._fields}

    @property
    def energy(self) -> float:
        """All joules of the row."""
        return self.dynamic + self.leakage + self.clock + self.standby


class Sheet(NamedTuple):
    """Rows of one state, program, task and layer: their other cells, which equal layers share."""

    place: tuple[str, str, str, int | None]
    rest: tuple[tuple[Any, ...], ...]

    def rows(self) -> Rows:
        """Yield the rows."""
        for rest in self.rest:
            yield BreakdownRow(*self.place, *rest)


_SUFFIXES = {
    **dict.fromkeys(("busy", "elapsed"), "_s"),
    **dict.fromkeys(("dynamic", "leakage", "clock", "standby"), "_J"),
}
Rows = Iterator[BreakdownRow]
# State, program, task, layer, operator.
_Place = tuple[str, str, str, int | None, str]
# Ticks by block and port.
_Booked = Mapping[tuple[str, str], Tick]
# Block, part, action and unit; leakage and clock [J]; those of a clock that stops, by booked tick
# of its port, else None; that port.
_Spent = tuple[tuple[str, str, str, str], float, float, float | None, tuple[str, str]]


def breakdown(
    design: Design, run: Run, account: EnergyAccount, prices: PriceList
) -> Iterator[Sheet]:
    """Yield the rows of a run: by program and layer, then idle states and refreshes meanwhile."""
    return _Breakdown(design, run, account, prices).sheets()


class _Breakdown:
    def __init__(self, design: Design, run: Run, account: EnergyAccount, prices: PriceList):
        self.run, self.account, self.prices = run, account, prices
        machine = Machine(design.hardware)
        self.spent_in = cache(self._spent_in)
        self.port = cache(lambda block, action: machine.port(block, action).name)
        self.booked = cache(self._by_operator)
        # Joules of a clock that stops, by state and block, for each booked tick.
        self.gated = self._gated_clocks()
        rest = run.makespan - sum(work.dram_ticks for work in run.work.values())
        used = fsum(prices.standby(work.dram_residency) for work in run.work.values())
        self.rest = (fsum(account.standby.values()) - used) / rest if rest else 0.0

    def sheets(self) -> Iterator[Sheet]:
        """Yield all rows."""
        known: dict[tuple[str, Work], Sheet] = {}
        for behalf, work in self.run.work.items():
            alike = behalf.point, work
            if alike not in known:
                known[alike] = _sheet((*self._actions(behalf, work), *self._shared(behalf, work)))
            yield Sheet((str(_state(behalf)), *behalf[1:]), known[alike].rest)
        yield from (_sheet((row,)) for row in self._asleep())

    def _asleep(self) -> Rows:
        for key, amount in self.run.ledger.amounts.items():
            if key.program == IDLE:
                place = (IDLE, IDLE, NOBODY, None, BACKGROUND)
                yield self._row(place, key.block, key.action, key.point, amount)
        for state, ticks in self.run.ledger.chip_states.items():
            if state.power is not PowerState.ACTIVE and ticks:
                place = (str(state), IDLE, NOBODY, None, NOBODY)
                yield from self._standing(place, state, ticks, self.rest * ticks, {})

    def _actions(self, behalf: Behalf, work: Work) -> Rows:
        head = (str(_state(behalf)), *behalf[1:])
        for (block, action, operator), amount in work.amounts.items():
            busy = to_seconds(work.busy[block, action, operator])
            yield self._row((*head, operator), block, action, behalf.point, amount, busy)

    def _row(
        self, place: _Place, block: str, action: str, point: str, amount: int, busy: float = 0.0
    ) -> BreakdownRow:
        """Return what an action did at an operating point."""
        sheet, joules = self.prices.sheets[block], amount * self.prices.unit(block, action, point)
        own = (block, sheet.part.value, action, sheet.prices[action].unit)
        return BreakdownRow(*place, *own, amount, busy, dynamic=joules)

    def _shared(self, behalf: Behalf, work: Work) -> Rows:
        """Yield what the operators of a layer bear of what is spent by the tick."""
        state, booked = _state(behalf), self.booked(work)
        busiest = {operator: max(ports.values()) for operator, ports in booked.items()}
        total, standby = sum(busiest.values()), self.prices.standby(work.dram_residency)
        standby += self.rest * (work.ticks - work.dram_ticks)
        if not total and work.ticks:
            busiest, total, booked = {NOBODY: 1}, 1, {NOBODY: Counter()}
        for operator, most in busiest.items():
            place = (str(state), *behalf[1:], operator)
            ticks = work.ticks * most / total
            yield from self._standing(place, state, ticks, standby * most / total, booked[operator])

    def _standing(
        self, place: _Place, state: ChipState, ticks: float, standby: float, booked: _Booked
    ) -> Rows:
        """Yield time, and what every block spends in it; ``booked`` are ticks by (block, port)."""
        yield BreakdownRow(*place, CHIP, CHIP, ELAPSED, "", elapsed=ticks / _SECOND)
        share = ticks / self.run.ledger.chip_states[state]
        for own, leakage, clock, gated, port in self.spent_in(state):
            leakage, clock = leakage * share, clock * share
            if gated is not None:
                clock = gated * booked.get(port, 0)
            rest = standby if own[0] == DRAM else 0.0
            if leakage or clock or rest:
                yield BreakdownRow(*place, *own, 0, 0.0, 0.0, 0.0, leakage, clock, rest)

    def _spent_in(self, state: ChipState) -> list[_Spent]:
        """Return what each block spends by the tick in all of a state."""
        leakage, clock = self.account.leakage, self.account.clock
        return [
            (
                (block, sheet.part.value, STANDING, ""),
                leakage.get((state, block), 0.0),
                clock.get((state, block), 0.0),
                self.gated.get((state, block)),
                (block, self.prices.clocks.get(block, "")),
            )
            for block, sheet in self.prices.sheets.items()
        ]

    def _by_operator(self, work: Work) -> dict[str, Counter[tuple[str, str]]]:
        """Return booked ticks by operator, then (block, port)."""
        found: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        for (block, action, operator), ticks in work.busy.items():
            found[operator][block, self.port(block, action)] += ticks
        return found

    def _gated_clocks(self) -> dict[tuple[ChipState, str], float]:
        booked: Counter[tuple[ChipState, str]] = Counter()
        for behalf, work in self.run.work.items():
            for ports in self.booked(work).values():
                for (block, port), ticks in ports.items():
                    if self.prices.clocks.get(block) == port and self.prices.stops(block):
                        booked[_state(behalf), block] += ticks
        return {key: self.account.clock[key] / n for key, n in booked.items() if n}


def _sheet(rows: tuple[BreakdownRow, ...]) -> Sheet:
    """Return rows of one place as a sheet."""
    return Sheet(rows[0][:4], tuple(row[4:] for row in rows))


def _state(behalf: Behalf) -> ChipState:
    return ChipState(PowerState.ACTIVE, behalf.point)
