"""What arithmetic costs, whatever unit it stands in. Registers between stages have no price."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.machine.components.base import Datasheet, Part, Price
from accelsim.machine.site import Site
from accelsim.model.operators import OperatorKind, Reach, Recipe, all_kinds

_BY_ROWS = frozenset({Reach.ELEMENT, Reach.ROW})


def row_functions() -> dict[str, OperatorKind]:
    """Return the operator kinds that work on rows or elements, by name."""
    return {kind.name: kind for kind in all_kinds() if kind.reach in _BY_ROWS}


def multipliers(count: int, site: Site) -> Datasheet:
    """Return the datasheet of multiply-accumulators: 8-bit products, 16-bit additions."""
    multiply, add = site.logic.multiply_8_bit, site.logic.add_16_bit
    prices = {"mac": Price("macs", multiply.energy + add.energy)}
    return _logic(prices, count * (multiply.area + add.area), site)


def vector_lanes(lanes: int, site: Site, further: Mapping[str, Recipe]) -> Datasheet:
    """Return the datasheet of lanes with a multiplier and two adders of 16 bits each.

    They compute every row function by its recipe, and ``further`` ones.
    """
    multiply, add = site.logic.multiply_16_bit, site.logic.add_16_bit
    recipes = {name: kind.recipe for name, kind in row_functions().items()}
    prices = {
        function: Price(
            "elements", recipe.multiplications * multiply.energy + recipe.additions * add.energy
        )
        for function, recipe in {**recipes, **further}.items()
    }
    return _logic(prices, lanes * (multiply.area + 2 * add.area), site)


def _logic(prices: Mapping[str, Price], area: float, site: Site) -> Datasheet:
    return Datasheet(
        Part.COMPUTE,
        prices,
        area=area,
        leakage=area * site.logic.leakage,
        source="; ".join(site.logic.sources),
    )
