"""Emitting the chosen ways of a segment, or finding again what they emitted before.

What a way emits depends on the operators, on where their data lie, and on what the components of a
machine let emitters read; which way is chosen depends on how fast and dear the machine is. So a
change of the latter alone emits nothing anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from accelsim.mapping.emitter import Emitter
from accelsim.mapping.plan import NoRoomError
from accelsim.program import Segment

AnyEmitter = TypeVar("AnyEmitter", bound=Emitter)


@dataclass(frozen=True)
class Candidate(Generic[AnyEmitter]):
    """A way to work a stage off: its words, which name it, and what appends its tasks.

    ``emit`` raises NoRoomError when too much is in flight.
    """

    words: str
    emit: Callable[[AnyEmitter], None]


Words = tuple[str, ...]


@dataclass(frozen=True)
class Emitted:
    """What is known of a segment, by the words of its leading stages.

    ``refused`` has why the last of them did not fit, or None; ``whole`` the segment of all stages
    and the bytes held at its end.
    """

    refused: dict[Words, NoRoomError | None] = field(default_factory=dict)
    whole: dict[Words, tuple[Segment, dict[str, int]]] = field(default_factory=dict)


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
        words = _words(way)
        if words not in self._known.refused:
            try:
                self._emitter(way)
            except NoRoomError as error:
                self._known.refused[words] = error
            else:
                self._known.refused[words] = None
        return self._known.refused[words]

    def whole(self, way: tuple[Candidate[AnyEmitter], ...]) -> tuple[Segment, dict[str, int]]:
        """Return the segment of a candidate for each stage, and the bytes held at its end."""
        words = _words(way)
        if words not in self._known.whole:
            emitter = self._emitter(way).copy()
            self._finish(emitter)
            self._known.whole[words] = emitter.plan.build(), emitter.plan.end_held()
        return self._known.whole[words]

    def _emitter(self, way: tuple[Candidate[AnyEmitter], ...]) -> AnyEmitter:
        words = _words(way)
        if words not in self._emitters:
            trial = self._emitter(way[:-1]).copy()
            way[-1].emit(trial)
            self._emitters[words] = trial
        return self._emitters[words]


def _words(way: tuple[Candidate[AnyEmitter], ...]) -> Words:
    return tuple(candidate.words for candidate in way)
