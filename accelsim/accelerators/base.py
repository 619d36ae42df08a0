"""What an accelerator is: who turns graphs and transfers into programs for a machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from accelsim.errors import ConservationError, MappingError
from accelsim.inputs.contracts import Contract
from accelsim.inputs.paths import KeyPath
from accelsim.machine.components.base import Component
from accelsim.machine.components.host import HostConfig
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.sections import MappingConfig
from accelsim.mapping.accesses import LOAD, buffer_use, supply_use
from accelsim.model.operators import Operator, Reach, find_kind
from accelsim.model.operators.attention_scores import CAUSAL
from accelsim.model.operators.window import Window
from accelsim.model.tensors import Parameter, Role
from accelsim.program import (
    Product,
    Program,
    ProgramKind,
    Segment,
    SegmentBuilder,
    Transfer,
    Use,
)

if TYPE_CHECKING:
    from accelsim.mapping.cache import InferenceProgram, SegmentCache
    from accelsim.model.graph import LayerGraph
    from accelsim.placement.placement import Placement


@dataclass(frozen=True)
class Gap:
    """Something that the accelerator cannot run: an operator of a graph, and why."""

    operator: str
    reason: str

    def __str__(self) -> str:
        return f"{self.operator}: {self.reason}"


class Accelerator(Contract, ABC):
    """One file or folder here: a subclass with the name that machine files call it by.

    It has no state: what it needs to know of a machine it reads from the machine's components,
    of which it relies on those in ``components``, by name. ``compares_tiles`` says that it chooses
    how products are cut by all that can move a tick, unless ``mapping.tiles`` forbids it.
    """

    name: ClassVar[str]
    components: ClassVar[Mapping[str, type[Component]]] = {}
    compares_tiles: ClassVar[bool] = False

    def problems(self, machine: HardwareConfig) -> Iterator[tuple[KeyPath, str]]:
        """Yield the place of each thing in a machine that does not do, and what is wrong."""
        for name, kind in self.components.items():
            if message := machine.lacks(name, kind):
                yield (name,), message
        if machine.mapping.tiles == "compared" and not self.compares_tiles:
            wrong = f"{self.name} has one way to cut products; leave it out"
            yield ("mapping", "tiles"), f"this is {machine.mapping.tiles}, but {wrong}"

    @abstractmethod
    def gaps(self, graph: LayerGraph, machine: HardwareConfig) -> tuple[Gap, ...]:
        """Return what of a graph the machine cannot run; asked before anything is compiled."""

    @abstractmethod
    def compile(
        self,
        graph: LayerGraph,
        placement: Placement,
        machine: HardwareConfig,
        base_address: int,
        cache: SegmentCache,
    ) -> InferenceProgram:
        """Return the program of one inference.

        Tasks are called by the labels of operators; products are the action ``mac``, functions
        that of their kind. DRAM addresses of parameters and spilled activations start at
        ``base_address``; ``cache`` belongs to the machine. Raises CapacityError when an activation
        or a panel cannot fit.
        """

    @abstractmethod
    def start(self, machine: HardwareConfig) -> tuple[Use, ...]:
        """Return what starting one command takes, beside the command itself."""

    @abstractmethod
    def settle(self, machine: HardwareConfig) -> Program:
        """Return the program of one change of the operating point."""

    @abstractmethod
    def product(
        self, machine: HardwareConfig, asked: Product, density: float, activation_density: float
    ) -> Segment:
        """Return a product alone, of operands next to the array with these shares of non-zeros."""

    @abstractmethod
    def function(self, machine: HardwareConfig, name: str, rows: int, columns: int) -> Segment:
        """Return a function alone, of rows x columns elements."""

    @abstractmethod
    def transfer(self, machine: HardwareConfig, action: str, moved: Transfer) -> Segment:
        """Return a ``transfer`` over the bus to where products read, or a ``store`` back, alone."""

    def infer(
        self,
        graph: LayerGraph,
        placement: Placement,
        machine: HardwareConfig,
        base_address: int,
        cache: SegmentCache,
    ) -> InferenceProgram:
        """Return what ``compile`` makes of a graph without gaps; all of its work is done, once.

        Raises MappingError for gaps, and ConservationError for work that is lost or done twice.
        """
        self.check(graph, machine)
        made = self.compile(graph, placement, machine, base_address, cache)
        check_work(graph, made.program.segments, machine.mapping)
        return made

    def check(self, graph: LayerGraph, machine: HardwareConfig) -> None:
        """Raise MappingError that names all gaps of a graph at once."""
        if gaps := self.gaps(graph, machine):
            listed = "; ".join(dict.fromkeys(map(str, gaps)))
            raise MappingError(f"the machine '{machine.name}' ({self.name}) cannot run {listed}")


def missing(
    graph: LayerGraph, functions: Collection[str], unit: str, cache: str | None
) -> tuple[Gap, ...]:
    """Return what a machine lacks that has attention, products with weights and some functions.

    ``cache`` is the home of keys and values that are kept, if it has one.
    """
    from accelsim.mapping.cutting import unpaired_products

    functionless = (
        Gap(operator.label, f"its {unit} has no '{operator.kind}'")
        for operator in graph.operators
        if operator.kind.reach in (Reach.ELEMENT, Reach.ROW) and operator.kind.name not in functions
    )
    homeless = (
        Gap(operator.label, "it has no home for what is kept; name a memory in placement.cache")
        for operator in graph.operators
        if operator.kind.reach is Reach.STATE and cache is None
    )
    stateful = (
        Gap(operator.name, f"it keeps {', '.join(each.name for each in state)} between programs")
        for operator in graph.operators
        if (state := operator.kind.state(operator)) and operator.kind.reach is not Reach.STATE
    )
    unpaired = (
        Gap(operator.name, "it multiplies two activations outside an attention")
        for operator in unpaired_products(graph)
    )
    return (*functionless, *homeless, *stateful, *unpaired)


def check_work(graph: LayerGraph, segments: Sequence[Segment], mapping: MappingConfig) -> None:
    """Raise ConservationError unless segments multiply and go over what a graph asks for.

    Of causal attentions that is what their blocks of scores leave of the square.
    """
    planned: Counter[tuple[str, str]] = Counter()
    shares = _causal_shares(graph, segments) if mapping.causal == "staircase" else {}
    for segment, times in Counter(segments).items():
        for (_, action, label), count in segment.amounts.items():
            planned[action, label] += count * times
    for (action, label), whole in graph.work.items():
        amount = whole * shares.get((action, label), 1)
        if planned[action, label] != amount:
            raise ConservationError(
                f"{label}: the program has {planned[action, label]} of {amount} '{action}' that "
                "its graph asks for"
            )


def _causal_shares(
    graph: LayerGraph, segments: Sequence[Segment]
) -> dict[tuple[str, str], Fraction]:
    """Return which share of its square causal attention works on, by action and label.

    Raises ConservationError unless the scores of each layer are a staircase.
    """
    from accelsim.mapping.attention import staircases
    from accelsim.mapping.cutting import attentions

    ordered = [each for each in graph.operators if each.form == CAUSAL and each.rows > 1]
    found = dict[str, Fraction]()
    for label in dict.fromkeys(each.label for each in ordered):
        scores = [each for each in ordered if each.label == label]
        known = {pairs * scores[0].batch * scores[0].depth for pairs in staircases(scores[0])}
        made = [
            amount
            for segment in segments
            for (_, action, name), amount in segment.amounts.items()
            if action == "mac" and name == label
        ]
        if len(made) != len(scores) or not known.issuperset(made):
            raise ConservationError(f"{label}: the program has {made} 'mac', which is no staircase")
        found[label] = Fraction(sum(made), sum(each.macs for each in scores))
    return {
        ("mac" if each.macs else each.kind.name, each.label): found[attention.scores.label]
        for attention in (attentions(graph, graph.operators) if found else ())
        if attention.scores.label in found
        for each in attention.core
    }


def alone(name: str, queue: str, uses: Iterable[Use]) -> Segment:
    """Return a segment of one task."""
    builder = SegmentBuilder(name)
    builder.add(queue, name, uses)
    return builder.build()


def lone_function(name: str, rows: int, depth: int) -> Operator:
    """Return a function of rows x depth that stands in no graph."""
    kind = find_kind(name)
    columns = depth if kind.keeps_width else 1
    width = kind.vector_width(columns)
    vectors = (Parameter(f"{n}", (width,), Role.BACKBONE) for n in range(kind.vectors))
    # Without a picture the window of a pooling is one pixel.
    window = Window((rows, 1), (1, 1)) if kind.windowed else None
    parts = (columns - columns // 2, columns // 2) if kind.side_by_side else ()
    made = tuple(vectors)
    return Operator(name, kind, rows, columns, depth, parameters=made, window=window, parts=parts)


def lone_transfer(bus: str, buffer: str, lanes: int, action: str, moved: Transfer) -> Segment:
    """Return one ``transfer`` into a buffer of ``lanes`` bytes, or one back."""
    name, side = ("load", "write") if action == "transfer" else ("store", "read")
    into = buffer_use(lanes, buffer, side, moved.amount)
    return alone(name, LOAD, [Use(bus, action, moved), into])


def settled_by_host() -> Program:
    """Return one change of the operating point by a host that knows the points."""
    segment = alone("settle", "host", [supply_use("settle")])
    return Program("settle", ProgramKind.SCALE, (segment,))


def not_followed(machine: HardwareConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield what makes one thing wait for another."""
    overlaps: dict[KeyPath, bool] = {
        ("overlap", "double_buffering"): machine.overlap.double_buffering,
        ("overlap", "special_functions"): machine.overlap.special_functions,
        ("host", "command_queue"): machine.component("host", HostConfig).command_queue,
    }
    own = machine.accelerator
    for path, given in overlaps.items():
        if not given:
            message = f"{own} loads, computes and writes back side by side; set it to true"
            yield path, f"this is false, but {message}"


def not_compared(machine: HardwareConfig, or_else: str = "") -> Iterator[tuple[KeyPath, str]]:
    """Yield an objective that nothing compares by; ``or_else`` is what would let it be."""
    if machine.mapping.objective != "time":
        yield (
            ("mapping", "objective"),
            f"this is {machine.mapping.objective}, but {machine.accelerator} takes the largest "
            f"blocks that fit and compares none; set it to time{or_else}",
        )
