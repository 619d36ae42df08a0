"""What computes functions of elements and rows, and which ones."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from accelsim.inputs.document import describe
from accelsim.inputs.paths import suggest
from accelsim.inputs.validation import RuleError
from accelsim.machine.components.arithmetic import PADDED, logic_datasheet
from accelsim.machine.components.base import ClockedBlock, Datasheet, Price
from accelsim.machine.site import Site
from accelsim.model.operators import Reach, Recipe, all_kinds
from accelsim.program import Use

RECIPES = "recipes"


def row_recipes() -> dict[str, Recipe]:
    """Return the recipes of all operator kinds that work on rows or elements, by name."""
    by_rows = (Reach.ELEMENT, Reach.ROW)
    return {kind.name: kind.recipe for kind in all_kinds() if kind.reach in by_rows}


def unknown_function(name: str, known: Iterable[str]) -> str:
    """Return what to say of a name that is no function."""
    return f"no such function; {suggest(name, known, 'functions')}"


class FunctionUnit(ClockedBlock):
    """Lanes with a multiplier and two adders of 16 bits each.

    ``computes`` are the operator kinds that the unit is built for, by name. With ``recipes`` its
    controller is programmable: it computes every function of elements or rows, in the sweeps,
    multiplications and additions of its kind's recipe. ``further`` are functions that are no
    operator kinds.
    """

    further: ClassVar[Mapping[str, Recipe]] = {}

    computes: Literal["recipes"] | tuple[str, ...]

    @field_validator("computes", mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        if given == RECIPES:
            return given
        if not (isinstance(given, (list, tuple)) and all(isinstance(n, str) for n in given)):
            message = f"expected '{RECIPES}' or a list of operator kinds, got {describe(given)}"
            raise ValueError(message)
        known = row_recipes()
        if wrong := [(at, name) for at, name in enumerate(given) if name not in known]:
            raise RuleError(*(((at,), unknown_function(name, known)) for at, name in wrong))
        return tuple(given)

    def emission(self, name: str, site: Site) -> Hashable:
        """Lanes: routines are those of the operator kinds, and cycles are compared alone."""
        return self.lanes_of(site)

    @property
    def functions(self) -> dict[str, Recipe]:
        """What the unit computes for operators, by the names of their kinds."""
        known = row_recipes()
        return known if self.computes == RECIPES else {name: known[name] for name in self.computes}

    @abstractmethod
    def function_cycles(self, use: Use, site: Site) -> int:
        """Return the cycles of a function of rows and columns."""

    def cycles(self, use: Use, site: Site) -> int:
        """Padding of a vector takes no time of its own."""
        return 0 if use.action.startswith(PADDED) else self.function_cycles(use, site)

    @abstractmethod
    def lanes_of(self, site: Site) -> int:
        """Return the number of lanes."""

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Return the price of each function by its recipe; every result is registered.

        Lanes compute whole vectors: an element of padding costs as much as another.
        """
        unit, registers = "vector_lane", site.logic.registers["vector_lane"]
        multiply, add = site.logic.multiply_16_bit, site.logic.add_16_bit
        product, sum_ = (circuit.energy + registers.operation for circuit in (multiply, add))
        prices = {
            function: Price("elements", recipe.multiplications * product + recipe.additions * sum_)
            for function, recipe in {**self.functions, **self.further}.items()
        }
        prices |= {f"{PADDED}{function}": price for function, price in prices.items()}
        lanes, lines = self.lanes_of(site), ("arithmetic", "flip_flop", unit)
        area = lanes * (multiply.area + 2 * add.area + registers.area_per_mac)
        return logic_datasheet(prices, area, lanes * registers.cycle_per_mac, lines, site)
