"""A vector unit: functions of rows and elements by their recipes, pipelined."""

from __future__ import annotations

from typing import Literal

from accelsim.machine.components.arithmetic import row_functions, vector_lanes
from accelsim.machine.components.base import ClockedBlock, Datasheet
from accelsim.machine.numbers import Count, PositiveInt
from accelsim.machine.site import Site
from accelsim.model.operators import find_kind
from accelsim.program import Elements, Use
from accelsim.units import ceil_div


class VectorUnitConfig(ClockedBlock):
    """``width`` lanes that take a vector of each sweep a cycle, ``latency_cycles`` deep."""

    kind: Literal["vector_unit"]
    width: PositiveInt
    latency_cycles: Count

    @property
    def functions(self) -> frozenset[str]:
        """The operator kinds that the unit computes."""
        return frozenset(row_functions())

    def cycles(self, use: Use, site: Site) -> int:
        """Each sweep waits for the one before; all rows of a command are under way in it."""
        asked = use.expect(Elements)
        vectors = asked.rows * ceil_div(asked.columns, self.width) * asked.operands
        return find_kind(use.action).recipe.sweeps * (vectors + self.latency_cycles)

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Lanes as those of a special-function unit."""
        return vector_lanes(self.width, site, {})
