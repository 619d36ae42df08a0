"""What happened, in integers. Prices come later."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from accelsim.errors import ConservationError
from accelsim.machine.chip_state import CLOCKED, ChipState
from accelsim.units import Tick


class Key(NamedTuple):
    """What an amount belongs to: block, action, operating point; and on whose behalf.

    ``program`` is the kind of program (switch, infer ...), ``task`` the NLP task, ``operator``
    the operator without the number of its layer.
    """

    block: str
    action: str
    point: str
    program: str
    task: str
    operator: str


class Clock(NamedTuple):
    """The clock of a port in a state of the chip."""

    block: str
    port: str
    state: ChipState


class Group(NamedTuple):
    """What keys have in common that are priced and told apart alike.

    ``background`` are commands that no use caused, such as refreshes.
    """

    block: str
    action: str
    point: str
    program: str
    background: bool


# The operator of commands that no use caused.
BACKGROUND = "background"


@dataclass
class Ledger:
    """Amounts by key; busy and idle ticks by port; ticks by state of chip and DRAM; peak bytes.

    ``clocks`` are the ticks in which each clock ran: all those of a state in which the chip is
    clocked, or the busy ones where the clock stops between them.
    """

    amounts: Counter[Key] = field(default_factory=Counter)
    busy: dict[str, Tick] = field(default_factory=dict)
    idle: dict[str, Tick] = field(default_factory=dict)
    chip_states: Counter[ChipState] = field(default_factory=Counter)
    clocks: dict[Clock, Tick] = field(default_factory=dict)
    dram_states: Counter[str] = field(default_factory=Counter)
    peak: dict[str, int] = field(default_factory=dict)

    def amount(self, block: str, action: str) -> int:
        """Return the total of one action of one block, when all has been counted."""
        return self._totals[block, action]

    @cached_property
    def groups(self) -> tuple[tuple[Group, ...], tuple[int, ...]]:
        """The groups of all keys, and the number of each key's group, when all has been counted."""
        numbers: dict[Group, int] = {}
        members = tuple(
            numbers.setdefault(Group(*key[:4], key.operator == BACKGROUND), len(numbers))
            for key in self.amounts
        )
        return tuple(numbers), members

    @cached_property
    def counts(self) -> list[float]:
        """The amounts of all keys, as prices multiply them."""
        return list(map(float, self.amounts.values()))

    @cached_property
    def positions(self) -> tuple[list[int], ...]:
        """Where the keys of each group stand among all."""
        groups, members = self.groups
        found: tuple[list[int], ...] = tuple([] for _ in groups)
        for position, group in enumerate(members):
            found[group].append(position)
        return found

    @cached_property
    def writes(self) -> Mapping[str, Counter[tuple[str, str]]]:
        """Words or bytes written by block, then by program and task, when all has been counted."""
        found: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        for key, amount in self.amounts.items():
            if key.action == "write":
                found[key.block][key.program, key.task] += amount
        return found

    @cached_property
    def _totals(self) -> Counter[tuple[str, str]]:
        totals: Counter[tuple[str, str]] = Counter()
        for key, amount in self.amounts.items():
            totals[key[:2]] += amount
        return totals

    def peak_bytes(self, memory: str) -> int:
        """Return the most that a memory of activations or a buffer held, masks included."""
        return self.peak.get(memory, 0) + self.peak.get(f"{memory}_masks", 0)

    def residency(self) -> Iterator[tuple[str, str, Tick]]:
        """Yield (domain, state as it is printed, ticks)."""
        yield from (("chip", str(state), ticks) for state, ticks in self.chip_states.items())
        yield from (("dram", state, ticks) for state, ticks in self.dram_states.items())

    def digest(self) -> str:
        """Return a digest of all that was counted: equal ledgers, equal digests."""
        content = [
            sorted((*key, amount) for key, amount in self.amounts.items()),
            sorted(self.busy.items()),
            sorted(self.idle.items()),
            sorted(self.residency()),
            sorted((block, port, str(state), n) for (block, port, state), n in self.clocks.items()),
            sorted(self.peak.items()),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def check_conservation(
    ledger: Ledger,
    scheduled: Counter[Key],
    makespan: Tick,
    capacities: dict[str, int],
    clocks: Iterable[tuple[str, str, bool]] = (),
) -> None:
    """Check the laws that every run obeys exactly.

    Amounts executed equal amounts scheduled, busy and idle add up to the makespan for every
    port, the states of every domain add up to the makespan, every clock ran for all ticks of the
    states that have one, or for the busy ones of its port, and no buffer held more than its
    capacity. ``scheduled`` leaves out what only running reveals (DRAM commands). Raises
    ConservationError that names the first contradiction.
    """
    for key, amount in scheduled.items():
        if ledger.amounts[key] != amount:
            raise ConservationError(f"{key}: scheduled {amount}, executed {ledger.amounts[key]}")
    executed = {key for key in ledger.amounts if key.action not in DRAM_COMMANDS}
    if extra := executed - set(scheduled):
        raise ConservationError(f"{min(extra)}: executed but never scheduled")
    for port, busy in ledger.busy.items():
        if busy + ledger.idle[port] != makespan:
            raise ConservationError(
                f"{port}: busy {busy} + idle {ledger.idle[port]} ticks, makespan {makespan}"
            )
    for domain, states in (("chip", ledger.chip_states), ("dram", ledger.dram_states)):
        total = sum(states.values())
        if states and total != makespan:
            raise ConservationError(f"{domain}: states last {total} ticks, makespan {makespan}")
    _check_clocks(ledger, clocks)
    for buffer, peak in ledger.peak.items():
        if peak > capacities[buffer]:
            raise ConservationError(f"{buffer}: held {peak} B of {capacities[buffer]} B")


def _check_clocks(ledger: Ledger, clocks: Iterable[tuple[str, str, bool]]) -> None:
    ran: Counter[tuple[str, str]] = Counter()
    for clock, ticks in ledger.clocks.items():
        if not 0 <= ticks <= ledger.chip_states[clock.state]:
            raise ConservationError(f"{clock.port}: its clock ran {ticks} ticks {clock.state}")
        ran[clock.block, clock.port] += ticks
    clocked = sum(n for state, n in ledger.chip_states.items() if state.power in CLOCKED)
    for block, port, stops in clocks:
        due = ledger.busy[port] if stops else clocked
        if ran[block, port] != due:
            raise ConservationError(f"{port}: its clock ran {ran[block, port]} ticks, not {due}")


DRAM_COMMANDS = frozenset(
    {"activate", "read_burst", "write_burst", "refresh"}
    | {f"{action}_{caused}" for action in ("read", "write") for caused in ("command", "transfer")}
)
