"""From one design to another: every mixture of the two is evaluated, and its figure shared out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, isclose

from accelsim.errors import ConfigError, MappingError
from accelsim.evaluation.examine import evaluate, resolve
from accelsim.evaluation.metrics import all_metrics
from accelsim.evaluation.metrics.base import Metric
from accelsim.evaluation.point import Point, Row
from accelsim.inputs.files import one_reading
from accelsim.inputs.memo import Memo
from accelsim.inputs.paths import suggest
from accelsim.study.explain.changes import Difference, assignments, differences, grouped
from accelsim.study.explain.shares import EXACT, Lattice, Outcome, Shares, Subset
from accelsim.study.work import different_work
from accelsim.workload.schema import Case, Workload

# The figures whose sum over all labels a metric is, up to a factor that all of them have.
_PARTS = {
    "energy.system": "energy.part",
    **dict.fromkeys(("energy.run", "energy.day", "energy.request", "power"), "energy.purpose"),
}
# Parts of a figure add up to it but for rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Question:
    """What is to be explained: a metric between two designs, each a point of one case.

    ``groups`` are paths by the name of a change, ``needs`` the changes that one needs. ``metric``
    None: the energy of a round, or of a request where the requests are a stream.
    """

    before: Point
    after: Point
    metric: str | None = None
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    needs: Mapping[str, Subset] = field(default_factory=dict)
    orders: int = 100
    seed: int = 0


@dataclass(frozen=True)
class Mixture:
    """The first design with some of the changes, made by ``assignments``.

    ``outcome`` is None where that is not feasible, for the ``reason``.
    """

    assignments: tuple[str, ...]
    outcome: Outcome | None
    reason: str = ""


Changes = Mapping[str, tuple[Difference, ...]]


@dataclass(frozen=True)
class Explanation:
    """Where the ratio between two designs comes from.

    ``figure`` is the name of the metric, with its label where it has labels. ``changes`` are the
    differences by the name of their change; those that block each other are one, ``a + b``.
    ``mixtures`` are all that were looked at, by the changes made.
    """

    question: Question
    figure: str
    metric: Metric
    before: float
    after: float
    changes: Changes
    shares: Shares
    interactions: Mapping[tuple[str, str], float]
    mixtures: Mapping[Subset, Mixture]

    @property
    def exact(self) -> bool:
        """Whether all orders were looked at."""
        return len(self.changes) <= EXACT


def find_explanation(
    question: Question, memo: Memo | None = None, progress: Callable[[str], None] | None = None
) -> Explanation:
    """Return the share of each change in the ratio of a metric.

    Raises ConfigError for designs that do different work, for a metric that one of them does not
    have or that is not above zero, and where no order of the changes is feasible.
    """
    with one_reading():
        return _Study(question, memo or Memo(), progress).explain()


class _Study:
    def __init__(
        self, question: Question, memo: Memo, progress: Callable[[str], None] | None
    ) -> None:
        self.question, self.memo, self.progress = question, memo, progress
        self.before, self.after = (self._design(p) for p in (question.before, question.after))
        _check_work(self.before, self.after)
        scope = "system" if self.before[0].config.requests.closed_loop else "request"
        self.figure = question.metric or f"energy.{scope}"
        self.metric = _metric_of(self.figure)
        self.changes: Changes = grouped(differences(self.before, self.after), question.groups)
        self.needs = _checked_needs(question.needs, self.changes)
        self.known: dict[frozenset[Difference], Mixture] = {}

    def explain(self) -> Explanation:
        """Share the ratio out, changes that block each other taken as one."""
        first, last = (self._figure(p) for p in (self.question.before, self.question.after))
        lattice, mixtures = self._lattice()
        self._check_end(lattice.outcome(frozenset(self.changes)), last)
        while len(self.changes) <= EXACT and (block := lattice.mergers()):
            self._merge(block)
            lattice, mixtures = self._lattice()
        shares = lattice.shares(self.question.orders, self.question.seed)
        pairs = lattice.interactions()
        asked, found = (self.question, self.figure, self.metric), (shares, pairs, mixtures)
        return Explanation(*asked, first, last, self.changes, *found)

    # -- mixtures ------------------------------------------------------------------------------

    def _lattice(self) -> tuple[Lattice, dict[Subset, Mixture]]:
        mixtures: dict[Subset, Mixture] = {}

        def game(subset: Subset) -> Outcome | None:
            mixtures[subset] = self._mixture(subset)
            return mixtures[subset].outcome

        return Lattice(tuple(self.changes), game, self.needs), mixtures

    def _mixture(self, subset: Subset) -> Mixture:
        chosen = [d for change, found in self.changes.items() if change in subset for d in found]
        key = frozenset(chosen)
        if key not in self.known:
            if self.progress:
                self.progress(", ".join(sorted(subset)) or "the first design")
            self.known[key] = self._made(tuple(assignments(*self.before, chosen)))
        return self.known[key]

    def _made(self, changes: tuple[str, ...]) -> Mixture:
        try:
            row = evaluate(self.question.before.with_assignments(*changes), self.memo)
        except (ConfigError, MappingError) as error:
            return Mixture(changes, None, str(error).partition("\n")[0])
        total = row.figures.get(f"{self.before[1].name}.{self.figure}")
        if not isinstance(total, int | float):
            return Mixture(changes, None, f"it has no {self.metric.title}")
        return Mixture(changes, Outcome(total, self._parts(row, total)))

    def _parts(self, row: Row, total: float) -> dict[str, float]:
        """Return the parts of the figure; none where they do not add up to it."""
        start = f"{self.before[1].name}.{_PARTS.get(self.figure, '-')}."
        own = (name for name in row if name.startswith(start))
        found = {name.removeprefix(start): float(row[name] or 0) for name in own}
        whole = fsum(found.values())
        return {part: joules * total / whole for part, joules in found.items()} if whole else {}

    def _merge(self, block: tuple[str, ...]) -> None:
        name, found = " + ".join(block), tuple(d for each in block for d in self.changes[each])
        kept = {n: own for n, own in self.changes.items() if n not in block}
        self.changes = {**kept, name: found}
        renamed = {change: name if change in block else change for change in (*kept, *block)}
        needs: dict[str, Subset] = {}
        for change, wanted in self.needs.items():
            own = renamed[change]
            needs[own] = needs.get(own, frozenset()) | {renamed[w] for w in wanted} - {own}
        self.needs = needs

    # -- what is refused -----------------------------------------------------------------------

    def _design(self, point: Point) -> tuple[Workload, Case]:
        workload = resolve(point, self.memo)
        (case,) = workload.cases.values()
        return workload, case

    def _figure(self, point: Point) -> float:
        """Return the metric of an end. Raises ConfigError where it has none."""
        (case,) = point.cases or ()
        value = evaluate(point, self.memo).figures.get(f"{case}.{self.figure}")
        if not isinstance(value, int | float):
            raise ConfigError(
                f"--metric {self.figure}: '{case}' has no {self.metric.title} (it may never "
                "switch, or serve a stream, not rounds); choose another"
            )
        if value <= 0:
            raise ConfigError(
                f"--metric {self.figure}: that of '{case}' is {value:g}; a ratio takes figures "
                "above zero; choose another"
            )
        return value

    def _check_end(self, whole: Outcome | None, last: float) -> None:
        """Refuse designs between which something differs that is no change of these."""
        if whole is None or not isclose(whole.total, last, rel_tol=_ROUNDING):
            told = self._mixture(frozenset(self.changes)).reason or "the figures differ"
            raise ConfigError(
                f"all changes together do not make '{self.after[1].name}' of "
                f"'{self.before[1].name}': {told}"
            )


def _check_work(before: tuple[Workload, Case], after: tuple[Workload, Case]) -> None:
    one, other = (each[0].config.model_dump(mode="json") for each in (before, after))
    if found := different_work(one, other):
        raise ConfigError(f"the designs do different work: {'; '.join(found)}")


def _metric_of(figure: str) -> Metric:
    """Return the metric of a figure's name, which may end with a label."""
    known = {metric.key: metric for metric in all_metrics()}
    fits = [key for key in known if f"{figure}.".startswith(f"{key}.")]
    if not fits:
        hint = suggest(figure, known, "metrics")
        raise ConfigError(f"--metric: there is no metric '{figure}'; {hint}")
    return known[max(fits, key=len)]


def _checked_needs(needs: Mapping[str, Subset], changes: Changes) -> dict[str, Subset]:
    for name in {*needs, *(wanted for each in needs.values() for wanted in each)}:
        if name not in changes:
            hint = suggest(name, changes, "changes")
            raise ConfigError(f"--needs: there is no change '{name}'; {hint}")
    return dict(needs)
