"""Units of work within a stage: products with the functions that can follow them column by column.

An element-wise function of products runs panel by panel behind them, so that no more than a panel
of what it reads ever waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from accelsim.model.operators import Operator, Reach

Producers = Callable[[Operator], tuple[Operator, ...]]


@dataclass(frozen=True)
class Unit:
    """Operators that are worked off panel by panel, or one that is not; in topological order."""

    operators: tuple[Operator, ...]

    @cached_property
    def products(self) -> tuple[Operator, ...]:
        """The matrix products."""
        return tuple(filter(_is_product, self.operators))


def units_of(operators: Sequence[Operator], producers: Producers) -> tuple[Unit, ...]:
    """Return the units of a stage, in an order in which they can be worked off."""
    groups: list[list[Operator]] = []
    for operator in operators:
        groups = _with(operator, groups, producers)
    position = {operator.name: number for number, operator in enumerate(operators)}
    groups = [sorted(group, key=lambda each: position[each.name]) for group in groups]
    groups.sort(key=lambda group: position[group[0].name])
    return tuple(Unit(tuple(group)) for group in _ordered(groups, producers))


def _is_product(operator: Operator) -> bool:
    return operator.kind.reach is Reach.MATRIX


def _with(
    operator: Operator, groups: list[list[Operator]], producers: Producers
) -> list[list[Operator]]:
    """Join an element-wise function to the products that it reads, if they can go together."""
    sources = {producer.name for producer in producers(operator)}
    read = [
        group
        for group in groups
        if any(map(_is_product, group)) and any(each.name in sources for each in group)
    ]
    if operator.kind.reach is Reach.ELEMENT:
        for chosen in (read, *([one] for one in reversed(read))):
            joined = [*(each for group in chosen for each in group), operator]
            others = [group for group in groups if group not in chosen]
            if chosen and _fits_together(joined, others, producers):
                return [*others, joined]
    return [*groups, [operator]]


def _fits_together(
    group: list[Operator], others: list[list[Operator]], producers: Producers
) -> bool:
    """Say whether no member of a group needs whole rows of another, directly or not."""
    own = {operator.name for operator in group}
    moving = {each.name for o in group if _is_product(o) for each in producers(o)}
    return not own & moving and len(_ordered([*others, group], producers)) > len(others)


def _ordered(groups: list[list[Operator]], producers: Producers) -> list[list[Operator]]:
    """Return the groups in an order in which they can be worked off, as far as there is one."""
    own = [{operator.name for operator in group} for group in groups]
    read = [{each.name for operator in group for each in producers(operator)} for group in groups]
    waiting, left = set[str]().union(*own), list(range(len(groups)))
    ordered: list[list[Operator]] = []
    while (found := next((n for n in left if not (read[n] - own[n]) & waiting), None)) is not None:
        left.remove(found)
        ordered.append(groups[found])
        waiting -= own[found]
    return ordered
