"""Which activations lie in DRAM when their memory is too small: as few rows as are needed.

Where most bytes lie at a time, the last rows go of that one which moves fewest bytes for each byte
of room that it makes, a quarter at a time. Equal operators of all layers go together, and what
equal operators read. The order depends on the graph alone, so more memory never needs to spill
more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from accelsim.mapping.context import Context
from accelsim.mapping.cutting import Stage
from accelsim.model.operators import Operator, Reach
from accelsim.units import ceil_div

Spills = Mapping[str, int]
"""How many of an operator's last rows lie in DRAM, by name; what is not there lies on the chip."""

NOTHING: Spills = MappingProxyType({})
PARTS = 4


def spill_levels(
    context: Context, stages: Sequence[Stage], capacity: int, *, results: bool = False
) -> Iterator[Spills]:
    """Yield growing spills, from none to all rows of all crossing outputs (and of results).

    Left out are those of which more than ``capacity`` bytes stay at the end of a stage.
    """
    every = (each for stage in stages for each in stage.operators)
    ends = {each.name for each in every if results and context.is_result(each)}
    known = list(_places(context, stages, context.crossing | ends))
    places = [place for place, _ in known]

    def fit(kept: Callable[[Operator], int]) -> bool:
        return all(sum(map(kept, place)) <= capacity for place, whole in known if whole)

    if fit(lambda operator: operator.elements):
        yield NOTHING
    passes = bus_passes(context, stages)
    crossing = {each.name: each for place in places for each in place}
    group, gone = _groups(context, stages, crossing.values()), Counter[str]()

    def stays(operator: Operator) -> int:
        return operator.elements * (PARTS - gone[group[operator.label]])

    def kept(operator: Operator) -> int:
        away = ceil_div(operator.rows * gone[group[operator.label]], PARTS)
        return operator.elements // operator.rows * (operator.rows - away)

    while any(map(stays, crossing.values())):
        fullest = max(places, key=lambda place: sum(map(stays, place)))
        chosen = min(filter(stays, fullest), key=lambda each: passes[each.name])
        gone[group[chosen.label]] += 1
        if not fit(kept):
            continue
        yield {
            name: ceil_div(each.rows * gone[group[each.label]], PARTS)
            for name, each in crossing.items()
            if gone[group[each.label]]
        }


def _groups(
    context: Context, stages: Sequence[Stage], crossing: Iterable[Operator]
) -> dict[str, str]:
    """Map the label of each crossing operator to the first of those that equal operators read."""
    first: dict[str, str] = {}
    by_reader: dict[str, set[str]] = {}
    for operator in (each for stage in stages for each in stage.operators):
        labels = {each.label for each in context.producers[operator.name]}
        by_reader.setdefault(operator.label, set()).update(labels)
    for operator in crossing:
        readers = [labels for labels in by_reader.values() if operator.label in labels]
        known = (first[label] for label in first if any(label in labels for labels in readers))
        first.setdefault(operator.label, next(known, operator.label))
    return first


def _places(
    context: Context, stages: Sequence[Stage], spilling: frozenset[str]
) -> Iterator[tuple[list[Operator], bool]]:
    """Yield what lies in the memory at a time: before and after a stage, in an attention both.

    What lies there after a stage is certain, as a whole.

    In other stages rows of what is made take the place of those of what is read for the last time.
    """
    live: list[Operator] = []
    for stage in stages:
        names = {operator.name for operator in stage.operators}
        made = [each for each in stage.operators if each.name in spilling]
        kept = [each for each in live if context.last_reader.get(each.name) not in names]
        if stage.attention:
            yield live + made, False
        live = kept + made
        yield live, True


def bus_passes(context: Context, stages: Sequence[Stage]) -> Counter[str]:
    """Return how often crossing outputs pass the bus in some stages where they spill, at most.

    One is written once and read by each function, and once for all products of a stage; what makes
    queries, keys and values reads it for each head.
    """
    passes = Counter[str]()
    for stage in stages:
        core, moved = stage.attention.core if stage.attention else (), Counter[str]()
        for operator in stage.operators:
            passes[operator.name] += 1
            product, own = operator.kind.reach is Reach.MATRIX, operator not in core
            heads = stage.attention.scores.batch if stage.attention and product and own else 1
            for producer in context.producers[operator.name]:
                if product:
                    moved[producer.name] = max(moved[producer.name], heads)
                else:
                    passes[producer.name] += 1
        passes += moved
    return Counter({name: times for name, times in passes.items() if name in context.crossing})
