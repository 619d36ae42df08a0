"""The special-function unit: softmax, layer norm, element add, GELU, tanh, entropy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from accelsim.inputs.quantities import Count, PositiveInt
from accelsim.inputs.validation import RuleError
from accelsim.machine.components.base import ANY
from accelsim.machine.components.clocked import CycleServer
from accelsim.machine.components.function_unit import FunctionUnit, row_recipes, unknown_function
from accelsim.machine.components.memory import Memory
from accelsim.machine.components.server import Server
from accelsim.machine.site import Site
from accelsim.machine.timing.sfu_timing import Routine, routine_of
from accelsim.model.operators import Recipe
from accelsim.program import Elements, Use
from accelsim.units import Tick, ceil_div

# Relays from a unit to the mask memory's port: of a request, and of a result by the encoder.
_REQUEST_RELAYS, _RESULT_RELAYS = 3, 5


class SfuConfig(FunctionUnit):
    """Special-function unit: n lanes, one outstanding read, nothing pipelined unless said.

    ``read_round_trip_cycles``: from the request of a vector to the state after its arrival,
    ``auxiliary_read_cycles``: the same for the auxiliary memory, ``setup_cycles``: start command
    and interrupt. ``pipelined``: a row's reads follow one another each cycle and pay the round trip
    once a pass and row (not as coded). ``initiation_intervals``: cycles of an iteration of a
    function's state machine, by function; one where none is given.
    """

    further: ClassVar[Mapping[str, Recipe]] = {"dvfs_lookup": Recipe(1, 0, 4)}  # 16 thresholds

    kind: Literal["special_function_unit"]
    read_round_trip_cycles: PositiveInt
    auxiliary_read_cycles: PositiveInt
    setup_cycles: Count
    pipelined: bool = False
    initiation_intervals: dict[str, PositiveInt] = Field(default_factory=dict)

    @field_validator("initiation_intervals")
    @classmethod
    def _of_known_functions(cls, intervals: dict[str, int]) -> dict[str, int]:
        known = [*row_recipes(), *cls.further]
        if wrong := [name for name in intervals if name not in known]:
            raise RuleError(*(((name,), unknown_function(name, known)) for name in wrong))
        return intervals

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the one server."""
        return {ANY: SpecialFunctions(name, self, site)}

    def lanes_of(self, site: Site) -> int:
        """As many as a vector has elements."""
        return site.lanes

    def function_cycles(self, use: Use, site: Site) -> int:
        """One command on rows of vectors."""
        asked = use.expect(Elements)
        vectors = ceil_div(asked.columns, site.lanes)
        return self.command_cycles(use.action, asked.rows * asked.turns, vectors)

    def reads(self, use: Use, site: Site) -> tuple[int, int]:
        """Return the vectors of operands and of parameters that the unit waits for, one by one."""
        asked, routine = use.expect(Elements), routine_of(use.action)
        vectors = asked.rows * asked.turns * ceil_div(asked.columns, site.lanes)
        operands = 0 if self.pipelined else sum(routine.reads)
        return vectors * operands, vectors * routine.auxiliary_reads

    def command_cycles(self, function: str, rows: int, vectors: int) -> int:
        """Return the cycles of a command on ``rows`` of ``vectors``, from start write to interrupt.

        Raises ConfigError for an unknown function.
        """
        routine = routine_of(function)
        interval = self.initiation_intervals.get(function, 1)
        row = self._row_cycles(routine, interval, vectors)
        waits = _waits(routine, interval, rows, vectors) if not self.pipelined else 0
        return rows * row + waits + self.setup_cycles + routine.start_phase[interval > 1]

    def _row_cycles(self, routine: Routine, interval: int, vectors: int) -> int:
        auxiliary = routine.auxiliary_reads * _read(self.auxiliary_read_cycles, interval)
        if self.pipelined:
            trips = sum(routine.reads) * (vectors + self.read_round_trip_cycles)
            return trips + auxiliary + routine.row_states
        trips = sum(routine.reads) * _read(self.read_round_trip_cycles, interval)
        states = routine.states * interval
        return (trips + auxiliary + states) * vectors + routine.row_states * interval


class SpecialFunctions(CycleServer):
    """One command at a time; round trips are longer by what a read takes beyond a cycle."""

    def __init__(self, name: str, config: SfuConfig, site: Site) -> None:
        super().__init__(name, site.period, partial(config.cycles, site=site))
        self._config, self._site = config, site
        self._port: Callable[[str, str], Server] | None = None

    def connect(self, port: Callable[[str, str], Server]) -> None:
        """Get to know the memories that operands and parameters come from."""
        self._port = port

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a use."""
        ticks, port = super().occupancy(use, start), self._port
        sources = use.demand.sources if isinstance(use.demand, Elements) else ()
        if not sources or port is None:
            return ticks
        reads = self._config.reads(use, self._site)
        for vectors, source in zip(reads, sources, strict=True):
            memory = port(source, "read")
            if isinstance(memory, Memory):
                ticks += vectors * (memory.word_cycles["read"] - 1) * self.period
        return ticks


def _read(round_trip: int, interval: int) -> int:
    """Return the cycles of a state that asks and one that receives."""
    return max(interval, round_trip - 1) + interval


def _waits(routine: Routine, interval: int, rows: int, vectors: int) -> int:
    """Return by how much results delay the reads that follow them.

    Both reach the mask memory's port in one cycle when as many cycles lie between them as relays
    separate their ways. The port serves them in turn: the read waits unless a result was served
    after the read before it.
    """
    if not routine.emits:
        return 0
    apart = _RESULT_RELAYS - _REQUEST_RELAYS
    within_rows = rows * (vectors - 1) if interval == apart else 0
    read_was_last = vectors == 1 or routine.reads[-1] > 1
    meet = (1 + routine.end_states) * interval == apart
    return within_rows + (rows - 1 if meet and read_was_last else 0)
