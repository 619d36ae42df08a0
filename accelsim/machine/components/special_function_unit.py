"""The special-function unit: softmax, layer norm, element add, GELU, tanh, entropy."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Literal

from pydantic import Field

from accelsim.machine.components.base import ANY, Block, Datasheet, Part, Price
from accelsim.machine.components.clocked import ClockedServer
from accelsim.machine.components.server import Server
from accelsim.machine.numbers import Count, PositiveInt
from accelsim.machine.site import Site
from accelsim.machine.timing import sfu_timing
from accelsim.machine.timing.sfu_timing import SfuTiming
from accelsim.model.operators import Reach, Recipe, all_kinds
from accelsim.program import Elements, Use
from accelsim.units import Tick, ceil_div

_RUNS = frozenset({Reach.ELEMENT, Reach.ROW})
_DVFS_LOOKUP = Recipe(1, 0, 4)  # a binary search over 16 thresholds


class SfuConfig(Block):
    """Special-function unit: n lanes, one outstanding read, nothing pipelined unless said.

    ``pipelined``: a row's reads follow one another each cycle and pay the round trip once a pass.
    ``initiation_intervals``: cycles of an iteration of a function's state machine, by function;
    one where none is given.
    """

    kind: Literal["special_function_unit"]
    read_round_trip_cycles: PositiveInt
    auxiliary_read_cycles: PositiveInt
    setup_cycles: Count
    pipelined: bool = False
    initiation_intervals: dict[str, PositiveInt] = Field(default_factory=dict)

    @property
    def functions(self) -> frozenset[str]:
        """The operator kinds that the unit computes."""
        return frozenset(kind.name for kind in all_kinds() if kind.reach in _RUNS)

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the unit's server."""
        return {ANY: SpecialFunctionUnit(name, self, site.lanes, site.period)}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Each lane has a multiplier and two adders of 16 bits."""
        multiply, add = site.logic.multiply_16_bit, site.logic.add_16_bit
        area = site.lanes * (multiply.area + 2 * add.area)
        recipes = {str(kind): kind.recipe for kind in all_kinds() if kind.reach in _RUNS}
        prices = {
            function: Price(
                "elements", recipe.multiplications * multiply.energy + recipe.additions * add.energy
            )
            for function, recipe in {**recipes, "dvfs_lookup": _DVFS_LOOKUP}.items()
        }
        return Datasheet(
            Part.COMPUTE,
            prices,
            area=area,
            leakage=area * site.logic.leakage,
            source="; ".join(site.logic.sources),
        )

    def timing(self, name: str, site: Site) -> Hashable:
        """All of it, and the lanes."""
        return (self.model_dump_json(), site.lanes)


class SpecialFunctionUnit(ClockedServer):
    """Cycles of one command on rows x columns elements, vectors of n elements.

    As coded every read is a round trip and nothing is pipelined. The ``pipelined`` option lets
    the reads of a pass follow one another every cycle and pays one round trip a pass and row.
    """

    def __init__(self, name: str, config: SfuConfig, vector_size: int, period: Tick) -> None:
        super().__init__(name, period)
        self._config = config
        self._vector_size = vector_size

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a command."""
        asked = use.expect(Elements)
        vectors = ceil_div(asked.columns, self._vector_size)
        cycles = command_cycles(self._config, use.action, asked.rows, vectors, asked.operands)
        return cycles * self.period


def command_cycles(
    config: SfuConfig, function: str, rows: int, vectors: int, operands: int = 1
) -> int:
    """Return the cycles of one command; an add of k operands is k - 1 adds."""
    timing = SfuTiming(
        config.read_round_trip_cycles,
        config.auxiliary_read_cycles,
        config.setup_cycles,
        config.initiation_intervals,
        config.pipelined,
    )
    repeats = max(1, operands - 1) if function == "add" else 1
    return sfu_timing.command_cycles(timing, function, rows * repeats, vectors, operands)
