"""What arithmetic costs, whatever unit it stands in. Registers between stages have no price."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.machine.components.base import Datasheet, Part, Price
from accelsim.machine.site import Site


def multipliers(count: int, site: Site) -> Datasheet:
    """Return the datasheet of multiply-accumulators: 8-bit products, 16-bit additions."""
    multiply, add = site.logic.multiply_8_bit, site.logic.add_16_bit
    prices = {"mac": Price("macs", multiply.energy + add.energy)}
    return logic_datasheet(prices, count * (multiply.area + add.area), site)


def logic_datasheet(prices: Mapping[str, Price], area: float, site: Site) -> Datasheet:
    """Return the datasheet of logic of some area [m2]."""
    return Datasheet(
        Part.COMPUTE,
        prices,
        area=area,
        leakage=area * site.logic.leakage,
        source="; ".join(site.logic.sources),
    )
