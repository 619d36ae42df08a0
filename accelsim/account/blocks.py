"""What the components of a machine are to a reader of its power and of its timeline."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.account.prices import PriceList
from accelsim.machine.components.base import Part

# ``activations`` are the activation memory and the buffers; ``bus and host`` has the wake-ups.
POWER_PARTS = ("compute", "parameters", "activations", "bus and host", "DRAM", "leakage")

_OF_PARTS = {
    Part.COMPUTE: "compute",
    Part.BUS: "bus and host",
    Part.PARAMETERS: "parameters",
    Part.ACTIVATIONS: "activations",
    Part.BUFFERS: "activations",
    Part.HOST: "bus and host",
    Part.DRAM: "DRAM",
    Part.SUPPLY: "bus and host",
}


def power_part(prices: PriceList, block: str) -> str:
    """Return the part of the machine, one of POWER_PARTS, that a block belongs to."""
    return _OF_PARTS[prices.part(block)]


def lanes(used: Mapping[str, str], prices: PriceList) -> list[str]:
    """Return the ports in use, each given with its block, from top to bottom: by part."""
    parts, declared = list(Part), list(prices.sheets)

    def place(port: str) -> tuple[int, int, str]:
        part = prices.part(used[port])
        order = 0 if part is Part.BUFFERS else declared.index(used[port])
        return parts.index(part), order, port

    return sorted(used, key=place)


def counted(prices: PriceList, block: str, action: str) -> str:
    """Return what an amount counts, and for memories in which direction."""
    sheet = prices.sheets[block]
    unit = sheet.prices[action].unit
    return f"{action}_{unit}" if sheet.part.is_memory or sheet.part is Part.DRAM else unit
