"""The layer graph: operators and the activations that flow between them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

from accelsim.errors import ConfigError
from accelsim.model.operators import Operator
from accelsim.model.tensors import Activation, Parameter, Role, Shape, format_shape

if TYPE_CHECKING:
    import networkx


class LayerGraph:
    """Operators and their order, checked when built and not changed afterwards.

    ``operators`` are given in any order; an ``edge`` (producer, consumer) names two of them. The
    edges of one consumer stand in the order of its operands: (queries, keys) for scores,
    (probabilities, values) for context. An operator without a producer reads from outside the
    graph. ``sequence_length`` is the number of tokens.

    Raises ConfigError for a name that is unknown or stands twice, a wrong number of inputs,
    shapes that do not fit together, two parameters of one name, and a cycle.
    """

    def __init__(
        self,
        operators: Iterable[Operator],
        edges: Iterable[tuple[str, str]],
        *,
        sequence_length: int,
    ) -> None:
        if sequence_length < 1:
            raise ConfigError(f"sequence_length is {sequence_length}, must be 1 or more")
        self.sequence_length = sequence_length
        given = _index_operators(operators)
        producers = _collect_producers(given, edges)
        self._inputs = {
            name: _read_all([given[source] for source in sources], given[name])
            for name, sources in producers.items()
        }
        self._producers = {n: tuple(given[s] for s in names) for n, names in producers.items()}
        self._consumers = _collect_consumers(given, producers)
        self._by_name = {name: given[name] for name in _sort(given, producers)}
        self.operators = tuple(self._by_name.values())
        self.parameters = _unique_parameters(self.operators)

    @cached_property
    def digraph(self) -> networkx.DiGraph[str]:
        """The frozen networkx graph: names; attributes ``operator`` and ``activation``."""
        import networkx

        digraph: networkx.DiGraph[str] = networkx.DiGraph()
        for operator in self.operators:
            digraph.add_node(operator.name, operator=operator)
        for operator in self.operators:
            for activation in self._inputs[operator.name]:
                digraph.add_edge(activation.name, operator.name, activation=activation)
        frozen: networkx.DiGraph[str] = networkx.freeze(digraph)
        return frozen

    def __getitem__(self, name: str) -> Operator:
        """Return the operator of a name. Raises ConfigError when there is none."""
        if name not in self._by_name:
            raise ConfigError(f"the graph has no operator '{name}'")
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __eq__(self, other: object) -> bool:
        # One object is one kind: two may have one name, of an edited plug-in for instance.
        return (
            isinstance(other, LayerGraph)
            and self.digest == other.digest
            and all(a.kind is b.kind for a, b in zip(self.operators, other.operators, strict=True))
        )

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<LayerGraph of {len(self.operators)} operators, {self.sequence_length} tokens>"

    def predecessors(self, operator: Operator | str) -> tuple[Operator, ...]:
        """Return the producers of an operator's inputs, in the order of its operands."""
        return self._producers[self._name(operator)]

    def successors(self, operator: Operator | str) -> tuple[Operator, ...]:
        """Return the consumers of an operator's output."""
        return self._consumers[self._name(operator)]

    def inputs(self, operator: Operator | str) -> tuple[Activation, ...]:
        """Return the activations that an operator reads, in the order of its operands."""
        return self._inputs[self._name(operator)]

    def layer_operators(self, layer: int) -> tuple[Operator, ...]:
        """Return the operators of one encoder layer, in order. Raises ConfigError if it is none."""
        found = tuple(operator for operator in self.operators if operator.layer == layer)
        if not found:
            raise ConfigError(f"the graph has no layer {layer}; it has {self.layers} layers")
        return found

    @cached_property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """All (producer, consumer) pairs, by consumer in order, then by operand."""
        return tuple(
            (producer.name, operator.name)
            for operator in self.operators
            for producer in self._producers[operator.name]
        )

    @cached_property
    def layers(self) -> int:
        """Number of encoder layers, 0 when no operator belongs to one."""
        return len({operator.layer for operator in self.operators} - {None})

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of all operators."""
        return sum(operator.macs for operator in self.operators)

    @cached_property
    def work(self) -> Mapping[tuple[str, str], int]:
        """Multiply-accumulates (``mac``), or elements that a kind goes over, by it and label."""
        found: Counter[tuple[str, str]] = Counter()
        for operator in self.operators:
            action = "mac" if operator.macs else operator.kind.name
            turns = operator.turns(len(self._producers[operator.name]))
            found[action, operator.label] += operator.macs or turns * operator.worked_on
        return +found

    def parameter_count(self, role: Role | None = None, module: str | None = None) -> int:
        """Return the number of parameters, shared ones counted once.

        ``role`` keeps those of one role, ``module`` those of one module and the modules below it
        (``encoder`` for the whole encoder).
        """
        return sum(
            parameter.elements
            for parameter in self.parameters
            if (role is None or parameter.role == role)
            and (module is None or f"{parameter.module}.".startswith(f"{module}."))
        )

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the content in hexadecimal: equal graphs, equal digests.

        A kind is told by its class; the module of a plug-in is called by its content.
        """
        content = [
            self.sequence_length,
            [
                [p.name, p.shape, p.role, p.module, p.home, *([p.runs] if p.runs > 1 else [])]
                for p in self.parameters
            ],
            [_operator_content(operator) for operator in self.operators],
            self.edges,
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def _name(self, operator: Operator | str) -> str:
        return self[operator if isinstance(operator, str) else operator.name].name


def _operator_content(operator: Operator) -> list[object]:
    shape = [operator.batch, operator.rows, operator.columns, operator.depth]
    names = [parameter.name for parameter in operator.parameters]
    choice = [operator.layer, operator.masked, operator.form, operator.label, operator.groups]
    choice.append(None if operator.window is None else repr(operator.window))
    choice.append(operator.kept)
    kind = type(operator.kind)
    own = [each for each in (operator.parts, operator.sources) if each]
    return [operator.name, kind.__module__, kind.__qualname__, shape, names, *choice, *own]


def _index_operators(operators: Iterable[Operator]) -> dict[str, Operator]:
    by_name: dict[str, Operator] = {}
    for operator in operators:
        if operator.name in by_name:
            raise ConfigError(
                f"operator '{operator.name}' stands twice; give every operator its own name"
            )
        by_name[operator.name] = operator
    return by_name


def _collect_producers(
    by_name: dict[str, Operator], edges: Iterable[tuple[str, str]]
) -> dict[str, list[str]]:
    producers: dict[str, list[str]] = {name: [] for name in by_name}
    for producer, consumer in edges:
        for name in (producer, consumer):
            if name not in by_name:
                raise ConfigError(
                    f"edge {producer} -> {consumer}: no operator is called '{name}'; add it to "
                    "the operators or correct the edge"
                )
        if producer in producers[consumer]:
            raise ConfigError(f"edge {producer} -> {consumer} stands twice; keep one")
        producers[consumer].append(producer)
    return producers


def _collect_consumers(
    by_name: dict[str, Operator], producers: dict[str, list[str]]
) -> dict[str, tuple[Operator, ...]]:
    consumers: dict[str, list[Operator]] = {name: [] for name in by_name}
    for name, sources in producers.items():
        for source in sources:
            consumers[source].append(by_name[name])
    return {name: tuple(found) for name, found in consumers.items()}


def _read_all(producers: Sequence[Operator], consumer: Operator) -> tuple[Activation, ...]:
    if not producers:
        return ()
    shapes = consumer.kind.inputs(consumer)
    _check_input_count(consumer, len(shapes), len(producers))
    last = len(shapes) - 1
    return tuple(
        _read(producer, consumer, operand, shapes[min(operand, last)])
        for operand, producer in enumerate(producers)
    )


def _check_input_count(operator: Operator, wanted: int, count: int) -> None:
    repeats = operator.kind.repeats
    if count == wanted or (repeats and count > wanted):
        return
    what = f"{wanted} or more inputs" if repeats else f"{wanted} input{'s' * (wanted > 1)}"
    raise ConfigError(
        f"operator '{operator.name}': {operator.kind} takes "
        f"{what if wanted else 'no input from another operator'}, got {count}; an operator that "
        "reads from outside the graph has no edges to it"
    )


def _read(producer: Operator, consumer: Operator, operand: int, shape: Shape) -> Activation:
    """Return what the consumer reads, with the heads where the producer puts them.

    Splitting a row of width heads x n into heads, and joining them, moves no data: only the
    width of a whole row has to agree.
    """
    rows, width = shape
    first_rows = consumer.kind.first_rows and rows < producer.seen_rows
    if width != prod(producer.seen) or not (rows == producer.seen_rows or first_rows):
        raise ConfigError(
            f"edge {producer.name} -> {consumer.name}: the producer gives "
            f"{format_shape(producer.shape)}, but the consumer ({consumer.kind}, depth "
            f"{consumer.depth}) reads {format_shape(shape)} as input {operand + 1}; make "
            "the producer's columns and the consumer's depth agree"
        )
    if consumer.worked_on and consumer.batch != producer.seen[0]:
        raise ConfigError(
            f"edge {producer.name} -> {consumer.name}: the producer gives {producer.seen[0]} "
            f"{'matrix' if producer.seen[0] == 1 else 'matrices'} of {producer.seen[1]} columns, "
            f"but the consumer ({consumer.kind}) has a batch of {consumer.batch}; give it as many"
        )
    return Activation(producer.name, rows, producer.columns, producer.batch)


def _sort(given: dict[str, Operator], producers: dict[str, list[str]]) -> list[str]:
    order = {name: position for position, name in enumerate(given)}
    edges = [(source, name) for name, sources in producers.items() for source in sources]
    # The given order is usually one already, and then the one that the sort would find.
    if all(order[source] < order[name] for source, name in edges):
        return list(order)
    import networkx

    digraph: networkx.DiGraph[str] = networkx.DiGraph()
    digraph.add_nodes_from(order)
    digraph.add_edges_from(edges)
    try:
        return list(networkx.lexicographical_topological_sort(digraph, key=order.__getitem__))
    except networkx.NetworkXUnfeasible:
        path = [source for source, _ in networkx.find_cycle(digraph)]
        raise ConfigError(
            f"the graph has a cycle: {' -> '.join([*path, path[0]])}; remove one of these edges"
        ) from None


def _unique_parameters(operators: Iterable[Operator]) -> tuple[Parameter, ...]:
    found: dict[str, Parameter] = {}
    for operator in operators:
        for parameter in operator.parameters:
            known = found.setdefault(parameter.name, parameter)
            if known is not parameter and known != parameter:
                raise ConfigError(
                    f"operator '{operator.name}': parameter '{parameter.name}' is "
                    f"{format_shape(parameter.shape)} of role {parameter.role}, but an earlier "
                    f"one of this name is {format_shape(known.shape)} of role {known.role}; "
                    "give one of them another name"
                )
    return tuple(found.values())
