"""What writing the parameters that all tasks share costs: once, when the device is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accelsim.accelerators.design import Design
from accelsim.machine.programming import ProgrammingCost, programming_cost
from accelsim.memory.technology import load_technology


@dataclass(frozen=True)
class Writing:
    """Time [s] and energy [J] of writing several memories once, one after the other."""

    seconds: float
    joules: float


def writing_once(costs: Iterable[ProgrammingCost]) -> Writing:
    """Return the sum of some costs."""
    written = list(costs)
    return Writing(sum(one.seconds for one in written), sum(one.joules for one in written))


def backbone_programming(design: Design) -> dict[str, ProgrammingCost]:
    """Return the cost of writing the shared parameters into each non-volatile memory, by its name.

    Shared are the embedding and, where tasks do not have their own, the backbone; check bits and
    what partial cells leave empty are written with them. Volatile memories are loaded again at
    every power-up, which a run counts.
    """
    shared = next(iter(design.placements.values())).bits(task_specific=False)
    table, memories = design.hardware.regions, design.hardware.memories
    return {
        name: programming_cost(table[name], load_technology(memories[name].technology), bits)
        for name, bits in shared.items()
        if name in memories and bits and not table[name].array.volatile
    }
