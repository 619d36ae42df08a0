"""What lies in every memory of a design, beside what it can hold."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.accelerators.design import Design
from accelsim.machine.regions import Region, regions


@dataclass(frozen=True)
class Footprint:
    """Bits stored in one memory: shared by all tasks, and of the largest task."""

    region: Region
    shared_bits: int
    task_bits: int

    @property
    def fill(self) -> float:
        """Share of the capacity that is in use with one task resident."""
        return (self.shared_bits + self.task_bits) / (8 * self.region.capacity)


def footprints(design: Design) -> list[Footprint]:
    """Return the footprint of every on-chip memory and buffer of a design."""
    placements = list(design.placements.values())
    shared = placements[0].bits(task_specific=False)
    tasks = [placement.bits(task_specific=True) for placement in placements]
    return [
        Footprint(region, shared[name], max(bits[name] for bits in tasks))
        for name, region in regions(design.hardware).items()
    ]
