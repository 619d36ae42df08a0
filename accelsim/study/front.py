"""The best of many points: those that no other point beats in everything, and what is near."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document
from accelsim.study.sweep.config import Objective
from accelsim.study.sweep.expressions import parse
from accelsim.study.sweep.space import Study
from accelsim.study.sweep.table import StudyRow, StudyTable

Costs = tuple[float, ...]
"""The values of all objectives, those to maximise negated: less is better in each."""


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


class Costed(Protocol):
    """A row with the costs of its objectives, None where it is infeasible or lacks one."""

    @property
    def costs(self) -> Costs | None:
        """The values of all objectives."""


Item = TypeVar("Item", bound=Costed)


@dataclass(frozen=True)
class Front(Generic[Item]):
    """Rows that have costs, in the order in which they were given.

    ``best`` are those that no other dominates (is as good in all objectives and better in one);
    equal rows are all among them. ``near`` are those within the slack of one of the best in every
    objective, the best included.
    """

    best: tuple[Item, ...] = ()
    near: tuple[Item, ...] = ()
    others: tuple[Item, ...] = ()


def front_of(rows: Iterable[Item], slack: float = 0.0) -> Front[Item]:
    """Return the rows that no other beats; those near them lie within a slack, a share."""
    priced = [(row, row.costs) for row in rows if row.costs]
    is_best = front([cost for _, cost in priced])
    judged = [(row, cost, best) for (row, cost), best in zip(priced, is_best, strict=True)]
    edge = [cost for _, cost, best in judged if best]
    return Front(
        tuple(row for row, _, best in judged if best),
        tuple(row for row, cost, _ in judged if any(_within(cost, one, slack) for one in edge)),
        tuple(row for row, _, best in judged if not best),
    )


def costs_of(row: StudyRow, objectives: Mapping[str, Objective]) -> Costs | None:
    """Return what a row costs, None for one that is infeasible or lacks an objective."""
    return signed(row, objectives) if row.state == "ok" else None


def signed(row: StudyRow, objectives: Mapping[str, Objective]) -> Costs | None:
    """Return the values of the objectives, less being better; None where one has no number."""
    costs = []
    for name, objective in objectives.items():
        value = row.get(name)
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return None
        costs.append(value if objective.minimize else -value)
    return tuple(costs)


def _within(cost: Costs, best: Costs, slack: float) -> bool:
    return all(a <= b + slack * abs(b) for a, b in zip(cost, best, strict=True))


def with_objectives(
    table: StudyTable, minimize: Sequence[str], maximize: Sequence[str]
) -> StudyTable:
    """Return the same rows with other objectives, each named by its formula.

    Raises ConfigError for a formula that is none, and for one of what no row can have.
    """
    try:
        wanted = {text: Objective(minimize=parse(text).text) for text in minimize}
        wanted |= {text: Objective(maximize=parse(text).text) for text in maximize}
    except ValueError as error:
        raise ConfigError(f"objectives: {error}") from None
    config = table.study.config.model_copy(update={"objectives": wanted})
    # What is wrong with them stands in no file.
    Study(config, table.study.base, Document({}, {}, Path(config.name))).check()
    return replace(table, study=Study(config, table.study.base, table.study.document))
