"""What a machine may have off its chip: the server that the engine relies on."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Hashable
from typing import Any

from accelsim.machine.components.server import Server
from accelsim.units import Tick


class OffChipServer(Server):
    """A server with states of its own, and commands that an access causes.

    Its past outlives a segment: a state is a key of what follows, and can be taken up again.
    """

    @property
    @abstractmethod
    def residency(self) -> Counter[str]:
        """Ticks in each state up to the last settlement."""

    @abstractmethod
    def take_background(self, now: Tick) -> Counter[str]:
        """Settle and return the commands since the last call that no access caused."""

    @abstractmethod
    def state_key(self, now: Tick) -> Hashable:
        """Return the state relative to now: equal keys, equal futures."""

    @abstractmethod
    def state_at(self, now: Tick) -> Any:
        """Return the state to hand to ``resume``; the server must be settled to now."""

    @abstractmethod
    def resume(self, state: Any, now: Tick, residency: Counter[str]) -> None:
        """Go on from a recorded state, after the ticks in each state of what is replayed."""
