"""``accelsim.optimize``: the best points of a study, without evaluating all.

A space no larger than the budget is evaluated whole. Else Optuna suggests points in batches of a
fixed size and is told what they came to in the order of its suggestions, so that the same points
are asked whatever the number of workers; a point that was asked before is told again and its place
in the batch taken by another. Rows are kept in the store of all studies: a search that is run again
asks the same points, and finds them there.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document, Place
from accelsim.inputs.extras import installation
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.study.evaluator import Evaluator, Progress, Tally
from accelsim.study.front import signed
from accelsim.study.outcome import Outcome
from accelsim.study.store import DEFAULT, Store
from accelsim.study.sweep.axes import AxisConfig, Choice, applies
from accelsim.study.sweep.run import Evaluation, given_store, given_study, run_study
from accelsim.study.sweep.space import MOST_POINTS, Picks, Study
from accelsim.study.sweep.table import StudyRow, StudyTable, row_of
from accelsim.units import UnitError, parse_any


class Search(ConfigModel):
    """How to search: ``budget`` different points in batches; ``seed`` gives the same ones again."""

    budget: Annotated[int, Field(ge=1, le=100_000)] = 400
    batch: Annotated[int, Field(ge=1, le=1000)] = 20
    seed: Annotated[int, Field(ge=0)] = 0
    sampler: Literal["nsga2", "tpe"] = "nsga2"


@dataclass(frozen=True)
class Found:
    """The rows that a search has asked; ``size`` is the number of points of the grid, if it has."""

    table: StudyTable
    size: int | None
    whole: bool

    def __str__(self) -> str:
        if self.whole:
            return f"The whole space of {self.size:,} points: what is best here is best of all"
        space = "a space without end" if self.size is None else f"at most {self.size:,}"
        return f"{len(self.table.study):,} points asked of {space}: others may be better"


def optimize(
    study: str | Path | Study,
    axes: Mapping[str, Any] | None = None,
    *,
    set: Sequence[str] = (),
    jobs: int | None = None,
    scheduler: str | None = None,
    store: str | Path | None = DEFAULT,
    retry_failed: bool = False,
    max_failures: int | None = None,
    progress: Progress | None = None,
    budget: int = 400,
    batch: int = 20,
    seed: int = 0,
    sampler: Literal["nsga2", "tpe"] = "nsga2",
    **asked: Any,
) -> StudyTable:
    """Search the space of a study for its ``objectives``; return the table of all points asked.

    What is not of ``Search`` is as ``accelsim.sweep`` takes it. ``accelsim study pareto``
    tells the best rows. Raises ConfigError as ``search_study``.
    """
    how = Evaluation(jobs, scheduler, retry_failed, max_failures, progress)
    said = {"budget": budget, "batch": batch, "seed": seed, "sampler": sampler}
    search = validate(Document(said, {(): Place("optimize", None)}, Path("optimize")), Search)
    wanted = given_study(study, axes, set, asked)
    check_search(wanted)
    return search_study(wanted, given_store(store), how, search).table


def check_search(study: Study) -> None:
    """Raise ConfigError for what is wrong with a study, or where it has no objectives."""
    study.check()
    if not study.config.objectives:
        raise study.error(("objectives",), "this key is missing; expected what to search for")


def search_study(study: Study, store: Store, how: Evaluation, search: Search) -> Found:
    """Search a study for its objectives; ``check_search`` tells before what is wrong with it.

    Raises ConfigError without Optuna where it is needed.
    """
    size = grid_size(study)
    if size is not None and size <= search.budget:
        return Found(run_study(without_sample(study), store, how), size, whole=True)
    hunt = _Hunt(study, search)
    tally, ids = Tally(search.budget), dict.fromkeys(store.study(study.source))
    with how.executor() as executor:
        evaluator = Evaluator(store, executor, how.retry_failed, how.max_failures)
        for picks in hunt.batches():
            points = ChosenPoints(study.config, study.base, study.document, picks)
            # Batch by batch: rows of a search that is killed are those of a study.
            ids |= dict.fromkeys(points.ids)
            store.remember(study.source, study.config.name, [*ids], study.made)
            part = evaluator.fill(points.points, points.groups, points.ids)
            tally.add_part(part)
            if how.progress:
                how.progress(tally)
            if part.stopped:
                break
            hunt.tell(picks, list(evaluator.rows(points.points)))
    asked = ChosenPoints(study.config, study.base, study.document, tuple(hunt.asked))
    return Found(StudyTable(asked, store, tally), size, whole=False)


@dataclass
class _Hunt:
    """What was asked (``seen`` by key), and the sampler that decides what to ask next."""

    study: Study
    search: Search
    asked: list[Picks] = field(default_factory=list)
    known: dict[object, StudyRow] = field(default_factory=dict)
    seen: set[object] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._optuna = _optuna()
        objectives = self.study.config.objectives.values()
        # A generation of NSGA-II is a batch.
        options: dict[str, Any] = {
            "seed": self.search.seed,
            "constraints_func": lambda trial: (trial.user_attrs[_VIOLATION],),
        }
        samplers = self._optuna.samplers
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.search.sampler == "nsga2":
                sampler = samplers.NSGAIISampler(
                    population_size=max(2, self.search.batch), **options
                )
            else:
                sampler = samplers.TPESampler(n_startup_trials=self.search.batch, **options)
            directions = ["minimize"] * len(objectives)
            self._trials = self._optuna.create_study(directions=directions, sampler=sampler)
        self._random = Random(self.search.seed)
        self._open: list[tuple[Any, object]] = []

    def batches(self) -> Iterator[tuple[Picks, ...]]:
        """Yield points that were not asked before, until the budget is spent or none is left."""
        while len(self.asked) < self.search.budget:
            wanted = min(self.search.batch, self.search.budget - len(self.asked))
            batch = tuple(self._batch(wanted))
            if not batch:
                return
            self.asked += batch
            yield batch

    def _batch(self, wanted: int) -> Iterator[Picks]:
        for _ in range(wanted):
            picks = self._ask()
            if key_of(picks) in self.seen:
                places = unseen(self.study, self.seen, self._random)
                if places is None:
                    return
                self._trials.enqueue_trial(places)
                picks = self._ask()
            self.seen.add(key_of(picks))
            yield picks

    def _ask(self) -> Picks:
        trial = self._trials.ask()

        def suggest(name: str, size: int | None, ordered: bool) -> float:
            if size is None:
                return float(trial.suggest_float(name, 0.0, 1.0))
            if ordered:
                return int(trial.suggest_int(name, 0, size - 1))
            return int(trial.suggest_categorical(name, list(range(size))))

        picks = choose(self.study, suggest)
        self._open.append((trial, key_of(picks)))
        return picks

    def tell(self, batch: Sequence[Picks], outcomes: Sequence[Outcome | None]) -> None:
        """Tell the sampler what its suggestions came to, in the order in which it made them."""
        points = ChosenPoints(self.study.config, self.study.base, self.study.document, tuple(batch))
        for number, (picks, outcome) in enumerate(zip(batch, outcomes, strict=True)):
            if outcome is not None:
                self.known[key_of(picks)] = row_of(points, number, outcome)
        failed = self._optuna.trial.TrialState.FAIL
        for trial, key in self._open:
            row = self.known.get(key)
            values = signed(row, self.study.config.objectives) if row else None
            if row is None or values is None:
                self._trials.tell(trial, state=failed)
                continue
            # A row that breaks a constraint has its figures.
            trial.set_user_attr(_VIOLATION, _violation(row))
            self._trials.tell(trial, values)
        self._open.clear()


_VIOLATION = "violation"


def _violation(row: StudyRow) -> float:
    """Return by how much a row breaks its first constraint, as a share of the bound; 0 for none."""
    if row.state == "ok":
        return 0.0
    sides = row.reason.context
    if len(sides) == 2 and all(isinstance(each, (int, float)) for each in sides) and sides[1]:
        return float(max(abs(sides[0] - sides[1]) / abs(sides[1]), 1e-9))
    return 1.0


def _optuna() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optuna = import_module("optuna")
    except ImportError:
        raise ConfigError(
            "optuna is not installed, which suggests the points of a space larger than the budget; "
            f"run: {installation('optuna')}"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


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
