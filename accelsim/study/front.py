"""The best trade-offs of many points: those that no other point beats in everything."""

from __future__ import annotations

from collections.abc import Sequence


def front(points: Sequence[Sequence[float | None]]) -> list[bool]:
    """Say of each point whether no other is as small in all figures and smaller in one.

    Equal points are on the front together; one that lacks a figure is not.
    """
    found, best = [False] * len(points), list[tuple[float, ...]]()
    known = [(whole, at) for at, point in enumerate(points) if (whole := _whole(point))]
    # In this order nothing that comes later beats what came before.
    for point, number in sorted(known):
        if not any(_beats(other, point) for other in best):
            best.append(point)
            found[number] = True
    return found


def _whole(point: Sequence[float | None]) -> tuple[float, ...] | None:
    known = tuple(value for value in point if value is not None)
    return known if len(known) == len(point) else None


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
