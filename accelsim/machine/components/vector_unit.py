"""A vector unit: functions of rows and elements by their recipes, pipelined."""

from __future__ import annotations

from typing import Literal

from accelsim.inputs.quantities import Count, PositiveInt
from accelsim.machine.components.function_unit import FunctionUnit
from accelsim.machine.site import Site
from accelsim.model.operators import find_kind
from accelsim.program import Elements, Use
from accelsim.units import ceil_div


class VectorUnitConfig(FunctionUnit):
    """``width`` lanes that take a vector of each sweep a cycle, ``latency_cycles`` deep."""

    kind: Literal["vector_unit"]
    width: PositiveInt
    latency_cycles: Count

    def lanes_of(self, site: Site) -> int:
        """Its width."""
        return self.width

    def function_cycles(self, use: Use, site: Site) -> int:
        """Each sweep waits for the one before; all rows of a command are under way in it."""
        asked = use.expect(Elements)
        vectors = asked.rows * ceil_div(asked.columns, self.width) * asked.operands
        return find_kind(use.action).recipe.sweeps * (vectors + self.latency_cycles)
