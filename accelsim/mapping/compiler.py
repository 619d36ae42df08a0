"""From a layer graph and a machine to the program of one inference.

Every stage takes the plan that should finish first among those that fit the buffers; while the
best do not fit, more of the activations that cross stages are spilled to DRAM, if the machine
allows it.
Equal layers share one segment, and so do equal checks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import groupby, takewhile
from math import inf
from typing import ClassVar, Generic

from accelsim.errors import CapacityError
from accelsim.machine.components.buffers import BufferConfig
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.cache import CompiledSegment, InferenceProgram, SegmentCache
from accelsim.mapping.context import Context
from accelsim.mapping.cutting import Stage, cut, of_one_request, requests_of
from accelsim.mapping.emission import AnyEmitter, Candidate, Emission, Emitted
from accelsim.mapping.emitter import Emitter
from accelsim.mapping.plan import NoRoomError, Plan
from accelsim.mapping.spilling import NOTHING, Spills, spill_levels
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Operator
from accelsim.placement.placement import Placement
from accelsim.program import Program, ProgramKind, Segment
from accelsim.units import format_bytes

Stages = tuple[Stage, ...]
Segments = tuple[Stages, ...]


@dataclass(frozen=True)
class Way(Generic[AnyEmitter]):
    """A candidate for each of some stages, and what they cost under the mapper's objective."""

    candidates: tuple[Candidate[AnyEmitter], ...]
    cost: float


class Mapper(ABC, Generic[AnyEmitter]):
    """How one accelerator works stages off.

    ``apart`` says that what a stage costs does not depend on how others are worked off, so that
    each is chosen by itself. ``parameter_buffers`` are those that no shorter sequence would
    relieve. ``results_spill`` says that results may leave by DRAM, too.
    """

    apart: ClassVar[bool] = False
    parameter_buffers: ClassVar[frozenset[str]] = frozenset()
    results_spill: ClassVar[bool] = False

    @abstractmethod
    def emitter(self, context: Context, hardware: HardwareConfig, plan: Plan) -> AnyEmitter:
        """Return what appends tasks to the plan of a segment."""

    @abstractmethod
    def ways(self, emitter: AnyEmitter, stages: Sequence[Stage]) -> Iterable[Way[AnyEmitter]]:
        """Return the ways to work stages off, the best first; at least one.

        The stages are one attention, or all between two; one if stages are ``apart``. Raises
        CapacityError when the pieces of a product cannot fit.
        """


def compile_inference(
    mapper: Mapper[AnyEmitter],
    graph: LayerGraph,
    placement: Placement,
    hardware: HardwareConfig,
    base_address: int,
    cache: SegmentCache,
) -> InferenceProgram:
    """Return the program of one inference of a task.

    DRAM addresses of parameters and spilled activations start at ``base_address``; ``cache``
    belongs to the machine. Raises CapacityError when an activation or a panel cannot fit.
    """
    segments, context = _cut(graph, placement, base_address)
    stages = [stage for segment in segments for stage in segment]
    compiled: list[InferenceProgram] = []
    room = hardware.capacities[hardware.placement.activations]
    levels = spill_levels(context, stages, room, results=mapper.results_spill)
    for spilled in levels if hardware.placement.activation_spill else [NOTHING]:
        spilled = _whole_requests(context, segments, spilled)
        lying = replace(context, spilled=spilled) if spilled else context
        try:
            compiled.append(_Compilation(mapper, lying, hardware, cache).compile(segments))
        except NoRoomError as error:
            missing = error
            continue
        # What spills more costs no less, whatever has room.
        if min(each.cost for each in compiled) <= compiled[-1].least:
            break
    if not compiled:
        raise no_room(missing, hardware, mapper.parameter_buffers)
    return min(compiled, key=lambda inference: inference.cost)


@lru_cache(maxsize=32)
def _cut(graph: LayerGraph, placement: Placement, base_address: int) -> tuple[Segments, Context]:
    segments = cut(graph)
    stages = (stage for segment in segments for stage in segment)
    return segments, Context.of(graph, placement, stages, base_address)


def _whole_requests(context: Context, segments: Segments, spilled: Spills) -> Spills:
    """Return a spill that parts no requests: what attentions of several read or make of one lies
    in one place."""
    found = dict(spilled)
    for stages in segments:
        if spilled and requests_of(stages) > 1:
            own = {each.name: each for stage in stages for each in stage.operators}
            read = (each for name in tuple(own) for each in context.producers[name])
            for each in (*own.values(), *read):
                if found.get(each.name, each.rows) < each.rows:
                    del found[each.name]
    return found


def no_room(
    error: NoRoomError, hardware: HardwareConfig, parameter_buffers: frozenset[str]
) -> CapacityError:
    """Return the error of a plan that does not fit; no shorter sequence relieves some buffers."""
    what, buffer, needed, free, capacity = error.args
    advice = "" if buffer in parameter_buffers else " or shorten the sequence"
    if buffer == hardware.placement.activations and not hardware.placement.activation_spill:
        advice += ", or set hardware.placement.activation_spill to dram"
    return CapacityError(
        f"{what} needs {format_bytes(needed)} in '{buffer}', which has {format_bytes(free)} free "
        f"of {format_bytes(capacity)} at that point, however small the blocks; enlarge "
        f"'{buffer}'{advice}",
        what,
        buffer,
    )


@dataclass(frozen=True)
class _Compilation(Generic[AnyEmitter]):
    """One inference to compile."""

    mapper: Mapper[AnyEmitter]
    context: Context
    hardware: HardwareConfig
    cache: SegmentCache

    def compile(self, segments: Segments) -> InferenceProgram:
        """Return the program. Raises NoRoomError when activations do not fit."""
        built: list[Segment] = []
        choices: list[str] = []
        cost, least = 0.0, 0.0
        held: dict[str, int] = {}
        in_dram = _dram_layout(self.context)
        shares = [(part, n) for part in segments for n in range(requests_of(part))]
        for part, _ in shares:
            one, stages = self._of_one(part)
            key = (_signature(one.context, stages), tuple(sorted(held.items())), in_dram)
            compiled = self.cache.known.get(key)
            if compiled is None:
                compiled = self.cache.known[key] = one._segment(key, stages, held)
            if compiled.segment not in built:
                choices += compiled.choices
            built.append(compiled.segment)
            held = compiled.held
            cost, least = cost + compiled.cost, least + compiled.least
        segments = tuple(part for part, _ in shares)
        layers = tuple(stages[0].operators[0].layer for stages in segments)
        name = f"infer {self.context.placement.model}".strip()
        program = Program(name, ProgramKind.INFER, tuple(built), layers)
        exits, before = _exits(self.context, segments), _before_layers(segments)
        words, spilled = tuple(choices), _spilled(self.context, segments)
        numbers = tuple(n for _, n in shares)
        return InferenceProgram(program, words, spilled, exits, before, cost, least, numbers)

    def _of_one(self, stages: Stages) -> tuple[_Compilation[AnyEmitter], Stages]:
        """Return the compilation of stages that work for one request at a time, and its part."""
        requests = requests_of(stages)
        if requests == 1:
            return self, stages
        change, context = partial(of_one_request, requests=requests), self.context
        names = [each.name for stage in stages for each in stage.operators]
        producers = {name: tuple(map(change, context.producers[name])) for name in names}
        spilled = {name: 1 for name, rows in context.spilled.items() if rows == requests}
        own = replace(context, producers=producers, spilled=spilled)
        return replace(self, context=own), tuple(stage.each(change) for stage in stages)

    def _segment(self, key: object, stages: Stages, held: dict[str, int]) -> CompiledSegment:
        emission = self._emission(key, stages, held)
        path: tuple[Candidate[AnyEmitter], ...] = ()
        cost, least = 0.0, 0.0
        runs = (list(run) for _, run in groupby(stages, key=lambda stage: stage.attention))
        for run in ([stage] for stage in stages) if self.mapper.apart else runs:
            way, cheapest = self._choose(emission, path, run)
            path += way.candidates
            cost, least = cost + way.cost, least + cheapest
        choices = (f"{stage.label}: {each.words}" for stage, each in zip(stages, path, strict=True))
        segment, left = emission.whole(path)
        return CompiledSegment(segment, left, tuple(choices), cost, least)

    def _emission(self, key: object, stages: Stages, held: dict[str, int]) -> Emission[AnyEmitter]:
        first = stages[0].operators[0]
        part = first.label.partition(".")[0]
        name = part if first.layer is None else f"{part}_layer"
        plan = Plan(name, self.hardware.capacities, held)
        emitter = self.mapper.emitter(self.context, self.hardware, plan)
        _enter(self.context, emitter, stages)
        finish = partial(_finish, self.context, stages)
        if emitter.reads_sizes != "no":
            key = (key, _sizes(self.hardware, every=emitter.reads_sizes == "of all"))
        return Emission(emitter, finish, self.cache.emitted.setdefault(key, Emitted()))

    def _choose(
        self,
        emission: Emission[AnyEmitter],
        path: tuple[Candidate[AnyEmitter], ...],
        stages: Sequence[Stage],
    ) -> tuple[Way[AnyEmitter], float]:
        """Return the first way for further stages that fits, and what the cheapest of all costs.

        A candidate that does not fit does so after no other: what stages leave is the same.
        """
        refused: dict[tuple[int, str], NoRoomError] = {}
        crowded: list[tuple[int, Candidate[AnyEmitter]]] = []
        least = inf
        for way in self.mapper.ways(emission.first, stages):
            least = min(least, way.cost)
            places = list(enumerate(way.candidates))
            if any((n, each.words) in refused for n, each in places) or any(
                way.candidates[n].takes_no_less(each) for n, each in crowded
            ):
                continue
            for n, candidate in places:
                error = emission.refusal(path + way.candidates[: n + 1])
                if error is not None:
                    refused[n, candidate.words] = error
                    if candidate.kind and error.args[1] == self.hardware.placement.activations:
                        crowded.append((n, candidate))
                    break
            else:
                return way, least
        raise next(reversed(refused.values()))


def _sizes(hardware: HardwareConfig, *, every: bool) -> Hashable:
    """Return what buffers hold, and the memory of activations where ``every`` size counts."""
    buffers = (n for n, each in hardware.further.items() if isinstance(each, BufferConfig))
    held = ((n, hardware.facts[n].told("layout", hardware.site)) for n in buffers)
    activations = hardware.placement.activations
    known = ((n, size) for n, size in hardware.capacities.items() if every or n != activations)
    return (*known, *held)


def _finish(context: Context, stages: Stages, emitter: Emitter) -> None:
    emitter.finish()
    for operator in _results(context, stages):
        if operator.name in emitter.values:
            emitter.hand_over(operator)


def _enter(context: Context, emitter: Emitter, stages: Stages) -> None:
    """Register the values that the segment takes over from the one before."""
    operators = [operator for stage in stages for operator in stage.operators]
    own = {operator.name for operator in operators}
    for operator in operators:
        for producer in context.producers[operator.name]:
            if producer.name not in own:
                emitter.output(producer)


def _results(context: Context, stages: Stages) -> list[Operator]:
    """Return the operators whose output nothing on the chip reads."""
    operators = (operator for stage in stages for operator in stage.operators)
    return [operator for operator in operators if context.is_result(operator)]


def _exits(context: Context, segments: Segments) -> tuple[int, ...]:
    """Return the numbers of leading segments that end with a result, if there are several."""
    ends = [n for n, stages in enumerate(segments, start=1) if _results(context, stages)]
    return tuple(ends) if len(ends) > 1 else ()


def _before_layers(segments: Segments) -> int:
    """Return the number of leading segments that belong to no layer."""
    layers = (stages[0].operators[0].layer for stages in segments)
    return sum(1 for _ in takewhile(lambda layer: layer is None, layers))


def _spilled(context: Context, segments: Segments) -> tuple[str, ...]:
    """Return which activations lie in DRAM, those of equal layers once, with how many rows."""
    operators = (each for stages in segments for stage in stages for each in stage.operators)
    found = ((each, context.spilled.get(each.name)) for each in operators)
    return tuple({f"{each.label} ({n} of {each.rows} rows)": n for each, n in found if n})


def _dram_layout(context: Context) -> tuple[object, ...]:
    """Return what DRAM adds to the identity of a segment: addresses, if anything lies there.

    Equal layers share a segment, so layers with parameters of their own all use the addresses of
    the first: the same pages and bursts at another place.
    """
    tensors = context.placement.tensors.values()
    used = context.spilled or any(DRAM in tensor.memories for tensor in tensors)
    return (bool(context.spilled), *context.addresses.values()) if used else ()


def _signature(context: Context, stages: Stages) -> tuple[object, ...]:
    """Two segments of equal signature are the same work, whatever the number of their layer.

    It has all that emitters read of the graph and of where parameters lie.
    """
    operators = [operator for stage in stages for operator in stage.operators]
    if known := context.signatures.get(operators[0].name):
        return known
    position = {operator.name: number for number, operator in enumerate(operators)}
    context.signatures[operators[0].name] = found = tuple(
        (len(stage.operators), *_operator_signature(context, operator, position))
        for stage in stages
        for operator in stage.operators
    )
    return found


def _operator_signature(
    context: Context, operator: Operator, position: dict[str, int]
) -> tuple[object, ...]:
    stored = tuple(
        (t.parameter.shape, t.bits, t.density.as_integer_ratio(), t.homes)
        for t in context.stored(operator)
    )
    # Where an input comes from: its place in the segment, or its shape and order outside.
    inputs = tuple(
        (
            position.setdefault(producer.name, len(position)),
            (producer.shape, producer.kept),
            context.spilled.get(producer.name),
            context.is_last(producer.name, operator),
        )
        for producer in context.producers[operator.name]
    )
    ends = (context.spilled.get(operator.name), context.is_result(operator))
    own = (operator.kind, operator.label, operator.shape, operator.depth, operator.form)
    return (
        *own,
        operator.groups,
        operator.kept,
        operator.window,
        operator.sources,
        operator.masked,
        operator.partial,
        stored,
        inputs,
        ends,
    )
