"""The share that each of several changes has in a ratio: Shapley's, on the logarithm.

A game is a function from subsets of the changes to an outcome, or to None where that subset is not
feasible. With every subset feasible a change's share is its Shapley value of ln f; where some are
not, the mean over all orders in which every subset on the way is (Faigle and Kern's value for
precedences). Shares add up to the logarithm of the ratio, exactly. Up to ``EXACT`` changes all
subsets count; above, orders are drawn in antithetic pairs, an order and its reverse.
"""

from __future__ import annotations

import math
import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from accelsim.errors import ConfigError

EXACT = 10
_NOTHING: frozenset[str] = frozenset()

Subset = frozenset[str]


@dataclass(frozen=True)
class Outcome:
    """A figure, above zero, and the parts that add up to it, where they are known."""

    total: float
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def log(self) -> float:
        """The natural logarithm of the figure."""
        return math.log(self.total)


Game = Callable[[Subset], Outcome | None]


@dataclass(frozen=True)
class Step:
    """A change made in a design that has ``before``; ``weight`` is its share of the orders."""

    change: str
    before: Subset
    weight: float
    log: float


@dataclass(frozen=True)
class Shares:
    """How changes share a ratio; logarithms are of after over before.

    ``logs`` by change; ``error`` is their standard error where orders were drawn, else 0. ``steps``
    are all that were made on the way. ``parts`` split each log by part of the figure: their sums
    are ``logs``. ``feasible`` of ``orders`` lead from one end to the other, as far as looked.
    """

    changes: tuple[str, ...]
    logs: Mapping[str, float]
    error: Mapping[str, float]
    steps: tuple[Step, ...]
    parts: Mapping[str, Mapping[str, float]]
    feasible: int
    orders: int

    def range_of(self, change: str) -> tuple[float, float]:
        """Return the least and the greatest log of a step that makes a change."""
        logs = [step.log for step in self.steps if step.change == change]
        return min(logs), max(logs)

    def rests_on(self, change: str) -> tuple[str, float] | None:
        """Return the other change that moves the log of this one most, and by how much."""
        mine = [step for step in self.steps if step.change == change]
        found = {}
        for other in self.changes:
            with_it = [step.log for step in mine if other in step.before]
            without = [step.log for step in mine if other not in step.before]
            if with_it and without and other != change:
                found[other] = statistics.fmean(with_it) - statistics.fmean(without)
        most = max(found, key=lambda other: abs(found[other]), default=None)
        return None if most is None else (most, found[most])


class Lattice:
    """The subsets of some changes; ``game`` is asked for each at most once.

    Subsets without what a change ``needs`` are not asked. Raises ConfigError for a figure that is
    not above zero.
    """

    def __init__(
        self, changes: Sequence[str], game: Game, needs: Mapping[str, Subset] | None = None
    ) -> None:
        self.changes, self._game, self._needs = tuple(changes), game, needs or {}
        self._seen: dict[Subset, Outcome | None] = {}

    def shares(self, orders: int = 100, seed: int = 0) -> Shares:
        """Return the share of each change: of all orders, or of ``orders`` drawn by ``seed``.

        Raises ConfigError where no order is feasible.
        """
        return self._exact() if len(self.changes) <= EXACT else self._sampled(orders, seed)

    def outcome(self, subset: Subset) -> Outcome | None:
        """Return the outcome of a subset; None where it is not feasible."""
        if subset not in self._seen:
            self._seen[subset] = self._ask(subset)
        return self._seen[subset]

    def _ask(self, subset: Subset) -> Outcome | None:
        if any(not self._needs.get(change, _NOTHING) <= subset for change in subset):
            return None
        found = self._game(subset)
        if found is not None and not 0 < found.total < math.inf:
            raise ConfigError(
                f"a ratio is explained of figures above zero, got {found.total:g} with "
                f"{', '.join(sorted(subset)) or 'no change'}; choose another --metric"
            )
        return found

    # -- all orders ----------------------------------------------------------------------------

    def _exact(self) -> Shares:
        """Return the shares over all feasible orders."""
        for size in range(len(self.changes) + 1):
            for chosen in combinations(self.changes, size):
                self.outcome(frozenset(chosen))
        up, down = self._paths()
        total = down.get(_NOTHING, 0)
        if not total:
            reached = max(up, key=len)
            missing = ", ".join(change for change in self.changes if change not in reached)
            raise ConfigError(
                f"no order of the changes is feasible: none of {missing} can be made alone"
            )
        steps = [
            Step(change, subset, ways * down[subset | {change}] / total, self._log(subset, change))
            for subset, ways in up.items()
            for change in self._onward(subset)
            if subset | {change} in down
        ]
        return self._shares(steps, {}, total, math.factorial(len(self.changes)))

    def _onward(self, subset: Subset) -> Iterator[str]:
        for change in self.changes:
            if change not in subset and self.outcome(subset | {change}) is not None:
                yield change

    def _paths(self) -> tuple[dict[Subset, int], dict[Subset, int]]:
        """Return the feasible paths from the start to each subset, and from each to the end."""
        layer: dict[Subset, int] = {_NOTHING: 1}
        up = dict(layer)
        for _ in self.changes:
            following: defaultdict[Subset, int] = defaultdict(int)
            for subset, ways in layer.items():
                for change in self._onward(subset):
                    following[subset | {change}] += ways
            layer = dict(following)
            up |= layer
        down = {frozenset(self.changes): 1}
        for subset in sorted(up, key=len, reverse=True):
            ways = sum(down.get(subset | {change}, 0) for change in self._onward(subset))
            if ways:
                down[subset] = ways
        return up, down

    def mergers(self) -> tuple[str, ...]:
        """Return the fewest changes that, made at once, let an order be feasible; none if one is.

        A set to make at once lies between a subset that can be reached and one that leads on.
        """
        up, down = self._paths()
        if _NOTHING in down:
            return ()
        ends = self._leading_on()
        gaps = [(below, above) for below in up for above in ends if below < above]
        below, above = min(
            gaps, key=lambda gap: (len(gap[1] - gap[0]), len(gap[0]), sorted(gap[1] - gap[0]))
        )
        return tuple(change for change in self.changes if change in above - below)

    def _leading_on(self) -> set[Subset]:
        """Return the subsets from which the end can be reached one change at a time."""
        found = {frozenset(self.changes)}
        layer = set(found)
        while layer:
            layer = {
                subset - {change}
                for subset in layer
                for change in subset
                if self.outcome(subset - {change}) is not None
            }
            found |= layer
        return found

    # -- some orders ---------------------------------------------------------------------------

    def _sampled(self, orders: int, seed: int) -> Shares:
        """Return the mean over feasible orders drawn in pairs, with its standard error."""
        draw, taken = random.Random(seed), list[list[Step]]()
        pairs: defaultdict[str, list[float]] = defaultdict(list)
        for _ in range(max(2, orders // 2)):
            order = draw.sample(sorted(self.changes), len(self.changes))
            both = [w for w in map(self._walk, (order, order[::-1])) if w]
            taken += both
            for change in self.changes if both else ():
                logs = [step.log for walk in both for step in walk if step.change == change]
                pairs[change].append(statistics.fmean(logs))
        if not taken:
            raise ConfigError(
                f"none of {2 * max(2, orders // 2)} orders of {len(self.changes)} changes is "
                "feasible; put changes that need each other into one with --group"
            )
        steps = [
            Step(step.change, step.before, 1 / len(taken), step.log)
            for walk in taken
            for step in walk
        ]
        error = {
            change: statistics.stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else math.inf
            for change, logs in pairs.items()
        }
        return self._shares(steps, error, len(taken), 2 * max(2, orders // 2))

    def _walk(self, order: Sequence[str]) -> list[Step]:
        """Return the steps of an order; none where it is not feasible."""
        steps, before = [], _NOTHING
        for change in order:
            if self.outcome(before | {change}) is None:
                return []
            steps.append(Step(change, before, 1.0, self._log(before, change)))
            before |= {change}
        return steps

    # -- what comes of the steps ---------------------------------------------------------------

    def _shares(
        self, steps: Sequence[Step], error: Mapping[str, float], feasible: int, orders: int
    ) -> Shares:
        # Exact sums: the order in which changes are named does not matter.
        logs = {
            change: math.fsum(step.weight * step.log for step in steps if step.change == change)
            for change in self.changes
        }
        parts = {change: self._parts(change, steps) for change in self.changes}
        none = dict.fromkeys(self.changes, 0.0)
        return Shares(self.changes, logs, {**none, **error}, tuple(steps), parts, feasible, orders)

    def _parts(self, change: str, steps: Sequence[Step]) -> dict[str, float]:
        """Split a change's log by part, exactly: (difference of the part) / (logarithmic mean)."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        for step in steps:
            if step.change == change:
                before, after = self._known(step.before), self._known(step.before | {change})
                weight = step.weight / logarithmic_mean(after.total, before.total)
                for part in before.parts.keys() | after.parts.keys():
                    moved = after.parts.get(part, 0.0) - before.parts.get(part, 0.0)
                    found[part].append(weight * moved)
        return {part: math.fsum(terms) for part, terms in found.items()}

    def interactions(self) -> dict[tuple[str, str], float]:
        """Return for each two changes what both do beyond what each does, as a mean log.

        The mean is over all subsets of the others for which the four designs are feasible; a pair
        without one is left out.
        """
        found = {}
        for one, other in combinations(self.changes, 2):
            terms = [
                self._known(subset | {one, other}).log
                - self._known(subset | {one}).log
                - self._known(subset | {other}).log
                + self._known(subset).log
                for subset in self._seen
                if not subset & {one, other} and self._has_all(subset, one, other)
            ]
            if terms:
                found[one, other] = statistics.fmean(terms)
        return found

    def _has_all(self, subset: Subset, one: str, other: str) -> bool:
        four = (subset, subset | {one}, subset | {other}, subset | {one, other})
        return all(self._seen.get(each) is not None for each in four)

    def _known(self, subset: Subset) -> Outcome:
        outcome = self.outcome(subset)
        assert outcome is not None
        return outcome

    def _log(self, subset: Subset, change: str) -> float:
        return math.log(self._known(subset | {change}).total / self._known(subset).total)


def logarithmic_mean(one: float, other: float) -> float:
    """Return (x - y) / ln(x / y), which is x where both are equal."""
    if one == other:
        return one
    return (one - other) / math.log(one / other)
