"""The report of a layer graph: a tree of layers and operators, with work and placement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Operator
from accelsim.model.tensors import Parameter, format_shape
from accelsim.placement.placement import Placement
from accelsim.report.origin import origin
from accelsim.report.table import RULE, Column, Field, Report, Row, Table, listed
from accelsim.workload.schema import Workload

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class _Line:
    """An operator, or a layer of several; ``level`` is how far it stands in."""

    name: str
    level: int
    operators: tuple[Operator, ...]
    reads: str = ""

    @property
    def only(self) -> Operator | None:
        return self.operators[0] if self.level == 1 else None

    @property
    def macs(self) -> int:
        return sum(operator.macs for operator in self.operators)

    @property
    def parameters(self) -> dict[str, Parameter]:
        return {each.name: each for op in self.operators for each in op.parameters}


def described(graph: LayerGraph, placement: Placement) -> dict[str, dict[str, str | int]]:
    """Return what is told of each operator, by name, for programs that draw."""
    found: dict[str, dict[str, str | int]] = {}
    for operator in graph.operators:
        line = _Line(operator.name, 1, (operator,))
        stored = _stored(line, placement)
        found[operator.name] = {
            "operator": operator.name,
            "kind": str(operator.kind),
            "result": format_shape(operator.shape),
            "macs": operator.macs,
            "parameter_bytes": sum(stored.values()),
            "placement": ", ".join(stored) or "-",
        }
    return found


def graph_report(
    workload: Workload,
    case: str,
    task: str,
    graph: LayerGraph,
    placement: Placement,
    command: Sequence[str],
    *,
    whole: bool,
) -> Report:
    """Return the tree; layers that are alike are shown once unless ``whole``."""
    lines = list(_lines(graph, placement, whole=whole))
    fields = _fields(placement)
    table = listed("", fields, lines)
    every = listed("", fields, (_line(graph, operator) for operator in graph.operators))
    counted = sum(each.elements for each in graph.parameters)
    stored = _stored(_Line("", 0, graph.operators), placement)
    total: Row = ("all", None, None, None, graph.macs, counted, sum(stored.values()), None, None)
    about = (
        f"{len(graph.operators)} operators, {graph.layers} layers, {graph.sequence_length} tokens"
    )
    return Report(
        name="graph",
        title=f"{_named(workload, task)} of case {case}, task {task}",
        about=(f"{about}; a parameter that several operators share is counted once in all",),
        sections=(Table("", table.columns, (*table.rows, RULE, total)),),
        data=every,
        document={
            **origin(SCHEMA_VERSION, command, workload),
            "study": "graph",
            "case": case,
            "task": task,
            **({"model": model} if (model := workload.config.name_of_model(task)) else {}),
            "macs": graph.macs,
            "parameters": counted,
            "stored_bytes": dict(stored),
            "operators": every.records,
            "edges": [list(edge) for edge in graph.edges],
        },
    )


def _named(workload: Workload, task: str) -> str:
    config = workload.config
    return " ".join(filter(None, (config.name_of_model(task), config.model_of(task).name)))


def _fields(placement: Placement) -> tuple[Field[_Line], ...]:
    return (
        (Column("operator", "operator", dotted=True), lambda one: ("  " * one.level) + one.name),
        (Column("kind", "kind"), lambda one: one.only and str(one.only.kind)),
        (Column("result", "result"), lambda one: one.only and format_shape(one.only.shape)),
        (Column("depth", "depth", "1"), lambda one: one.only and one.only.depth),
        (Column("macs", "MACs", "#"), lambda one: one.macs or None),
        (Column("parameters", "weights", "#"), lambda one: _elements(one) or None),
        (
            Column("stored", "stored", "B"),
            lambda one: sum(_stored(one, placement).values()) or None,
        ),
        (Column("placement", "lies in"), lambda one: ", ".join(_stored(one, placement)) or None),
        (Column("reads", "reads", dotted=True), lambda one: one.reads or None),
    )


def _elements(line: _Line) -> int:
    return sum(each.elements for each in line.parameters.values())


def _stored(line: _Line, placement: Placement) -> Counter[str]:
    """Return the bytes of a line's parameters by memory."""
    bits: Counter[str] = Counter()
    for name in line.parameters:
        for home, extent in placement.tensors[name].parts:
            bits[home.memory] += extent.array
    return Counter({memory: -(-size // 8) for memory, size in bits.items()})


def _lines(graph: LayerGraph, placement: Placement, *, whole: bool) -> Iterator[_Line]:
    """Yield modules and layers, each with its operators; equal layers behind one another as one."""
    parts = [list(own) for _, own in groupby(graph.operators, key=_part)]
    for alike, same in groupby(parts, key=lambda own: _content(own, placement, whole=whole)):
        del alike
        layers = list(same)
        first, last = layers[0][0], layers[-1][0]
        name = first.label.partition(".")[0]
        if first.layer is not None:
            name = f"layer {first.layer}"
            name += f" to {last.layer}, each" if last is not first else ""
        yield _Line(name, 0, tuple(layers[0]))
        yield from (_line(graph, operator) for operator in layers[0])


def _part(operator: Operator) -> tuple[object, ...]:
    module = operator.label.partition(".")[0] if operator.layer is None else ""
    return operator.layer, module


def _content(operators: Sequence[Operator], placement: Placement, *, whole: bool) -> object:
    first = operators[0]
    if first.layer is None or whole:
        return _part(first)
    tensors = placement.tensors
    return tuple(
        (op.label, op.kind, op.shape, op.depth, [tensors[p.name].parts for p in op.parameters])
        for op in operators
    )


def _line(graph: LayerGraph, operator: Operator) -> _Line:
    read = ", ".join(each.label for each in graph.predecessors(operator))
    return _Line(operator.label, 1, (operator,), read)
