"""Cuts a graph into segments (what stands before, in and between its layers) and these into stages.

A stage is worked off in blocks of rows, so it ends where a function needs whole rows, where the
number of rows changes, and before what reads other rows than its own. An attention is a stage of
its own. Of a token that reads a cache it is a segment of its own, too: what stands before and
behind is the same work however long the cache is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby

from accelsim.mapping.units import Unit, units_of
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Operator, Reach


@dataclass(frozen=True)
class Attention:
    """Two products of two activations each, with row-wise functions between them.

    ``scores`` multiplies queries by keys, ``weighted`` what the functions ``between`` make of the
    scores by values.
    """

    scores: Operator
    between: tuple[Operator, ...]
    weighted: Operator

    @property
    def core(self) -> tuple[Operator, ...]:
        """The operators of one head."""
        return (self.scores, *self.between, self.weighted)


@dataclass(frozen=True)
class Stage:
    """Units of operators that are worked off together, in order.

    ``attention`` is set where they make queries, keys and values of one, which follows.
    """

    units: tuple[Unit, ...]
    attention: Attention | None = None

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """All operators, in the order in which they are worked off."""
        made = tuple(operator for unit in self.units for operator in unit.operators)
        return made + (self.attention.core if self.attention else ())

    def each(self, change: Callable[[Operator], Operator]) -> Stage:
        """Return the stage with other operators."""
        units = tuple(Unit(tuple(map(change, unit.operators))) for unit in self.units)
        own = self.attention
        if own is None:
            return Stage(units)
        between = tuple(map(change, own.between))
        return Stage(units, Attention(change(own.scores), between, change(own.weighted)))

    @property
    def label(self) -> str:
        """The labels of the first and the last operator: ``encoder.ffn1 to ffn2``."""
        first, last = self.operators[0].label, self.operators[-1].label
        return first if first == last else f"{first} to {last.partition('.')[2] or last}"


def requests_of(stages: Iterable[Stage]) -> int:
    """Return how many requests stages work for one after the other: each has keys of its own."""
    operators = (operator for stage in stages for operator in stage.operators)
    return max((each.batch for each in operators if each.kind.reach is Reach.STATE), default=1)


def of_one_request(operator: Operator, requests: int) -> Operator:
    """Return one request's part of an operator."""
    if operator.kind.reach is Reach.STATE:
        return replace(operator, batch=1)
    return replace(operator, rows=operator.rows // requests)


@lru_cache(maxsize=64)
def cut(graph: LayerGraph) -> tuple[tuple[Stage, ...], ...]:
    """Return the stages of all segments, in an order in which they can be worked off."""
    runs = groupby(graph.operators, key=lambda operator: operator.layer)
    known: dict[Hashable, tuple[list[Operator], tuple[Stage, ...]]] = {}
    stages = (_alike(graph, list(operators), known) for _, operators in runs)
    return tuple(
        tuple(part)
        for run in stages
        for _, part in groupby(run, key=lambda stage: _reads_state(graph, stage))
    )


def _alike(
    graph: LayerGraph,
    operators: list[Operator],
    known: dict[Hashable, tuple[list[Operator], tuple[Stage, ...]]],
) -> tuple[Stage, ...]:
    """Cut a segment; as one before, if its operators are the same but for their names."""
    place = {operator.name: number for number, operator in enumerate(operators)}
    key = tuple(
        (
            *(each.kind, each.shape, each.depth, each.groups, each.window, each.kept, each.parts),
            *(each.sources, bool(each.parameters)),
            tuple((place.get(one.name), one.kind) for one in graph.predecessors(each)),
            tuple(place.get(one.name) for one in graph.successors(each)),
        )
        for each in operators
    )
    if key not in known:
        known[key] = operators, _stages(graph, operators)
        return known[key][1]
    first, stages = known[key]
    twins = {one.name: operator for one, operator in zip(first, operators, strict=True)}
    return tuple(stage.each(lambda one: twins[one.name]) for stage in stages)


def _reads_state(graph: LayerGraph, stage: Stage) -> bool:
    """Say whether a stage reads what was kept from earlier programs, or puts more behind it."""
    made = stage.units[0].operators[0].kept if stage.units else 0
    return made > 0 or (stage.attention is not None and _of_state(graph, stage.attention))


def _of_state(graph: LayerGraph, attention: Attention) -> bool:
    """Say whether the keys of an attention come from a cache."""
    return graph.predecessors(attention.scores)[1].kind.reach is Reach.STATE


def is_paired(operator: Operator) -> bool:
    """Say whether an operator is a product of two activations."""
    return operator.kind.reach is Reach.MATRIX and not operator.rowwise


def attentions(graph: LayerGraph, operators: Iterable[Operator]) -> list[Attention]:
    """Return the attentions among some operators, in topological order."""
    found = (_attention(graph, each) for each in operators if is_paired(each))
    return [attention for attention in found if attention]


def unpaired_products(graph: LayerGraph) -> list[Operator]:
    """Return the products of two activations that no attention consists of."""
    paired = {each.name for found in attentions(graph, graph.operators) for each in found.core}
    return [each for each in graph.operators if is_paired(each) and each.name not in paired]


def _attention(graph: LayerGraph, weighted: Operator) -> Attention | None:
    """Return the attention that ends with a product, if the product is the end of one."""
    between: list[Operator] = []
    producers = graph.predecessors(weighted)[:1]
    while len(producers) == 1 and len(graph.successors(producers[0])) == 1:
        (source,) = producers
        if is_paired(source):
            return Attention(source, tuple(between), weighted) if between else None
        if source.kind.reach not in (Reach.ELEMENT, Reach.ROW):
            return None
        between.insert(0, source)
        producers = graph.predecessors(source)
    return None


def _stages(graph: LayerGraph, operators: list[Operator]) -> tuple[Stage, ...]:
    """Cut a segment; what an attention depends on stands before it."""
    stages: list[Stage] = []
    left = operators
    for attention in attentions(graph, operators):
        group = _with_projections(graph, left, attention)
        before = _ancestors(graph, left, group)
        stages += _rowwise(graph, [each for each in left if each.name in before])
        core = {each.name for each in attention.core}
        made = [each for each in left if each.name in group - core]
        stages.append(Stage(units_of(made, graph.predecessors), attention))
        left = [each for each in left if each.name not in before | group]
    return (*stages, *_rowwise(graph, left))


def _with_projections(
    graph: LayerGraph, operators: Sequence[Operator], attention: Attention
) -> set[str]:
    """Return the attention with what makes the columns of one head from whole rows.

    Keys and values that several heads share are made once, before the attention, and so is what
    has other rows than the keys of the tokens, and all where keys come from a cache.
    """
    core = {operator.name for operator in attention.core}
    if _of_state(graph, attention):
        return core
    found, shared = set(core), _shared_operands(graph, attention)
    for operator in reversed(operators):
        if operator.name in shared or operator.elsewhere:
            continue
        readers = graph.successors(operator)
        by_columns = all(
            reader.name in found and (reader.name in core or reader.kind.reach is Reach.ELEMENT)
            for reader in readers
        )
        if readers and by_columns and separable(operator):
            found.add(operator.name)
    return found


def _shared_operands(graph: LayerGraph, attention: Attention) -> set[str]:
    products = (attention.scores, attention.weighted)
    return {graph.predecessors(each)[1].name for each in products if each.groups > 1}


def separable(operator: Operator) -> bool:
    """Say whether some columns of the output can be had without the others.

    A function whose vectors are read as a whole works on whole rows.
    """
    return (operator.kind.reach is Reach.ELEMENT and not operator.parameters) or (
        operator.kind.reach is Reach.MATRIX and operator.rowwise
    )


def _ancestors(graph: LayerGraph, operators: Sequence[Operator], group: set[str]) -> set[str]:
    found: set[str] = set()
    for operator in reversed(operators):
        readers = {reader.name for reader in graph.successors(operator)}
        if operator.name not in group and readers & (found | group):
            found.add(operator.name)
    return found


def _rowwise(graph: LayerGraph, operators: Sequence[Operator]) -> list[Stage]:
    stages: list[list[Operator]] = []
    open_rows = 0
    for operator in operators:
        if operator.rows != open_rows or operator.elsewhere or operator.kind.reach is Reach.STATE:
            stages.append([])
        stages[-1].append(operator)
        ends = operator.kind.reach in (Reach.ROW, Reach.STATE)
        open_rows = 0 if ends else operator.rows
    return [Stage(units_of(stage, graph.predecessors)) for stage in stages]
