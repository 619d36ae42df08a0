"""What writing the parameters that all tasks share costs: once, when the device is made."""

from __future__ import annotations

from accelsim.accelerators.design import Design
from accelsim.machine.programming import ProgrammingCost, programming_cost
from accelsim.machine.regions import regions
from accelsim.memory.technology import load_technology


def backbone_programming(design: Design) -> dict[str, ProgrammingCost]:
    """Return the cost of writing the shared parameters into each non-volatile memory, by its name.

    Shared are the embedding and, where tasks do not have their own, the backbone; check bits and
    what partial cells leave empty are written with them. Volatile memories are loaded again at
    every power-up, which a run counts.
    """
    shared = next(iter(design.placements.values())).bits(task_specific=False)
    table, memories = regions(design.hardware), design.hardware.memories
    return {
        name: programming_cost(table[name], load_technology(memories[name].technology), bits)
        for name, bits in shared.items()
        if name in memories and bits and not table[name].array.volatile
    }
