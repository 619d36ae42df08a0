"""What a timeline is made of, whatever its file format: tracks, slices, samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

# What a viewer shows of a slice. Writers may remember a tuple by identity: share equal ones.
Facts: TypeAlias = tuple[tuple[str, int | float | str], ...]


@dataclass(frozen=True, slots=True)
class Track:
    """A row of the picture; a process has no ``parent`` (0).

    ``number`` is above 0 and one track's alone, ``place`` the order among those of one parent. With
    a ``unit`` it is a counter; ``scale`` is what those have in common that are drawn to one scale.
    """

    number: int
    parent: int
    name: str
    place: int
    about: str = ""
    unit: str = ""
    scale: str = ""


class Begin(NamedTuple):
    """The begin of a slice [ns]; slices of a track nest. Arrows are numbers, of one pair each."""

    track: int
    at: int
    name: str
    level: str
    facts: Facts
    sends: tuple[int, ...] = ()
    receives: tuple[int, ...] = ()


class End(NamedTuple):
    """The end of the slice that began last on a track [ns]."""

    track: int
    at: int


class Sample(NamedTuple):
    """The value of a counter from a time on [ns]."""

    track: int
    at: int
    value: float


Mark: TypeAlias = Track | Begin | End | Sample
# Turns marks into the pieces of a file; a track comes before all that lies on it.
Writer: TypeAlias = Callable[[Iterable[Mark]], Iterator[bytes]]


class Rows:
    """Numbers of tracks, from a first one on; processes have the numbers before it."""

    def __init__(self, first: int) -> None:
        self._next = first
        self._known: dict[tuple[int, str], int] = {}
        self._new: list[Track] = []

    def add_process(self, number: int, name: str) -> None:
        """Declare a process."""
        self._new.append(Track(number, 0, name, number))

    def row(
        self,
        parent: int,
        name: str,
        place: int | None = None,
        *,
        about: str = "",
        unit: str = "",
        scale: str = "",
    ) -> int:
        """Return the number of a row; a new one is put in its place, or behind all others."""
        known = self._known.get((parent, name))
        if known is None:
            known, self._next = self._next, self._next + 1
            self._known[parent, name] = known
            order = known if place is None else place
            self._new.append(Track(known, parent, name, order, about, unit, scale))
        return known

    def new(self) -> Iterator[Track]:
        """Yield the tracks that were not yielded yet."""
        if self._new:
            yield from self._new
            self._new = []
