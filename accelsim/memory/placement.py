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
        _check_together({f"task {task}": _shared_first(placement)}, hardware)
    if hardware.dram is None:
        _check_together(
            {
                f"task {task}; without dram all tasks stay on the chip": tensors
                for task, tensors in _all_resident(placements).items()
            },
            hardware,
        )


def _all_resident(placements: Mapping[str, Placement]) -> dict[str, list[StoredTensor]]:
    """Return each task's own tensors, the first task's with the shared ones before them."""
    return {
        task: list(placement.task_tensors) if number else _shared_first(placement)
        for number, (task, placement) in enumerate(placements.items())
    }


def _shared_first(placement: Placement) -> list[StoredTensor]:
    return sorted(placement.tensors.values(), key=lambda t: t.parameter.role is Role.TASK)


_Part = tuple[StoredTensor, str, str, int]


def _check_together(tensors: Mapping[str, list[StoredTensor]], hardware: HardwareConfig) -> None:
    """Check that all tensors fit beside each other; the keys say whose they are."""
    parts = [(who, part) for who, own in tensors.items() for each in own for part in _parts(each)]
    used: Counter[str] = Counter()
    for who, part in parts:
        _, _, memory, bits = part
        free = 8 * hardware.memories[memory].capacity - used[memory]
        if bits > free:
            total = sum(other[3] for _, other in parts if other[2] == memory)
            raise _does_not_fit(part, free, total, who)
        used[memory] += bits


def _parts(tensor: StoredTensor) -> list[_Part]:
    """Return (tensor, part, memory, bits) of what lies on the chip."""
    parts = [
        (tensor, "values", tensor.values, tensor.value_bits),
        (tensor, "mask", tensor.masks, tensor.mask_bits),
    ]
    return [part for part in parts if part[2] != DRAM and part[3]]


def _does_not_fit(part: _Part, free: int, total: int, who: str) -> CapacityError:
    tensor, name, memory, bits = part
    needed_text, free_text = _sizes(ceil_div(bits, 8), free // 8)
    smaller = "density" if tensor.masked and name == "values" else "number of bits"
    advice = f"lower the {smaller}" if name == "values" else "store it dense"
    return CapacityError(
        f"{tensor.parameter.name} ({name}, role {tensor.parameter.role.value}, {who}) needs "
        f"{needed_text}; memory '{memory}' has {free_text} free; raise "
        f"memories.{memory}.capacity to {ceil_div(total, 8)} B or more, {advice} "
        "or place the role elsewhere",
        tensor.parameter.name,
        memory,
        bits,
        free,
    )


def _sizes(needed: int, free: int) -> tuple[str, str]:
    """Return two sizes as texts, in bytes where rounding would hide their difference."""
    texts = format_bytes(needed), format_bytes(free)
    looks_equal = texts[0].replace(".00", "") == texts[1].replace(".00", "")
    return (f"{needed} B", f"{free} B") if looks_equal else texts
