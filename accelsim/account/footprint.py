"""What lies in every memory of a design, beside what it can hold."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.accelerators.design import Design
from accelsim.engine.ledger import Ledger
from accelsim.machine.regions import Region
from accelsim.units import ceil_div


@dataclass(frozen=True)
class Footprint:
    """Bits stored in one memory: shared by all tasks, and of the largest task.

    ``held_bytes`` is what a run held at most: of parameters with one task resident.
    """

    region: Region
    shared_bits: int
    task_bits: int
    held_bytes: int

    @property
    def fill(self) -> float:
        """The share of the capacity that is held."""
        return self.held_bytes / self.region.capacity


def footprints(design: Design, ledger: Ledger) -> dict[str, Footprint]:
    """Return the footprint of every on-chip memory and buffer of a design in a run, by name."""
    placements = list(design.placements.values())
    shared = placements[0].bits(task_specific=False)
    tasks = [placement.bits(task_specific=True) for placement in placements]
    found = {}
    for name, region in design.hardware.regions.items():
        own = max(bits[name] for bits in tasks)
        held = ceil_div(shared[name] + own, 8)
        if region.kind != "parameters":
            held = ledger.peak.get(name, 0) + ledger.peak.get(f"{name}_masks", 0)
        found[name] = Footprint(region, shared[name], own, held)
    return found
