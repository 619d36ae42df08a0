"""What happened, in integers. Prices come later."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from accelsim.errors import ConservationError
from accelsim.units import Tick

# The operating point of the machine's ``clock``.
NOMINAL = "nominal"


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


@dataclass
class Ledger:
    """Amounts by key; busy and idle ticks by port; ticks by (domain, state); peak bytes held."""

    amounts: Counter[Key] = field(default_factory=Counter)
    busy: dict[str, Tick] = field(default_factory=dict)
    idle: dict[str, Tick] = field(default_factory=dict)
    residency: Counter[tuple[str, str]] = field(default_factory=Counter)
    peak: dict[str, int] = field(default_factory=dict)

    def amount(self, block: str, action: str) -> int:
        """Return the total of one action of one block."""
        return sum(n for key, n in self.amounts.items() if key[:2] == (block, action))


def check_conservation(
    ledger: Ledger, scheduled: Counter[Key], makespan: Tick, capacities: dict[str, int]
) -> None:
    """Check the laws that every run obeys exactly.

    Amounts executed equal amounts scheduled, busy and idle add up to the makespan for every
    port, the states of every domain add up to the makespan, and no buffer held more than its
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
    for domain in {domain for domain, _ in ledger.residency}:
        total = sum(ticks for (name, _), ticks in ledger.residency.items() if name == domain)
        if total != makespan:
            raise ConservationError(f"{domain}: states last {total} ticks, makespan {makespan}")
    for buffer, peak in ledger.peak.items():
        if peak > capacities[buffer]:
            raise ConservationError(f"{buffer}: held {peak} B of {capacities[buffer]} B")


DRAM_COMMANDS = frozenset({"activate", "read_burst", "write_burst", "refresh"})
