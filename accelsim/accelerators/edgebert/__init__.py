"""EdgeBERT's accelerator: vector MACs, special functions, operand buffers, a bus, and a host."""

from __future__ import annotations

from accelsim.accelerators.base import Accelerator, Gap
from accelsim.accelerators.edgebert.mapper import EdgeBertMapper
from accelsim.accelerators.edgebert.parts import SFU, parts_of
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.timing.sfu_timing import MEASURED
from accelsim.mapping import accesses
from accelsim.mapping.cache import InferenceProgram, SegmentCache
from accelsim.mapping.compiler import compile_inference
from accelsim.mapping.cutting import unpaired_products
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Reach
from accelsim.placement.placement import Placement
from accelsim.program import Command, Elements, Program, ProgramKind, SegmentBuilder, Use


class EdgeBert(Accelerator):
    """Harvard's EdgeBERT (MICRO 2021), as its SystemC is coded or with more overlap."""

    name = "edgebert"

    def gaps(self, graph: LayerGraph, machine: HardwareConfig) -> tuple[Gap, ...]:
        """Return the operators that neither the array, the special functions nor loads can do."""
        known = parts_of(machine).sfu.functions
        missing = (
            Gap(operator.name, f"its special-function unit has no '{operator.kind}'")
            for operator in graph.operators
            if operator.kind.reach in (Reach.ELEMENT, Reach.ROW) and operator.kind.name not in known
        )
        unpaired = (
            Gap(operator.name, "it multiplies two activations outside an attention")
            for operator in unpaired_products(graph)
        )
        kept = (
            Gap(operator.name, "its special-function unit keeps the result in a register")
            for operator in graph.operators
            if operator.kind.name in MEASURED
            and not MEASURED[operator.kind.name].emits
            and graph.successors(operator)
        )
        return (*missing, *unpaired, *kept)

    def compile(
        self,
        graph: LayerGraph,
        placement: Placement,
        machine: HardwareConfig,
        base_address: int,
        cache: SegmentCache,
    ) -> InferenceProgram:
        """Return the program of one inference."""
        return compile_inference(EdgeBertMapper(), graph, placement, machine, base_address, cache)

    def start(self, machine: HardwareConfig) -> tuple[Use, ...]:
        """The host writes configuration registers."""
        writes = Command(parts_of(machine).host.register_writes_per_command)
        return (Use(accesses.HOST, "register_write", writes),)

    def settle(self, machine: HardwareConfig) -> Program:
        """Look the operating point up, then settle."""
        builder, lookup = SegmentBuilder("settle"), Use(SFU, "dvfs_lookup", Elements(1, 1))
        found = builder.add("sfu", "dvfs_lookup", [lookup])
        builder.add("host", "settle", [Use(accesses.POWER, "settle", Command())], after=(found,))
        return Program("settle", ProgramKind.SCALE, (builder.build(),))
