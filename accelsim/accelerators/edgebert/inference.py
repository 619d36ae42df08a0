"""From a layer graph and a machine to the program of one inference.

The graph is cut into segments (embedding, each encoder layer, exit checks, head) and these into
stages: the attention of a layer, and row-wise runs that end with a layer norm. Equal layers share
one segment, and so do equal checks.
Each stage takes the blocks that should finish first among those that fit its buffers; when
activations fit in no way, those that cross stages are spilled to DRAM, if the machine allows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from accelsim.accelerators.design import InferenceProgram
from accelsim.accelerators.edgebert.attention import AttentionStage, AttentionVariant
from accelsim.accelerators.edgebert.emitter import Emitter
from accelsim.accelerators.edgebert.parts import parts_of
from accelsim.accelerators.edgebert.stages import RowwiseStage, hand_over
from accelsim.errors import CapacityError
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.accesses import AUXILIARY, whole_pages
from accelsim.mapping.cache import CompiledSegment, SegmentCache
from accelsim.mapping.context import Context, label_of
from accelsim.mapping.plan import NoRoomError, Plan
from accelsim.mapping.values import Value, row_blocks
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import (
    ATTENTION_CONTEXT,
    ATTENTION_SCORES,
    ENTROPY,
    LAYER_NORM,
    Operator,
)
from accelsim.placement.placement import DRAM, Placement
from accelsim.program import Program, ProgramKind, Segment
from accelsim.units import ceil_div, format_bytes

Stage = RowwiseStage | AttentionStage
_ATTENTION = frozenset({ATTENTION_SCORES, ATTENTION_CONTEXT})
_Choice = TypeVar("_Choice")


def compile_inference(
    graph: LayerGraph,
    placement: Placement,
    hardware: HardwareConfig,
    base_address: int = 0,
    cache: SegmentCache | None = None,
) -> InferenceProgram:
    """Return the program of one inference of a task.

    DRAM addresses of parameters and spilled activations start at ``base_address``; ``cache``
    belongs to the machine. Raises CapacityError when an activation or a panel cannot fit.
    """
    stages = _cut(graph)
    context = _context(graph, placement, stages, base_address)
    cache = cache or SegmentCache()
    try:
        return _compile(context, stages, hardware, cache)
    except NoRoomError as error:
        if hardware.placement.activation_spill is None:
            raise _no_room(error, hardware) from None
    try:
        return _compile(replace(context, spill=True), stages, hardware, cache)
    except NoRoomError as error:
        raise _no_room(error, hardware) from None


def _no_room(error: NoRoomError, hardware: HardwareConfig) -> CapacityError:
    what, buffer, needed, free, capacity = error.args
    advice = "" if buffer == AUXILIARY else " or shorten the sequence"
    if buffer == hardware.placement.activations and not hardware.placement.activation_spill:
        advice += ", or set placement.activation_spill to dram"
    return CapacityError(
        f"{what} needs {format_bytes(needed)} in '{buffer}', which has {format_bytes(free)} free "
        f"of {format_bytes(capacity)} at that point, however small the blocks; enlarge "
        f"'{buffer}'{advice}",
        what,
        buffer,
    )


def _cut(graph: LayerGraph) -> list[list[list[Operator]]]:
    """Cut the operators into segments of stages, in order."""
    segments: list[list[list[Operator]]] = []
    layer: object = "none"
    for operator in graph.operators:
        if operator.layer != layer:
            segments.append([])
            layer = operator.layer
        segments[-1].append([operator])
    return [_join_stages(graph, [stage[0] for stage in segment]) for segment in segments]


def _join_stages(graph: LayerGraph, operators: list[Operator]) -> list[list[Operator]]:
    """Join the operators of a segment into attention and row-wise stages."""
    attention = _attention_group(graph, operators)
    stages: list[list[Operator]] = [attention] if attention else []
    current: list[Operator] = []
    for operator in operators:
        if operator in attention:
            continue
        if current and current[-1].rows != operator.rows:
            stages.append(current)
            current = []
        current.append(operator)
        if operator.kind is LAYER_NORM:
            stages.append(current)
            current = []
    return [*stages, current] if current else stages


def _attention_group(graph: LayerGraph, operators: list[Operator]) -> list[Operator]:
    """Return the products of attention, the softmax between them, and their projections."""
    core = [operator for operator in operators if operator.kind in _ATTENTION]
    producers = [producer for operator in core for producer in graph.predecessors(operator)]
    names = {operator.name for operator in [*core, *producers]}
    return [operator for operator in operators if operator.name in names]


def _context(
    graph: LayerGraph, placement: Placement, segments: list[list[list[Operator]]], base: int
) -> Context:
    producers = {operator.name: graph.predecessors(operator) for operator in graph.operators}
    last_reader = {}
    stage_of: dict[str, int] = {}
    stages = [stage for segment in segments for stage in segment]
    for number, stage in enumerate(stages):
        for operator in stage:
            stage_of[operator.name] = number
            for producer in producers[operator.name]:
                last_reader[producer.name] = operator.name
    crossing = frozenset(a for a, b in graph.edges if stage_of[a] != stage_of[b])
    addresses = _addresses(graph, placement, crossing, base)
    return Context(placement, producers, last_reader, crossing, addresses, spill=False)


def _addresses(
    graph: LayerGraph, placement: Placement, crossing: frozenset[str], base: int
) -> dict[str, int]:
    """Lay parameters whose home is DRAM, and possible spills, one after the other, page-aligned."""
    sizes = {
        name: ceil_div(tensor.value_bits + tensor.mask_bits, 8)
        for name, tensor in placement.tensors.items()
        if DRAM in (tensor.values, tensor.masks)
    }
    sizes |= {op.name: op.elements for op in graph.operators if op.name in crossing}
    addresses, following = {}, base
    for name, size in sizes.items():
        addresses[name] = following
        following += whole_pages(size)
    return addresses


def _compile(
    context: Context,
    segments: list[list[list[Operator]]],
    hardware: HardwareConfig,
    cache: SegmentCache,
) -> InferenceProgram:
    built: list[Segment] = []
    choices: list[str] = []
    held: dict[str, int] = {}
    in_dram = _dram_layout(context)
    for stages in segments:
        key = (_signature(context, stages), tuple(sorted(held.items())), in_dram)
        if key not in cache.known:
            cache.known[key] = _compile_segment(context, stages, hardware, held)
        compiled = cache.known[key]
        if compiled.segment not in built:
            choices += compiled.choices
        built.append(compiled.segment)
        held = compiled.held
    program = Program("infer", ProgramKind.INFER, tuple(built))
    spilled = sorted(context.crossing) if context.spill else []
    return InferenceProgram(program, tuple(choices), tuple(spilled), _exits(segments))


def _exits(segments: list[list[list[Operator]]]) -> tuple[int, ...]:
    """Return the numbers of leading segments that end with an exit check, or with the program."""
    checks = [
        number for number, stages in enumerate(segments, start=1) if stages[-1][-1].kind is ENTROPY
    ]
    return (*checks, len(segments)) if checks else ()


def _dram_layout(context: Context) -> tuple[object, ...]:
    """Return what DRAM adds to the identity of a segment: addresses, if anything lies there.

    Equal layers share a segment, so layers with parameters of their own all use the addresses of
    the first: the same pages and bursts at another place.
    """
    tensors = context.placement.tensors.values()
    used = context.spill or any(DRAM in (tensor.values, tensor.masks) for tensor in tensors)
    return (context.spill, *context.addresses.values()) if used else ()


def _signature(context: Context, stages: list[list[Operator]]) -> tuple[object, ...]:
    """Two segments of equal signature are the same work, whatever the number of their layer."""
    position: dict[str, int] = {}
    for stage in stages:
        for operator in stage:
            position[operator.name] = len(position)
    final = stages[-1][-1].name
    content = tuple(
        (len(stage), label_of(operator), *_operator_signature(context, operator, position))
        for stage in stages
        for operator in stage
    )
    return (final in context.last_reader, *content)


def _operator_signature(
    context: Context, operator: Operator, position: dict[str, int]
) -> tuple[object, ...]:
    stored = tuple(
        (
            *(t.parameter.shape, t.bits, t.density.as_integer_ratio(), t.masked),
            *(t.values, t.masks, t.high, t.value_packing, t.mask_packing, t.high_packing),
        )
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
    crossing = operator.name in context.crossing
    return (operator.kind, operator.shape, operator.depth, stored, inputs, crossing)


def _compile_segment(
    context: Context,
    stages: list[list[Operator]],
    hardware: HardwareConfig,
    held: dict[str, int],
) -> CompiledSegment:
    first = stages[0][0]
    name = "encoder_layer" if first.layer is not None else first.name.partition(".")[0]
    emitter = Emitter(hardware, Plan(name, hardware.capacities, held))
    _enter(context, emitter, stages)
    choices = []
    for operators in stages:
        emitter, choice = _emit_stage(context, emitter, operators, hardware)
        first_label, last_label = label_of(operators[0]), label_of(operators[-1])
        through = "" if first_label == last_label else f" to {last_label.partition('.')[2]}"
        choices.append(f"{first_label}{through}: {choice}")
    emitter.drop_all_operands()
    _leave(context, emitter, stages)
    return CompiledSegment(emitter.plan.build(), emitter.plan.end_held(), tuple(choices))


def _enter(context: Context, emitter: Emitter, stages: list[list[Operator]]) -> None:
    """Register the values that the segment takes over from the one before."""
    own = {operator.name for stage in stages for operator in stage}
    for stage in stages:
        for operator in stage:
            for producer in context.producers[operator.name]:
                if producer.name not in own and producer.name not in emitter.values:
                    columns = producer.batch * producer.columns
                    address = context.addresses.get(producer.name, 0)
                    emitter.values[producer.name] = Value(
                        producer.name, producer.rows, columns, context.spill, address
                    )


def _leave(context: Context, emitter: Emitter, stages: list[list[Operator]]) -> None:
    """Hand the final result to the host: nothing reads it on the chip any more."""
    final = stages[-1][-1]
    if final.name not in context.last_reader and final.kind is not ENTROPY:
        hand_over(emitter, final)


def _emit_stage(
    context: Context, emitter: Emitter, operators: list[Operator], hardware: HardwareConfig
) -> tuple[Emitter, str]:
    """Emit one stage with the first variant that fits; return the emitter and the choice."""
    if any(operator.kind in _ATTENTION for operator in operators):
        attention = AttentionStage(context, operators)
        variants = _attention_variants(attention, hardware)
        return _first_fitting(emitter, variants, attention.emit)
    rowwise = RowwiseStage(context, operators)
    blocks = row_blocks(rowwise.rows, parts_of(hardware).pe_array.vector_size)
    blocks.sort(key=lambda block: rowwise.estimated_cycles(emitter, block))
    trial, block = _first_fitting(emitter, blocks, rowwise.emit)
    return trial, f"{block} rows at a time"


def _attention_variants(stage: AttentionStage, hardware: HardwareConfig) -> list[AttentionVariant]:
    overlaps = (True, False) if hardware.overlap.special_functions else (False,)
    blocks = row_blocks(stage.rows, parts_of(hardware).pe_array.vector_size)
    # Overlap hides the softmax even when the blocks have to be smaller for it.
    return [AttentionVariant(block, overlap) for overlap in overlaps for block in blocks]


def _first_fitting(
    emitter: Emitter, variants: Sequence[_Choice], emit: Callable[[Emitter, _Choice], None]
) -> tuple[Emitter, str]:
    for number, variant in enumerate(variants):
        trial = emitter.copy()
        try:
            emit(trial, variant)
        except NoRoomError:
            if number == len(variants) - 1:
                raise
            continue
        return trial, str(variant)
    raise AssertionError("a stage has at least one variant")
