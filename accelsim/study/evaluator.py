"""Points in, rows kept: what is in the store is not asked again, the rest goes to an executor."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from accelsim.evaluation.point import Point
from accelsim.study.executors.base import Executor, Pending
from accelsim.study.identity import model_id, model_name, point_ids
from accelsim.study.outcome import Outcome, State
from accelsim.study.store import Store

Groups = Sequence[Sequence[int]]
_FAILURES: tuple[State, ...] = ("failed", "killed")


@dataclass
class Tally:
    """How far a study is. ``known`` points others have evaluated; ``states`` count all done.

    ``asked`` counts simulations (``run``) and compilations (``design``) of the new points, ``made``
    those that no memory had. ``stopped`` says that too many have failed to go on.
    """

    total: int
    known: int = 0
    states: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    stopped: bool = False
    first_failure: tuple[int, Outcome] | None = None

    @property
    def done(self) -> int:
        """The points whose rows are in the store."""
        return self.states.total()

    @property
    def failures(self) -> int:
        """The points that failed or were killed."""
        return sum(self.states[state] for state in _FAILURES)

    @property
    def rate(self) -> float:
        """New points a second."""
        return (self.done - self.known) / self.seconds if self.seconds else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds until the last at this rate; None where there is none yet."""
        return (self.total - self.done) / self.rate if self.rate else None

    def find(self, known: Mapping[bytes, tuple[State, int]]) -> None:
        """Count points that are in the store: the state of each, and how many are equal."""
        for state, times in known.values():
            self.states[state] += times
            self.known += times

    def add(self, number: int, outcome: Outcome, times: int) -> None:
        """Count a new outcome, of so many equal points."""
        self.states[outcome.state] += times
        self.asked.update(outcome.asked)
        self.made.update(outcome.made)
        self.seconds = time.monotonic() - self.started
        if outcome.state in _FAILURES and self.first_failure is None:
            self.first_failure = (number, outcome)

    def add_part(self, part: Tally) -> None:
        """Count the points of a part that was counted alone; its seconds are its own."""
        if part.first_failure and self.first_failure is None:
            number, outcome = part.first_failure
            self.first_failure = (self.done + number, outcome)
        self.known += part.known
        self.states.update(part.states)
        self.asked.update(part.asked)
        self.made.update(part.made)
        self.seconds += part.seconds
        self.stopped = part.stopped


Progress = Callable[[Tally], None]


@dataclass
class Evaluator:
    """Evaluates points into a store. The executor is closed by whoever made it.

    ``retry_failed`` asks points again that failed or were killed. When more than ``max_failures``
    new points have failed the rest is left. ``progress`` is called after every row that is durable,
    and once before.
    """

    store: Store
    executor: Executor
    retry_failed: bool = False
    max_failures: int | None = None
    progress: Progress | None = None

    def __call__(self, points: Sequence[Point]) -> list[Outcome]:
        """Return the outcomes of points, in order, evaluating those that are not known."""
        self.fill(points)
        return [outcome for outcome in self.rows(points) if outcome is not None]

    def rows(self, points: Iterable[Point]) -> Iterator[Outcome | None]:
        """Yield the outcomes of points that are known, None for others."""
        return self.store.rows(point_ids(points), model_id())

    def fill(
        self,
        points: Sequence[Point],
        group: Callable[[Sequence[int]], Groups] | None = None,
        ids: Sequence[bytes] | None = None,
    ) -> Tally:
        """Evaluate what is not known of some points; return how it went.

        ``group`` returns the numbers of points in groups that share simulations; ``ids`` are the
        names of the points, if whoever asks has them. Raises what the store and the executor raise;
        what is done by then is kept, also at an interrupt.
        """
        model, ids = model_id(), point_ids(points) if ids is None else ids
        again, first = Counter[bytes](), dict[bytes, int]()
        for number, each in enumerate(ids):
            if first.setdefault(each, number) != number:
                again[each] += 1
        known, tally = self._known(first, model), Tally(len(ids))
        tally.find({each: (state, 1 + again[each]) for each, state in known.items()})
        self._tell(tally)
        if missing := [number for each, number in first.items() if each not in known]:
            groups = group(missing) if group else [[number] for number in missing]

            def unknown(numbers: tuple[int, ...]) -> tuple[int, ...]:
                known = self._known([ids[number] for number in numbers], model)
                tally.find({each: (state, 1 + again[each]) for each, state in known.items()})
                return tuple(number for number in numbers if ids[number] not in known)

            name = model_name()
            pending = Pending(groups, self.executor.workers, unknown)
            for number, outcome in self._results(pending, points, tally):
                self.store.add(ids[number], model, outcome, name)
                tally.add(number, outcome, 1 + again[ids[number]])
                self._tell(tally)
        return tally

    def _known(self, ids: Iterable[bytes], model: bytes) -> dict[bytes, State]:
        """Return the states of points that are not to be asked again."""
        known = self.store.states(ids, model)
        again = _FAILURES if self.retry_failed else ()
        return {each: state for each, state in known.items() if state not in again}

    def _results(
        self, pending: Pending, points: Sequence[Point], tally: Tally
    ) -> Iterator[tuple[int, Outcome]]:
        """Yield outcomes until too many have failed."""
        before = tally.failures
        with closing(self.executor.results(pending, points)) as results:
            for result in results:
                yield result
                failed = tally.failures - before
                if self.max_failures is not None and failed > self.max_failures:
                    tally.stopped = True
                    return

    def _tell(self, tally: Tally) -> None:
        if self.progress:
            self.progress(tally)
