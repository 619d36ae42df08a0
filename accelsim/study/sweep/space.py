"""From a study to its points, numbered in one order that does not depend on who evaluates them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, overload

from accelsim.errors import AccelsimError, ConfigError
from accelsim.evaluation.examine import resolve
from accelsim.evaluation.point import Point
from accelsim.evaluation.stages import simulation_key
from accelsim.inputs.document import Document, Place, parse_override, read_document
from accelsim.inputs.doors import check_keys
from accelsim.inputs.files import one_reading
from accelsim.inputs.memo import Memo
from accelsim.inputs.paths import KeyPath, format_path
from accelsim.inputs.plugins import plugins_put_back
from accelsim.inputs.shipped import find_beside, find_input
from accelsim.inputs.validation import validate
from accelsim.study.identity import point_ids
from accelsim.study.lazy import Lazy
from accelsim.study.sweep.axes import AxisConfig, Choice, applies, flow, is_name
from accelsim.study.sweep.config import StudyConfig, wrong_figures
from accelsim.study.sweep.samples import Sample
from accelsim.workload.schema import Workload, load_workload

# [ours] Hours of computing; more is likely a slip.
MOST_POINTS = 1_000_000
# How many points are looked at to tell an axis that can take no value from a bad value.
_LOOKS = 20

Picks = tuple[Choice | None, ...]


@dataclass(frozen=True)
class StudyPoint:
    """A point with the values of its axes, None where an axis is not there."""

    number: int
    values: Mapping[str, Any]
    point: Point


@dataclass(frozen=True)
class Study(Sequence[StudyPoint]):
    """A study with the points that it asks for; a point is made when it is looked at.

    ``base`` is the point that all have in common. Raises ConfigError, with its place in the file,
    for an empty or far too large space.
    """

    config: StudyConfig
    base: Point
    document: Document = field(repr=False)

    @property
    def source(self) -> str:
        """The file of the study, or, of one that was made, its name and its workload."""
        made = f"{self.config.name} of {self.base.workload}"
        return str(self.document.path.absolute()) if self.in_file else made

    @property
    def in_file(self) -> bool:
        """Whether it stands in a file."""
        return bool(self.document.inputs)

    @property
    def made(self) -> str:
        """All of a study that was made, for ``remembered``; "" for one in a file."""
        config = self.config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        asked = [config, str(self.base.workload), list(self.base.assignments)]
        return "" if self.in_file else json.dumps(asked)

    def error(self, path: Iterable[str | int], message: str) -> ConfigError:
        """Return the error for what is wrong at a path of the study, with its place in the file."""
        if self.in_file:
            return self.document.error(path, message)
        return ConfigError(f"{format_path(path)}: {message}")

    @cached_property
    def picks(self) -> Sequence[Picks]:
        """The choices of every point, axis by axis."""
        if self.config.sample:
            # Equal points count as often as they are drawn.
            return self._sampled(self.config.sample)
        axes = self.config.axes.values()
        found: Sequence[Picks] = ()
        if math.prod(axis.size or 1 for axis in axes if axis.when is None) <= MOST_POINTS:
            conditional = any(axis.when for axis in axes)
            every = _unique(self._grid()) if conditional else ()
            found = tuple(islice(every, MOST_POINTS + 1)) if conditional else self._product()
        if not found or len(found) > MOST_POINTS:
            told = f"more than {MOST_POINTS:,} points; take fewer values or a sample"
            raise self.error(("axes",), told)
        return found

    def _product(self) -> Sequence[Picks]:
        """Return every combination of choices, the last axis changing first."""
        grids = [_apart(axis, axis.grid(name)) for name, axis in self.config.axes.items()]

        def at(number: int) -> Picks:
            picked: Picks = ()
            for grid in reversed(grids):
                number, place = divmod(number, len(grid))
                picked = (grid[place], *picked)
            return picked

        return Lazy(math.prod(map(len, grids)), at)

    def _grid(self) -> Iterator[Picks]:
        axes = list(self.config.axes.items())
        grids = [axis.grid(name) for name, axis in axes]

        def below(depth: int, picked: Picks, values: Mapping[str, Any]) -> Iterator[Picks]:
            if depth == len(axes):
                yield picked
            elif not applies(axes[depth][1], values):
                yield from below(depth + 1, (*picked, None), values)
            else:
                for choice in grids[depth]:
                    further = {**values, **choice.values}
                    yield from below(depth + 1, (*picked, choice), further)

        return below(0, (), {})

    def _sampled(self, sample: Sample) -> Sequence[Picks]:
        axes = self.config.axes
        drawn = sample.draw(len(axes))

        def at(number: int) -> Picks:
            values: dict[str, Any] = {}
            picked: Picks = ()
            for (name, axis), place in zip(axes.items(), drawn[number], strict=True):
                choice = axis.at(name, float(place)) if applies(axis, values) else None
                values |= choice.values if choice else {}
                picked = (*picked, choice)
            return picked

        return Lazy(len(drawn), at)

    def __len__(self) -> int:
        return len(self.picks)

    @overload
    def __getitem__(self, number: int) -> StudyPoint: ...
    @overload
    def __getitem__(self, number: slice) -> list[StudyPoint]: ...
    def __getitem__(self, number: int | slice) -> StudyPoint | list[StudyPoint]:
        """Return a point by its number."""
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        picks = self.picks[number]
        values: dict[str, Any] = dict.fromkeys(self.config.axis_columns)
        for choice in filter(None, picks):
            values |= choice.values
        return StudyPoint(number, values, self._point(picks))

    def _point(self, picks: Picks) -> Point:
        assignments = (text for choice in filter(None, picks) for text in choice.assignments)
        return self.base.with_assignments(*assignments)

    @cached_property
    def ids(self) -> Sequence[bytes]:
        """The names of all points in the store."""
        return point_ids(self.points)

    @property
    def points(self) -> Sequence[Point]:
        """The points alone, in order, as ``evaluate`` takes them."""
        return Lazy(len(self), lambda number: self[number].point)

    # -- what can be told before anything is evaluated -----------------------------------------

    def check(self) -> None:
        """Raise ConfigError for an axis of which no value is valid, and for unknown figures.

        A single bad value is a row with its reason; an axis without any good one is a slip.
        """
        with plugins_put_back(), one_reading():
            memo = Memo()
            workloads = [
                self._axis_workload(at, name, memo) for at, name in enumerate(self.config.axes)
            ]
            wrong = list(wrong_figures(self.config, workloads))
        if wrong:
            raise ConfigError("\n".join(str(self.error(at, told)) for at, told in wrong))

    def _axis_workload(self, at: int, name: str, memo: Memo) -> Workload:
        """Return the workload of a point with a valid value of an axis."""
        first: ConfigError | None = None
        apart = range(0, len(self.picks), max(1, len(self.picks) // _LOOKS))
        spread = (self.picks[number] for number in apart)
        for picks in islice(chain(islice(self._with_each_choice(at), _LOOKS), spread), 2 * _LOOKS):
            try:
                point = self._point(picks)
                return load_workload(
                    point.workload, tuple(point.assignments), cases=point.cases, memo=memo
                )
            except ConfigError as error:
                first = first or error
        told = str(first)
        if told == self._wrong_base(memo):
            raise ConfigError(told)
        raise self.error(("axes", self._blamed(told, name)), f"no value of it is valid: {told}")

    def _wrong_base(self, memo: Memo) -> str | None:
        """Return what is wrong without any axis."""
        base = self.base
        try:
            load_workload(base.workload, tuple(base.assignments), cases=base.cases, memo=memo)
        except ConfigError as error:
            return str(error)
        return None

    def _blamed(self, told: str, name: str) -> str:
        """Return the axis that set what a message names, else the one that was looked at."""
        set_by = {
            text: axis
            for picks in (self.picks[0], self.picks[-1])
            for axis, choice in zip(self.config.axes, picks, strict=True)
            for text in (choice.assignments if choice else ())
        }
        return next((axis for text, axis in set_by.items() if f"--set {text}:" in told), name)

    def _with_each_choice(self, at: int) -> Iterator[Picks]:
        """Yield the first points with each choice of an axis; the first of all where it is not."""
        seen = set[tuple[str, ...] | None]()
        for picks in self.picks:
            choice = picks[at]
            if choice is not None and choice.assignments not in seen:
                seen.add(choice.assignments)
                yield picks
        if not seen:
            yield self.picks[0]

    # -- order -----------------------------------------------------------------------------------

    def groups(self, numbers: Sequence[int]) -> list[list[int]]:
        """Return points in groups that share their simulations, each in order.

        Which axes change prices alone is found by a try, in the first points of their kind: wrong
        guesses cost time, never a figure.
        """
        with plugins_put_back(), one_reading():
            memo = Memo()
            moving = [at for at in range(len(self.config.axes)) if self._moves(at, memo)]
        found: dict[tuple[Any, ...], list[int]] = {}
        for number in numbers:
            picks = self.picks[number]
            key = tuple(choice.assignments if (choice := picks[at]) else None for at in moving)
            found.setdefault(key, []).append(number)
        return list(found.values())

    def _moves(self, at: int, memo: Memo) -> bool:
        """Whether two values of an axis, all else equal, need a simulation each."""
        pair = list(islice(self._with_each_choice(at), 2))
        if len(pair) < 2:
            return False
        other = (*pair[0][:at], pair[1][at], *pair[0][at + 1 :])
        try:
            first, second = (
                simulation_key(resolve(self._point(picks), memo), memo)
                for picks in (pair[0], other)
            )
        except AccelsimError:
            return True
        return first != second


def _apart(axis: AxisConfig, grid: Sequence[Choice]) -> Sequence[Choice]:
    """Return the choices that set something else than those before; all of a range do."""
    if axis.start is not None:
        return grid
    first: dict[tuple[str, ...], Choice] = {}
    for choice in grid:
        first.setdefault(choice.assignments, choice)
    return list(first.values())


def _unique(drawn: Iterator[Picks]) -> Iterator[Picks]:
    """Yield picks whose assignments have not been yet."""
    seen = set[tuple[tuple[str, ...] | None, ...]]()
    for picks in drawn:
        key = tuple(choice.assignments if choice else None for choice in picks)
        if key not in seen:
            seen.add(key)
            yield picks


def load_study(path: Path | str, assignments: Sequence[str] = ()) -> Study:
    """Return the study of a file; further ``assignments`` are of all its points.

    Raises ConfigError with one line for each problem.
    """
    found = find_input(Path(path))
    document = read_document(found)
    check_keys(document, "study")
    config = validate(document, StudyConfig)
    for text in assignments:
        for name, axis in config.axes.items():
            if parse_override(text).path in axis.always:
                raise ConfigError(f"--set {text}: axis {name} sets this in every point; change it")
    workload = find_beside(found.parent, config.workload)
    return made_study(config, workload, assignments, document)


def made_study(
    config: StudyConfig,
    workload: Path | str,
    assignments: Sequence[str] = (),
    document: Document | None = None,
) -> Study:
    """Return the study of a configuration, of a workload file."""
    own = tuple(f"{path}={flow(value)}" for path, value in config.settings.items())
    base = Point(Path(workload).absolute(), (*own, *assignments), config.cases)
    return Study(config, base, document or Document({}, {}, Path(config.name)))


def remembered(made: str) -> Study:
    """Return a study that was made before, of what it said then."""
    try:
        data, workload, assignments = json.loads(made)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"a study: damaged in its store ({error}); run it again") from None
    config = validate(Document(data, {(): Place("store", None)}, Path("store")), StudyConfig)
    base = Point(workload, assignments, config.cases)
    return Study(config, base, Document({}, {}, Path(config.name)))


def axis_name(path: str, taken: Sequence[str]) -> str:
    """Return a column's name for a path: its last keys."""
    keys: KeyPath = tuple(key for key in path.replace('"', "").split("."))
    for length in range(min(2, len(keys)), len(keys) + 1):
        name = "_".join(map(str, keys[-length:]))
        name = "".join(each if each.isascii() and each.isalnum() else "_" for each in name)
        if name not in taken and is_name(name):
            return name
    return f"axis_{len(taken) + 1}"
