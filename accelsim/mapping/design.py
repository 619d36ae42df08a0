"""A case compiled: graphs, placements and programs of all its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.config.hardware import HardwareConfig
from accelsim.config.workload import Case, WorkloadConfig
from accelsim.mapping.inference import InferenceProgram, SegmentCache, compile_inference
from accelsim.mapping.switching import compile_power_up, compile_switch
from accelsim.memory.placement import DRAM, Placement, check_capacity, place
from accelsim.model.adaptation import adapt
from accelsim.model.encoder import build_encoder
from accelsim.model.graph import LayerGraph
from accelsim.model.tasks import find_task
from accelsim.program import Program
from accelsim.units import ceil_div

_PAGE_BYTES = 4096


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
    check_capacity(placements, hardware)
    addresses, end = _task_addresses(placements)
    cache = SegmentCache()
    for task in workload.tasks:
        twin = by_classes[find_task(task).classes]
        if twin != task:
            inferences[task] = inferences[twin]
            continue
        inferences[task] = compile_inference(graphs[task], placements[task], hardware, end, cache)
    switches = {
        task: compile_switch(task, placement, hardware, addresses[task])
        for task, placement in placements.items()
    }
    return Design(hardware, graphs, placements, inferences, switches, compile_power_up(hardware))


def _task_addresses(placements: Mapping[str, Placement]) -> tuple[dict[str, int], int]:
    """Lay the tasks' parameters one after the other in DRAM; return addresses and their end."""
    addresses, address = {}, 0
    for task, placement in placements.items():
        addresses[task] = address
        bits = placement.bits(task_specific=True)
        size = sum(ceil_div(n, 8) for memory, n in bits.items() if memory != DRAM)
        address += ceil_div(size, _PAGE_BYTES) * _PAGE_BYTES
    return addresses, address
