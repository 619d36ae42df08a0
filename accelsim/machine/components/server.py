"""The contract of all hardware: a block is a server that answers for how long a use occupies it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from pydantic import NonNegativeInt

from accelsim.inputs.contracts import Contract
from accelsim.program import Use
from accelsim.units import Tick


class Server(Contract, ABC):
    """A piece of hardware that serves one use at a time, first come, first served.

    The base class books: ``free_at`` is the tick at which the last booked use ends, ``busy`` and
    ``idle`` are the ticks spent so far. A subclass says how long a use takes.

    ``lead`` and ``lag`` are ticks before a use can occupy the block, and until its outcome is there
    once the block is free again; both lie beside other uses. A block that has any is not steady.
    """

    steady: ClassVar[bool] = False
    """Whether a use takes the same ticks whenever it starts, and causes nothing further."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lead: Tick = 0
        self.lag: Tick = 0
        self.free_at: Tick = 0
        self.busy: Tick = 0
        self.idle: Tick = 0

    @abstractmethod
    def occupancy(self, use: Use, start: Tick) -> NonNegativeInt:
        """Return for how many ticks a use that starts at ``start`` occupies the block."""

    def book(self, use: Use, now: Tick) -> tuple[Tick, Tick]:
        """Book a use that is ready now; return its first tick and that of its outcome."""
        start = max(now + self.lead, self.free_at)
        ticks = self.occupancy(use, start)
        self.idle += start - self.free_at
        self.busy += ticks
        self.free_at = start + ticks
        return start, self.free_at + self.lag

    def connect(self, port: Callable[[str, str], Server]) -> None:
        """Get to know the servers of the machine, by block and action; most need none."""
        return

    def extra_amounts(self) -> Mapping[str, NonNegativeInt]:
        """Return what the last use caused and only running reveals (DRAM commands)."""
        return {}

    def replay(self, now: Tick, busy: Tick, idle: Tick, last: Tick) -> None:
        """Book a replayed segment: its busy and idle ticks until ``last``, relative to ``now``."""
        self.settle(now)
        self.busy += busy
        self.idle += idle
        self.free_at = now + last

    def settle(self, now: Tick) -> None:
        """Count the time until ``now`` as idle; nothing may be booked beyond it."""
        self.idle += now - self.free_at
        self.free_at = now
