"""A case compiled: graphs, placements and programs of all its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.config.hardware import HardwareConfig
from accelsim.config.workload import Case, WorkloadConfig
from accelsim.errors import MappingError
from accelsim.mapping.accesses import whole_pages
from accelsim.mapping.inference import InferenceProgram, SegmentCache, compile_inference
from accelsim.mapping.switching import compile_power_up, compile_switch, volatile_bits
from accelsim.memory.placement import DRAM, Placement, check_capacity, place
from accelsim.model.adaptation import adapt
from accelsim.model.encoder import build_encoder
from accelsim.model.graph import LayerGraph
from accelsim.model.tasks import find_task
from accelsim.program import Program
from accelsim.units import ceil_div


@dataclass(frozen=True)
class Design:
    """Everything that is decided before the simulation starts, by task name."""

    hardware: HardwareConfig
    graphs: Mapping[str, LayerGraph]
    placements: Mapping[str, Placement]
    inferences: Mapping[str, InferenceProgram]
    switches: Mapping[str, Program]
    power_up: Program


def compile_design(workload: WorkloadConfig, case: Case) -> Design:
    """Return the compiled case. Raises CapacityError when something does not fit.

    Tasks with equal graphs (the same number of classes) share their programs.
    """
    hardware = case.hardware
    graphs: dict[str, LayerGraph] = {}
    placements: dict[str, Placement] = {}
    inferences: dict[str, InferenceProgram] = {}
    by_classes: dict[int, str] = {}
    for task in workload.tasks:
        classes = find_task(task).classes
        twin = by_classes.setdefault(classes, task)
        if twin != task:
            graphs[task], placements[task] = graphs[twin], placements[twin]
            continue
        pretrained = build_encoder(
            workload.model, sequence_length=workload.sequence_length, classes=classes
        )
        graphs[task] = adapt(pretrained, case.config.adaptation)
        placements[task] = place(graphs[task], case.config.storage, hardware)
    _check_homes(placements, hardware)
    _check_power_off(workload, placements, hardware)
    check_capacity(placements, hardware)
    addresses, end = _task_addresses(placements)
    first = placements[workload.tasks[0]]
    base = end + _image_bytes(first, task_specific=False)
    cache = SegmentCache()
    for task in workload.tasks:
        twin = by_classes[find_task(task).classes]
        if twin != task:
            inferences[task] = inferences[twin]
            continue
        inferences[task] = compile_inference(graphs[task], placements[task], hardware, base, cache)
    switches = {
        task: compile_switch(task, placement, hardware, addresses[task])
        for task, placement in placements.items()
    }
    power_up = compile_power_up(hardware, first, end)
    return Design(hardware, graphs, placements, inferences, switches, power_up)


def _check_homes(placements: Mapping[str, Placement], hardware: HardwareConfig) -> None:
    """Refuse parameters in the memory of activations: its filling is planned as a whole."""
    activations = hardware.placement.activations
    for placement in placements.values():
        for tensor in placement.tensors.values():
            homes = (tensor.values, tensor.masks) if tensor.masked else (tensor.values,)
            if activations in homes:
                raise MappingError(
                    f"{tensor.parameter.name} (role {tensor.parameter.role.value}) lies in "
                    f"'{activations}', the memory of activations; give parameters a memory of "
                    "their own"
                )


def _check_power_off(
    workload: WorkloadConfig, placements: Mapping[str, Placement], hardware: HardwareConfig
) -> None:
    """Refuse to switch off volatile parameters that nothing can bring back."""
    if not workload.requests.power_off_when_idle or hardware.dram:
        return
    for task, placement in placements.items():
        bits = placement.bits(task_specific=True) + placement.bits(task_specific=False)
        if lost := volatile_bits(bits, hardware):
            raise MappingError(
                f"requests.power_off_when_idle: '{min(lost)}' loses the parameters of {task} and "
                "the machine has no dram to load them from; place them in non-volatile memory"
            )


def _task_addresses(placements: Mapping[str, Placement]) -> tuple[dict[str, int], int]:
    """Lay the tasks' parameters one after the other in DRAM; return addresses and their end."""
    addresses, address = {}, 0
    for task, placement in placements.items():
        addresses[task] = address
        address += _image_bytes(placement, task_specific=True)
    return addresses, address


def _image_bytes(placement: Placement, *, task_specific: bool) -> int:
    """Return the whole pages in DRAM that hold what belongs on the chip."""
    bits = placement.bits(task_specific=task_specific)
    size = sum(ceil_div(n, 8) for memory, n in bits.items() if memory != DRAM)
    return whole_pages(size)
