"""EdgeBERT's accelerator: vector MACs, special functions, operand buffers, a bus, and a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.accelerators.base import Accelerator, Gap, missing
from accelsim.accelerators.edgebert import commands
from accelsim.accelerators.edgebert.parts import COMPONENTS, SFU, parts_of
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.timing.sfu_timing import MEASURED
from accelsim.mapping.accesses import register_use, supply_use
from accelsim.program import (
    Elements,
    Product,
    Program,
    ProgramKind,
    Segment,
    SegmentBuilder,
    Transfer,
    Use,
)

if TYPE_CHECKING:
    from accelsim.mapping.cache import InferenceProgram, SegmentCache
    from accelsim.model.graph import LayerGraph
    from accelsim.placement.placement import Placement


class EdgeBert(Accelerator):
    """Harvard's EdgeBERT (MICRO 2021), as its SystemC is coded or with more overlap."""

    name = "edgebert"
    components = COMPONENTS

    def gaps(self, graph: LayerGraph, machine: HardwareConfig) -> tuple[Gap, ...]:
        """Return the operators that neither the array, the special functions nor loads can do."""
        kept = (
            Gap(operator.name, "its special-function unit keeps the result in a register")
            for operator in graph.operators
            if operator.kind.name in MEASURED
            and not MEASURED[operator.kind.name].emits
            and graph.successors(operator)
        )
        functions = parts_of(machine).sfu.functions
        cache = machine.placement.cache
        return (*missing(graph, functions, "special-function unit", cache), *kept)

    def compile(
        self,
        graph: LayerGraph,
        placement: Placement,
        machine: HardwareConfig,
        base_address: int,
        cache: SegmentCache,
    ) -> InferenceProgram:
        """Return the program of one inference."""
        from accelsim.accelerators.edgebert.mapper import EdgeBertMapper
        from accelsim.mapping.compiler import compile_inference

        return compile_inference(EdgeBertMapper(), graph, placement, machine, base_address, cache)

    def start(self, machine: HardwareConfig) -> tuple[Use, ...]:
        """The host writes configuration registers."""
        return (register_use(machine, parts_of(machine).host.register_writes_per_command),)

    def settle(self, machine: HardwareConfig) -> Program:
        """Look the operating point up, then settle."""
        builder, lookup = SegmentBuilder("settle"), Use(SFU, "dvfs_lookup", Elements(1, 1))
        found = builder.add("sfu", "dvfs_lookup", [lookup])
        builder.add("host", "settle", [supply_use("settle")], after=(found,))
        return Program("settle", ProgramKind.SCALE, (builder.build(),))

    def product(
        self, machine: HardwareConfig, asked: Product, density: float, activation_density: float
    ) -> Segment:
        """Return a product of operands in the operand buffers."""
        return commands.product(parts_of(machine), asked, density, activation_density)

    def function(self, machine: HardwareConfig, name: str, rows: int, columns: int) -> Segment:
        """Return one command of the special-function unit."""
        return commands.function(parts_of(machine), name, rows, columns)

    def transfer(self, machine: HardwareConfig, action: str, moved: Transfer) -> Segment:
        """Return one load into the weight buffer, or one write-back."""
        return commands.transfer(parts_of(machine), action, moved)
