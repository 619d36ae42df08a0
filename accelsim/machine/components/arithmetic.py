"""What arithmetic costs, whatever unit it stands in: circuits, registers, their clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from accelsim.machine.components.base import Datasheet, Part, Price
from accelsim.machine.site import Site

PADDED = "padded_"
"""What the name of an action on padding begins with: it takes the time of what it pads."""


def multipliers(count: int, unit: str, site: Site) -> Datasheet:
    """Return the datasheet of multipliers with a ``unit``'s registers; control is paid by lane."""
    logic, registers = site.logic, site.logic.registers[unit]
    cycle = count * registers.cycle_per_mac
    cycle += site.lanes * (registers.cycle_per_lane + logic.control)
    area = count * (logic.mac.area + registers.area_per_mac)
    area += site.lanes * registers.area_per_lane
    price = Price("macs", logic.mac.energy + registers.operation)
    prices = {"mac": price, f"{PADDED}mac": price}
    lines = ("mac", "flip_flop", unit, "control")
    return logic_datasheet(prices, area, cycle, lines, site)


def logic_datasheet(
    prices: Mapping[str, Price], area: float, cycle: float, lines: Iterable[str], site: Site
) -> Datasheet:
    """Return the datasheet of logic: area [m2], J of a clock cycle, lines of the account."""
    leakage, source = area * site.logic.leakage, site.logic.sources_of(*lines, "leakage")
    return Datasheet(Part.COMPUTE, prices, area, leakage, cycle, source=source)
