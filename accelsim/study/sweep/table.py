"""The rows of a study, one a point, read from the store as they are needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

from accelsim.errors import ConfigError
from accelsim.evaluation.point import Figure
from accelsim.study.evaluator import Tally
from accelsim.study.identity import model_id
from accelsim.study.outcome import NO_REASON, Outcome, Reason, State
from accelsim.study.store import Store
from accelsim.study.sweep.expressions import Expression, si
from accelsim.study.sweep.space import Study, StudyPoint


@dataclass(frozen=True)
class StudyRow(Mapping[str, Any]):
    """A point with all that is known of it, by name: axes, columns, objectives, figures.

    ``state`` and ``reason`` are those of the evaluation, or say which constraint of the study it
    breaks, by how much: (value, bound). A row that is ``ok`` for a reason has no figures of cases
    that do not fit. ``seconds`` is the wall time that it took.
    """

    point: StudyPoint
    state: State
    reason: Reason
    columns: Mapping[str, Any]
    figures: Mapping[str, Figure]
    seconds: float

    @property
    def number(self) -> int:
        """The number of the point in its study."""
        return self.point.number

    @cached_property
    def _all(self) -> dict[str, Any]:
        own = {"number": self.number, "state": self.state, "reason": self.reason.message}
        return {**own, **self.point.values, **self.columns, **self.figures}

    def __getitem__(self, name: str) -> Any:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def value(self, formula: Expression) -> Any:
        """Return the value of a formula over the row, None where it has none."""
        return formula.value(self._all)


def row_of(study: Study, number: int, outcome: Outcome) -> StudyRow:
    """Return the row of a point: derived columns and objectives, constraints checked."""
    point, figures, config = study[number], outcome.figures, study.config
    known = {"number": number, **point.values, **figures}
    objectives = {name: each.formula.text for name, each in config.objectives.items()}
    columns: dict[str, Any] = {}
    for name, formula in {**config.columns, **objectives}.items():
        value = Expression(formula).value(known) if outcome.state == "ok" else None
        columns[name] = known[name] = value
    state, reason = outcome.state, outcome.reason
    broken = _broken(config.constraints, known, reason) if state == "ok" else NO_REASON
    if broken.kind:
        state, reason = "infeasible", broken
    return StudyRow(point, state, reason, columns, figures, outcome.seconds)


def _broken(constraints: list[str], known: Mapping[str, Any], why: Reason) -> Reason:
    """Return the first constraint that a row breaks; one without a value, as ``why`` says, too."""
    for text in constraints:
        formula = Expression(text)
        value = formula.value(known)
        if value is None and why.kind:
            return Reason("constraint", f"{text} has no value: {why.message}", why.context)
        if not value:
            sides = formula.bound
            values = tuple(side.value(known) for side in sides) if sides else ()
            told = f": {_short(values[0])} against {_short(values[1])}" if sides else ""
            return Reason("constraint", f"{text} does not hold{told}", values)
    return NO_REASON


def _short(value: Any) -> str:
    """Return a value as one reads it; the reason keeps it whole, in SI units as the formula."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class StudyTable:
    """The rows of a study that are in a store. ``tally`` says how the run went that made it.

    Iterating reads the rows one by one; ``to_pandas`` and ``to_polars`` make a frame of all.
    """

    study: Study
    store: Store
    tally: Tally | None = None

    def __iter__(self) -> Iterator[StudyRow]:
        for number, outcome in enumerate(self.store.rows(self.study.ids, model_id())):
            if outcome is not None:
                yield row_of(self.study, number, outcome)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def states(self) -> Counter[str]:
        """How many rows are in each state, constraints of the study included."""
        return Counter(row.state for row in self)

    def kinds(self) -> dict[str, frozenset[type]]:
        """Return the columns of all rows in order, with the types that they have in ``records``.

        They are number, state, reason, axes, columns, objectives and figures. A whole number beyond
        64 bits, which tables of other tools do not hold, counts as a float.
        """
        config = self.study.config
        own = (*config.axis_columns, *config.columns, *config.objectives)
        found: dict[str, set[type]] = {name: set() for name in ("number", "state", "reason", *own)}
        for row in self:
            for name, value in row.items():
                kinds = found.setdefault(name, set())
                if value is not None:
                    plain = si(value)
                    large = type(plain) is int and not -(2**63) <= plain < 2**63
                    kinds.add(float if large else type(plain))
        return {name: frozenset(kinds) for name, kinds in found.items()}

    def records(self, names: Iterable[str] | None = None) -> Iterator[dict[str, Any]]:
        """Yield every row as a flat mapping with the same names; None where one has no value.

        Quantities of axes are numbers in SI units.
        """
        wanted = tuple(self.kinds() if names is None else names)
        for row in self:
            yield {name: si(row.get(name)) for name in wanted}

    def to_pandas(self) -> Any:
        """Return a pandas frame, a row a point. Raises ConfigError without pandas."""
        return _library("pandas").DataFrame(list(self.records()))

    def to_polars(self) -> Any:
        """Return a polars frame, a row a point. Raises ConfigError without polars."""
        return _library("polars").DataFrame(list(self.records()), infer_schema_length=None)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise ConfigError(f"{name} is not installed; run: pip install {name}") from None
