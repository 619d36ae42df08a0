"""Models that make room for each other: in which memories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from accelsim.machine.schema import HardwareConfig
from accelsim.placement.placement import Placement, by_model, kept_bits, shared_bits


def overlaid_memories(
    placements: Mapping[str, Placement], hardware: HardwareConfig, pinned: Collection[str] = ()
) -> frozenset[str]:
    """Return the memories in which models that are swapped make room for each other.

    A memory that holds all models, beside the largest task and those ``pinned``, keeps them.
    """
    swapped: Counter[str] = Counter()
    for each in by_model(placements.values()).values():
        swapped |= each.bits(task_specific=False) if each.swapped else Counter()
    if not swapped:
        return frozenset()  # as in most designs, and asked of each
    own = {task: each.bits(task_specific=True) for task, each in placements.items()}
    total = shared_bits(placements.values()) + kept_bits(placements)
    for task in pinned:
        total.update(own[task])
    largest: Counter[str] = Counter()
    for task in own.keys() - set(pinned):
        largest |= own[task]
    total.update(largest)
    return frozenset(
        name
        for name, memory in hardware.memories.items()
        if swapped[name] and total[name] > 8 * memory.capacity
    )
