"""Where in DRAM lies what belongs on the chip: images of tasks, then of models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from accelsim.machine.components.off_chip import DRAM
from accelsim.mapping.accesses import whole_pages
from accelsim.placement.placement import Placement, by_model
from accelsim.units import ceil_div


def task_addresses(placements: Mapping[str, Placement]) -> tuple[dict[str, int], int]:
    """Lay the tasks' parameters one after the other in DRAM; return addresses and their end."""
    addresses, address = {}, 0
    for task, placement in placements.items():
        addresses[task] = address
        address += image_bytes(placement, task_specific=True)
    return addresses, address


def shared_images(
    placements: Mapping[str, Placement], address: int
) -> Iterator[tuple[Placement, int]]:
    """Yield a placement of each model with the address in DRAM of what its tasks share."""
    for placement in by_model(placements.values()).values():
        yield placement, address
        address += image_bytes(placement, task_specific=False)


def image_bytes(placement: Placement, *, task_specific: bool) -> int:
    """Return the whole pages in DRAM that hold what belongs on the chip."""
    bits = placement.data_bits(task_specific=task_specific)
    size = sum(ceil_div(n, 8) for memory, n in bits.items() if memory != DRAM)
    return whole_pages(size)
