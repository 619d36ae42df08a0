"""A case compiled: graphs, placements and programs of all its tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from accelsim.accelerators.design import Design, InferenceProgram
from accelsim.accelerators.edgebert.inference import SegmentCache, compile_inference
from accelsim.errors import MappingError
from accelsim.machine.chip_state import PowerState
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.accesses import whole_pages
from accelsim.mapping.switching import (
    compile_settle,
    compile_switch,
    compile_wake_ups,
    volatile_bits,
)
from accelsim.memory.storage import MeasuredTensor
from accelsim.model.adaptation import adapt
from accelsim.model.encoder import build_encoder
from accelsim.model.graph import LayerGraph
from accelsim.model.tasks import find_task
from accelsim.placement.placement import DRAM, Placement, check_capacity, place
from accelsim.policies.idle import StateCost
from accelsim.policies.service import ServiceConfig
from accelsim.units import ceil_div
from accelsim.workload.schema import Case, WorkloadConfig

Measured = Mapping[str, Mapping[str, MeasuredTensor]]
"""What was counted in real weights, by task and parameter."""


def compile_design(
    workload: WorkloadConfig,
    case: Case,
    lengths: Iterable[int] | None = None,
    measured: Measured | None = None,
) -> Design:
    """Return the compiled case, for sentences of some lengths [tokens] after padding.

    ``measured`` takes the place of the stated densities. Raises CapacityError when something does
    not fit. Tasks with equal graphs (the same number of
    classes and spans) share their programs.
    """
    hardware, service = case.hardware, workload.service_of(case.config)
    known = tuple(sorted({*(lengths or (workload.sequence_length,))}))
    twins = _twins(workload, measured)
    graphs = {
        task: task_graph(workload, case, task, workload.sequence_length)
        for task, twin in twins.items()
        if task == twin
    }
    places = {
        task: place(graph, case.config.storage, hardware, _of_task(measured, task))
        for task, graph in graphs.items()
    }
    graphs = {task: graphs[twin] for task, twin in twins.items()}
    placements = {task: places[twin] for task, twin in twins.items()}
    _check_homes(placements, hardware)
    _check_service(service, placements, hardware)
    check_capacity(placements, hardware)
    addresses, end = _task_addresses(placements)
    first = placements[workload.tasks[0]]
    base = end + _image_bytes(first, task_specific=False)
    cache = SegmentCache()
    inferences: dict[tuple[str, int], InferenceProgram] = {}
    for tokens in known:
        for task, twin in twins.items():
            if task == twin:
                graph = task_graph(workload, case, task, tokens)
                made = compile_inference(graph, placements[task], hardware, base, cache)
                inferences[task, tokens] = made
            inferences[task, tokens] = inferences[twin, tokens]
    switches, restores = (
        {
            task: compile_switch(task, placement, hardware, addresses[task], volatile_alone=part)
            for task, placement in placements.items()
        }
        for part in (False, True)
    )
    wakes = compile_wake_ups(hardware, first, end)
    return Design(
        hardware, graphs, placements, inferences, switches, restores, wakes, compile_settle(), known
    )


def _of_task(measured: Measured | None, task: str) -> Mapping[str, MeasuredTensor] | None:
    return None if measured is None else measured.get(task, {})


def _twins(workload: WorkloadConfig, measured: Measured | None) -> dict[str, str]:
    """Map each task to the first one with an equal graph and, where measured, equal sizes."""
    first: dict[object, str] = {}
    kinds = {
        task: (
            find_task(task).classes,
            tuple(workload.attention_spans.get(task, ())),
            tuple(sorted((_of_task(measured, task) or {}).items())),
        )
        for task in workload.tasks
    }
    return {task: first.setdefault(kind, task) for task, kind in kinds.items()}


def task_graph(workload: WorkloadConfig, case: Case, task: str, tokens: int) -> LayerGraph:
    """Return the graph of one inference of a task in a case, of so many tokens."""
    service, classes = workload.service_of(case.config), find_task(task).classes
    early_exit, spans = service.early_exit, workload.attention_spans.get(task)
    pretrained = build_encoder(
        workload.model,
        sequence_length=tokens,
        classes=classes,
        # The entropy of one output says nothing: a regression runs all layers.
        exits=early_exit.heads if early_exit and classes > 1 else "none",
        attention_spans=tuple(spans) if spans else None,
    )
    return adapt(pretrained, case.config.adaptation)


def _check_homes(placements: Mapping[str, Placement], hardware: HardwareConfig) -> None:
    """Refuse parameters in the memory of activations: its filling is planned as a whole."""
    activations = hardware.placement.activations
    for placement in placements.values():
        for tensor in placement.tensors.values():
            homes = [memory for memory, _, _ in tensor.parts]
            if activations in homes:
                raise MappingError(
                    f"{tensor.parameter.name} (role {tensor.parameter.role.value}) lies in "
                    f"'{activations}', the memory of activations; give parameters a memory of "
                    "their own"
                )


def _check_service(
    service: ServiceConfig, placements: Mapping[str, Placement], hardware: HardwareConfig
) -> None:
    """Refuse states that the machine lacks, and losing what nothing can bring back."""
    awake = {PowerState.IDLE: StateCost(0.0, 0.0, 0)}
    wanted = {state for _, state in service.idle.plan(None, awake).steps}
    for state, section in (
        (PowerState.CLOCK_GATED, "clock_gated"),
        (PowerState.RETENTION, "retention"),
    ):
        if state in wanted and getattr(hardware.power, section) is None:
            raise MappingError(
                f"idle: the machine '{hardware.name}' has no state '{state.value}'; give it "
                f"power.{section} or leave idle.{section}_after out"
            )
    target = service.early_exit.latency_target if service.early_exit else None
    if target is not None and not hardware.lower_points:
        raise MappingError(
            f"early_exit.latency_target: the machine '{hardware.name}' has no operating point "
            "below the nominal one; give it scaling.points or leave the target out"
        )
    if PowerState.OFF in wanted and (lost := lost_for_good(placements, hardware)):
        raise MappingError(
            f"idle.off_after: '{lost[0]}' loses the parameters of {lost[1]} and the machine has no "
            "dram to load them from; place them in non-volatile memory"
        )


def lost_for_good(
    placements: Mapping[str, Placement], hardware: HardwareConfig
) -> tuple[str, str] | None:
    """Return a memory and a task whose parameters there a power-off would lose for good."""
    if hardware.dram:
        return None
    for task, placement in placements.items():
        bits = placement.bits(task_specific=True) + placement.bits(task_specific=False)
        if lost := volatile_bits(bits, hardware):
            return min(lost), task
    return None


def _task_addresses(placements: Mapping[str, Placement]) -> tuple[dict[str, int], int]:
    """Lay the tasks' parameters one after the other in DRAM; return addresses and their end."""
    addresses, address = {}, 0
    for task, placement in placements.items():
        addresses[task] = address
        address += _image_bytes(placement, task_specific=True)
    return addresses, address


def _image_bytes(placement: Placement, *, task_specific: bool) -> int:
    """Return the whole pages in DRAM that hold what belongs on the chip."""
    bits = placement.data_bits(task_specific=task_specific)
    size = sum(ceil_div(n, 8) for memory, n in bits.items() if memory != DRAM)
    return whole_pages(size)
