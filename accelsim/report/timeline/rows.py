"""The rows of a timeline, each declared when something first lies on it."""

from __future__ import annotations

from collections.abc import Iterator

from accelsim.report.timeline.marks import Track


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
