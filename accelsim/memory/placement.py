"""Every parameter gets a home by its role; what does not fit is named with its shortage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from accelsim.config.hardware import HardwareConfig
from accelsim.errors import CapacityError
from accelsim.memory.storage import StorageConfig, StoredTensor, store
from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Role
from accelsim.units import ceil_div, format_bytes

DRAM = "dram"


@dataclass(frozen=True)
class Placement:
    """The stored tensors of one task's graph, by parameter name, in first-use order."""

    tensors: Mapping[str, StoredTensor]

    @cached_property
    def task_tensors(self) -> tuple[StoredTensor, ...]:
        """The tensors that a switch to the task must bring in."""
        return tuple(t for t in self.tensors.values() if t.parameter.role is Role.TASK)

    def bits(self, *, task_specific: bool) -> Counter[str]:
        """Bits by memory, of the task's own tensors or of the shared ones."""
        total: Counter[str] = Counter()
        for tensor in self.tensors.values():
            if (tensor.parameter.role is Role.TASK) == task_specific:
                total[tensor.values] += tensor.value_bits
                if tensor.masked:
                    total[tensor.masks] += tensor.mask_bits
        return total


def place(graph: LayerGraph, storage: StorageConfig, hardware: HardwareConfig) -> Placement:
    """Return the homes of all parameters of a graph."""
    tensors = {}
    for parameter in graph.parameters:
        home = getattr(hardware.placement, parameter.role.value)
        how = getattr(storage, parameter.role.value)
        tensors[parameter.name] = store(parameter, how, home.values, home.masks)
    return Placement(tensors)


def check_capacity(placements: Mapping[str, Placement], hardware: HardwareConfig) -> None:
    """Check that the shared tensors and each task's own fit, one task at a time.

    Without DRAM nothing can be reloaded, so all tasks must fit at once. ``placements`` maps task
    names to their placements. Raises CapacityError that names the first tensor that does not fit.
    """
    for task, placement in placements.items():
        used: Counter[str] = Counter()
        for tensor in _shared_first(placement):
            _add(tensor, used, hardware, f"task {task}")
    if hardware.dram is None:
        _check_all_resident(placements, hardware)


def _check_all_resident(placements: Mapping[str, Placement], hardware: HardwareConfig) -> None:
    used: Counter[str] = Counter()
    for number, (task, placement) in enumerate(placements.items()):
        shared = list(_shared_first(placement)) if number == 0 else list(placement.task_tensors)
        for tensor in shared:
            _add(tensor, used, hardware, f"task {task}; without dram all tasks stay on the chip")


def _shared_first(placement: Placement) -> list[StoredTensor]:
    return sorted(placement.tensors.values(), key=lambda t: t.parameter.role is Role.TASK)


def _add(tensor: StoredTensor, used: Counter[str], hardware: HardwareConfig, why: str) -> None:
    for part, memory, bits in (
        ("values", tensor.values, tensor.value_bits),
        ("mask", tensor.masks, tensor.mask_bits),
    ):
        if memory == DRAM or bits == 0:
            continue
        capacity = 8 * hardware.memories[memory].capacity
        if used[memory] + bits > capacity:
            raise _does_not_fit(tensor, part, memory, bits, capacity - used[memory], why)
        used[memory] += bits


def _does_not_fit(
    tensor: StoredTensor, part: str, memory: str, bits: int, free: int, why: str
) -> CapacityError:
    return CapacityError(
        f"{tensor.parameter.name} ({part}, role {tensor.parameter.role.value}, {why}) needs "
        f"{format_bytes(ceil_div(bits, 8))}; memory '{memory}' has "
        f"{format_bytes(free // 8)} free; enlarge memories.{memory}.capacity, lower the density "
        f"or place the role elsewhere",
        tensor.parameter.name,
        memory,
        bits,
        free,
    )
