"""What a machine may have off its chip: the server that the engine relies on."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

from accelsim.machine.components.server import Server
from accelsim.program import Range
from accelsim.units import Tick, ceil_div

DRAM = "dram"
"""The component's name, whatever it is."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What of a range is moved at once; ``fresh`` if a piece of the range begins with it."""

    address: int
    size: int
    fresh: bool


class OffChipServer(Server):
    """A server with states of its own, and commands that an access causes.

    Its past outlives a segment: a state is a key of what follows, and can be taken up again.
    """

    changing: ClassVar[tuple[str, ...]]
    """The attributes that an access changes, beside those of every server."""
    aligned: ClassVar[bool] = False
    """Whether bursts begin at addresses of their own, or where an access does."""

    @property
    @abstractmethod
    def grain(self) -> int:
        """Bytes of a burst: between two an access may be cut."""

    def turns(self, asked: Range, size: int) -> Iterator[Turn]:
        """Yield a range in turns of ``size`` bytes, or as few more as make whole bursts."""
        step = ceil_div(size, self.grain) * self.grain
        for piece in range(asked.pieces):
            first = at = asked.address + piece * asked.stride
            origin, end = 0 if self.aligned else first, first + asked.size
            while at < end:
                cut = min(end, at + step - (at - origin) % step)
                yield Turn(at, cut - at, at == first)
                at = cut

    @abstractmethod
    def turn(self, action: str, turn: Turn, start: Tick, *, follows: bool) -> Tick:
        """Serve a turn from ``start`` on; return its ticks. It ``follows`` one of the same use."""

    def save(self) -> dict[str, Any]:
        """Return all that turns change, to restore it once."""
        return {name: copy(getattr(self, name)) for name in self.changing}

    def restore(self, saved: dict[str, Any]) -> None:
        """Undo the turns since ``save``."""
        vars(self).update(saved)

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


class RestingServer(OffChipServer):
    """One whose states follow from the end of its last answer; before tick 0 it rests for long."""

    changing: ClassVar[tuple[str, ...]] = ("_end", "_counted", "_ticks")

    def __init__(self, name: str, awake: Tick) -> None:
        super().__init__(name)
        self._end, self._counted, self._ticks = -awake, 0, Counter[str]()

    @abstractmethod
    def states(self, now: Tick) -> Iterable[tuple[str, Tick]]:
        """Return the states that follow one another since the last answer began, and their ends."""

    def count(self, now: Tick) -> None:
        """Count the time until now, state by state."""
        for state, end in self.states(now) if now > self._counted else ():
            until = min(now, max(end, self._counted))
            self._ticks[state] += until - self._counted
            self._counted = until

    def take_background(self, now: Tick) -> Counter[str]:
        """Settle; nothing happens that no access caused."""
        self.count(now)
        return Counter()

    @property
    def residency(self) -> Counter[str]:
        """Ticks in each state up to the last settlement."""
        return Counter(self._ticks)

    def resume(self, state: Tick, now: Tick, residency: Counter[str]) -> None:
        """Go on from a recorded end."""
        self._end, self._counted = now + state, now
        self._ticks += residency
