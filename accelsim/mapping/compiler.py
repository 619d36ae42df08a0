"""From a layer graph and a machine to the program of one inference.

Every stage takes the plan that should finish first among those that fit the buffers; when
activations fit in no way, those that cross stages are spilled to DRAM, if the machine allows it.
Equal layers share one segment, and so do equal checks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar

from accelsim.errors import CapacityError
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.cache import CompiledSegment, InferenceProgram, SegmentCache
from accelsim.mapping.context import Context
from accelsim.mapping.cutting import Stage, cut
from accelsim.mapping.emitter import Emitter
from accelsim.mapping.plan import NoRoomError, Plan
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Operator
from accelsim.placement.placement import DRAM, Placement
from accelsim.program import Program, ProgramKind, Segment
from accelsim.units import format_bytes

AnyEmitter = TypeVar("AnyEmitter", bound=Emitter)
Segments = tuple[tuple[Stage, ...], ...]


@dataclass(frozen=True)
class Candidate(Generic[AnyEmitter]):
    """A way to work a stage off: its words, and what appends its tasks.

    ``emit`` raises NoRoomError when too much is in flight.
    """

    words: str
    emit: Callable[[AnyEmitter], None]


class Mapper(ABC, Generic[AnyEmitter]):
    """How one accelerator works stages off.

    ``parameter_buffers`` are those that no shorter sequence would relieve.
    """

    parameter_buffers: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def emitter(self, context: Context, hardware: HardwareConfig, plan: Plan) -> AnyEmitter:
        """Return what appends tasks to the plan of a segment."""

    @abstractmethod
    def candidates(self, emitter: AnyEmitter, stage: Stage) -> Sequence[Candidate[AnyEmitter]]:
        """Return the ways to work a stage off, the best first; at least one.

        Raises CapacityError when the pieces of a product cannot fit.
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
    segments = cut(graph)
    stages = [stage for segment in segments for stage in segment]
    context = Context.of(graph, placement, stages, base_address)
    try:
        return _Compilation(mapper, context, hardware, cache).compile(segments)
    except NoRoomError as error:
        if hardware.placement.activation_spill is None:
            raise _no_room(error, hardware, mapper.parameter_buffers) from None
    try:
        context = replace(context, spill=True)
        return _Compilation(mapper, context, hardware, cache).compile(segments)
    except NoRoomError as error:
        raise _no_room(error, hardware, mapper.parameter_buffers) from None


def _no_room(
    error: NoRoomError, hardware: HardwareConfig, parameter_buffers: frozenset[str]
) -> CapacityError:
    what, buffer, needed, free, capacity = error.args
    advice = "" if buffer in parameter_buffers else " or shorten the sequence"
    if buffer == hardware.placement.activations and not hardware.placement.activation_spill:
        advice += ", or set placement.activation_spill to dram"
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
        held: dict[str, int] = {}
        in_dram = _dram_layout(self.context)
        for stages in segments:
            key = (_signature(self.context, stages), tuple(sorted(held.items())), in_dram)
            if key not in self.cache.known:
                self.cache.known[key] = self._segment(stages, held)
            compiled = self.cache.known[key]
            if compiled.segment not in built:
                choices += compiled.choices
            built.append(compiled.segment)
            held = compiled.held
        program = Program("infer", ProgramKind.INFER, tuple(built))
        spilled = sorted(self.context.crossing) if self.context.spill else []
        exits = _exits(self.context, segments)
        return InferenceProgram(program, tuple(choices), tuple(spilled), exits)

    def _segment(self, stages: tuple[Stage, ...], held: dict[str, int]) -> CompiledSegment:
        first = stages[0].operators[0]
        part = first.label.partition(".")[0]
        name = part if first.layer is None else f"{part}_layer"
        plan = Plan(name, self.hardware.capacities, held)
        emitter = self.mapper.emitter(self.context, self.hardware, plan)
        _enter(self.context, emitter, stages)
        choices = []
        for stage in stages:
            emitter, words = self._emit(emitter, stage)
            choices.append(f"{stage.label}: {words}")
        emitter.finish()
        for operator in _results(self.context, stages):
            if operator.name in emitter.values:
                emitter.hand_over(operator)
        return CompiledSegment(emitter.plan.build(), emitter.plan.end_held(), tuple(choices))

    def _emit(self, emitter: AnyEmitter, stage: Stage) -> tuple[AnyEmitter, str]:
        """Emit a stage in the first way that fits; return the emitter and the way's words."""
        *preferred, last = self.mapper.candidates(emitter, stage)
        for candidate in preferred:
            trial = emitter.copy()
            try:
                candidate.emit(trial)
            except NoRoomError:
                continue
            return trial, candidate.words
        last.emit(emitter)
        return emitter, last.words


def _enter(context: Context, emitter: Emitter, stages: tuple[Stage, ...]) -> None:
    """Register the values that the segment takes over from the one before."""
    operators = [operator for stage in stages for operator in stage.operators]
    own = {operator.name for operator in operators}
    for operator in operators:
        for producer in context.producers[operator.name]:
            if producer.name not in own:
                emitter.output(producer)


def _results(context: Context, stages: tuple[Stage, ...]) -> list[Operator]:
    """Return the operators whose output nothing on the chip reads."""
    operators = (operator for stage in stages for operator in stage.operators)
    return [operator for operator in operators if context.is_result(operator)]


def _exits(context: Context, segments: Segments) -> tuple[int, ...]:
    """Return the numbers of leading segments that end with a result, if there are several."""
    ends = [n for n, stages in enumerate(segments, start=1) if _results(context, stages)]
    return tuple(ends) if len(ends) > 1 else ()


def _dram_layout(context: Context) -> tuple[object, ...]:
    """Return what DRAM adds to the identity of a segment: addresses, if anything lies there.

    Equal layers share a segment, so layers with parameters of their own all use the addresses of
    the first: the same pages and bursts at another place.
    """
    tensors = context.placement.tensors.values()
    used = context.spill or any(DRAM in tensor.memories for tensor in tensors)
    return (context.spill, *context.addresses.values()) if used else ()


def _signature(context: Context, stages: tuple[Stage, ...]) -> tuple[object, ...]:
    """Two segments of equal signature are the same work, whatever the number of their layer."""
    operators = [operator for stage in stages for operator in stage.operators]
    position = {operator.name: number for number, operator in enumerate(operators)}
    return tuple(
        (len(stage.operators), *_operator_signature(context, operator, position))
        for stage in stages
        for operator in stage.operators
    )


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
            producer.shape,
            context.is_last(producer.name, operator),
        )
        for producer in context.producers[operator.name]
    )
    ends = (operator.name in context.crossing, context.is_result(operator))
    return (operator.kind, operator.label, operator.shape, operator.depth, stored, inputs, ends)
