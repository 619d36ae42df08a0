"""The choices of a study as a search makes them: whole batches of points not seen before."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from accelsim.study.sweep.axes import AxisConfig, Choice, applies
from accelsim.study.sweep.space import MOST_POINTS, Picks, Study
from accelsim.units import UnitError, parse_any
from accelsim.values import dataclass

# (axis, how many choices it has, None for a range without steps; whether they have an order)
Chooser = Callable[[str, int | None, bool], float]
# [ours] Draws in search of a point that was not seen; then a grid is gone through in order.
_DRAWS = 1000
_BELOW_ONE = 1 - 2.0**-53


@dataclass(frozen=True)
class ChosenPoints(Study):
    """The points of a study that a search has chosen, in the order of its choice."""

    chosen: tuple[Picks, ...] = ()

    @property
    def picks(self) -> Sequence[Picks]:
        """The choices of every point, axis by axis."""
        return self.chosen


def grid_size(study: Study) -> int | None:
    """Return how many points the grid of all axes has; None for a range without steps."""
    sizes = [axis.size for axis in study.config.axes.values()]
    if None in sizes:
        return None
    most = math.prod(size or 1 for size in sizes)
    if most > MOST_POINTS:
        return most
    return len(without_sample(study).picks)


def without_sample(study: Study) -> Study:
    """Return the study of the whole grid."""
    config = study.config.model_copy(update={"sample": None})
    return Study(config, study.base, study.document)


def choose(study: Study, chooser: Chooser) -> Picks:
    """Return the picks of one point, axis by axis; an axis that is not there is not asked for."""
    values: dict[str, object] = {}
    picks: list[Choice | None] = []
    for name, axis in study.config.axes.items():
        choice = None
        if applies(axis, values):
            if axis.size is None:
                choice = axis.at(name, min(chooser(name, None, True), _BELOW_ONE))
            else:
                grid = axis.grid(name)
                choice = grid[int(chooser(name, len(grid), _ordered(axis)))]
            values |= choice.values
        picks.append(choice)
    return tuple(picks)


def key_of(picks: Picks) -> tuple[tuple[str, ...] | None, ...]:
    """Return what two picks of the same point have in common."""
    return tuple(pick.assignments if pick else None for pick in picks)


def unseen(study: Study, seen: set[object], random: Random) -> dict[str, float] | None:
    """Return the places on all axes of a point that was not seen; None when all were."""
    for _ in range(_DRAWS):
        places: dict[str, float] = {}

        def draw(
            name: str, size: int | None, ordered: bool, places: dict[str, float] = places
        ) -> float:
            places[name] = random.random() if size is None else random.randrange(size)
            return places[name]

        if key_of(choose(study, draw)) not in seen:
            return places
    return _next_of_grid(study, seen)


def _next_of_grid(study: Study, seen: set[object]) -> dict[str, float] | None:
    size = grid_size(study)
    if size is None or size > MOST_POINTS:
        return None
    for picks in without_sample(study).picks:
        if key_of(picks) not in seen:
            axes = study.config.axes.items()
            return {
                name: axis.grid(name).index(pick)
                for (name, axis), pick in zip(axes, picks, strict=True)
                if pick is not None
            }
    return None


def _ordered(axis: AxisConfig) -> bool:
    """Whether neighbours among the choices are alike: numbers and quantities, in order."""
    if axis.values is None:
        return axis.start is not None
    try:
        numbers = [
            each if isinstance(each, (int, float)) else parse_any(str(each))[0]
            for each in axis.values
        ]
    except UnitError:
        return False
    return numbers in (sorted(numbers), sorted(numbers, reverse=True))
