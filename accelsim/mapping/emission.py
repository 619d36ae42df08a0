"""Emitting the chosen ways of a segment, or finding again what they emitted before.

What a way emits depends on the operators, on where their data lie, and on what the components of a
machine let emitters read; which way is chosen depends on how fast and dear the machine is. So a
change of the latter alone emits nothing anew, nor does one of a capacity while what fits, or does
not fit, does so as before: then only what waits for room is found anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from accelsim.mapping.emitter import Asked, Emitter
from accelsim.mapping.plan import Bounds, NoRoomError, Plan
from accelsim.program import Segment

AnyEmitter = TypeVar("AnyEmitter", bound=Emitter)


@dataclass(frozen=True)
class Candidate(Generic[AnyEmitter]):
    """A way to work a stage off: its words, which name it, and what appends its tasks.

    ``emit`` raises NoRoomError when too much is in flight. Of a ``kind``, one of no smaller
    ``panels`` has no less of it in the memory of activations: rows at a time, and results.
    """

    words: str
    emit: Callable[[AnyEmitter], None]
    kind: str = ""
    panels: tuple[int, ...] = ()

    def takes_no_less(self, other: Candidate[AnyEmitter]) -> bool:
        """Say whether this one takes no less room for activations than another."""
        pairs = zip(self.panels, other.panels, strict=True)
        return self.kind == other.kind != "" and all(own >= its for own, its in pairs)


Words = tuple[str, ...]
Made = TypeVar("Made")


def _within(capacities: Mapping[str, int], bounds: Bounds) -> bool:
    sizes = ((capacities[name], *each) for name, each in bounds.items())
    return all(least <= size < beyond for size, least, beyond in sizes)


@dataclass(frozen=True)
class Outcome(Generic[Made]):
    """What was made of some ways, and of which sizes of buffers it is the same.

    These are the capacities within ``bounds``, where products are cut as they were when it was
    ``asked``.
    """

    made: Made
    bounds: Bounds
    asked: Asked

    def holds(self, emitter: Emitter) -> bool:
        """Say whether an emitter, of another machine perhaps, would make the same."""
        return _within(emitter.hardware.capacities, self.bounds) and all(
            emitter.tiles(products, rows) == tiling
            for (_, rows), (products, tiling) in self.asked.items()
        )


# A sweep of a capacity goes back and forth between few of them.
_KEPT = 8


@dataclass(frozen=True)
class Planned:
    """A plan, and what was built of it."""

    plan: Plan
    segments: deque[tuple[Segment, Bounds]] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def built(self, capacities: Mapping[str, int]) -> Segment:
        """Return the segment with buffers of some capacities."""
        for segment, bounds in self.segments:
            if _within(capacities, bounds):
                return segment
        self.segments.appendleft(self.plan.built(capacities))
        return self.segments[0][0]


_Known = dict[Words, deque[Outcome[Made]]]


@dataclass(frozen=True)
class Emitted:
    """What is known of a segment, by the words of its leading stages.

    ``refused`` has why the last of them did not fit, or None; ``whole`` the plan of all stages.
    """

    refused: _Known[NoRoomError | None] = field(default_factory=dict)
    whole: _Known[Planned] = field(default_factory=dict)


class Emission(Generic[AnyEmitter]):
    """The emission of a segment; ``first`` has what the segment takes over from the one before."""

    def __init__(
        self, first: AnyEmitter, finish: Callable[[AnyEmitter], None], known: Emitted
    ) -> None:
        self.first = first
        self._finish, self._known = finish, known
        self._emitters: dict[Words, AnyEmitter] = {(): first}

    def refusal(self, way: tuple[Candidate[AnyEmitter], ...]) -> NoRoomError | None:
        """Return why the last of some candidates does not fit behind the others, which do."""
        error = self._once(self._known.refused, way, partial(self._try, way))
        if error is None:
            return None
        what, buffer, needed, free, capacity = error.args
        now = self.first.hardware.capacities[buffer]
        return NoRoomError(what, buffer, needed, free + now - capacity, now)

    def whole(self, way: tuple[Candidate[AnyEmitter], ...]) -> tuple[Segment, dict[str, int]]:
        """Return the segment of a candidate for each stage, and the bytes held at its end."""
        planned = self._once(self._known.whole, way, partial(self._finished, way))
        return planned.built(self.first.hardware.capacities), planned.plan.end_held()

    def _once(
        self,
        known: _Known[Made],
        way: tuple[Candidate[AnyEmitter], ...],
        make: Callable[[], tuple[Made, AnyEmitter]],
    ) -> Made:
        outcomes = known.setdefault(_words(way), deque(maxlen=_KEPT))
        for outcome in outcomes:
            if outcome.holds(self.first):
                return outcome.made
        made, emitter = make()
        outcomes.appendleft(Outcome(made, emitter.plan.bounds, emitter.asked))
        return made

    def _try(self, way: tuple[Candidate[AnyEmitter], ...]) -> tuple[NoRoomError | None, AnyEmitter]:
        trial = self._emitter(way[:-1]).copy()
        try:
            way[-1].emit(trial)
        except NoRoomError as error:
            return error, trial
        self._emitters[_words(way)] = trial
        return None, trial

    def _finished(self, way: tuple[Candidate[AnyEmitter], ...]) -> tuple[Planned, AnyEmitter]:
        emitter = self._emitter(way)
        self._finish(emitter)
        return Planned(emitter.plan), emitter

    def _emitter(self, way: tuple[Candidate[AnyEmitter], ...]) -> AnyEmitter:
        words = _words(way)
        if words not in self._emitters:
            trial = self._emitter(way[:-1]).copy()
            way[-1].emit(trial)
            self._emitters[words] = trial
        return self._emitters[words]


def _words(way: tuple[Candidate[AnyEmitter], ...]) -> Words:
    return tuple(candidate.words for candidate in way)
