"""EdgeBERT's accelerator: vector MACs, special functions, operand buffers, a bus, and a host."""

from __future__ import annotations

from accelsim.accelerators.base import Accelerator, Gap
from accelsim.accelerators.design import InferenceProgram
from accelsim.accelerators.edgebert.inference import compile_inference
from accelsim.accelerators.edgebert.parts import parts_of
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping import accesses
from accelsim.mapping.cache import SegmentCache
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
        return tuple(
            Gap(operator.name, f"its special-function unit has no '{operator.kind}'")
            for operator in graph.operators
            if operator.kind.reach in (Reach.ELEMENT, Reach.ROW) and operator.kind.name not in known
        )

    def compile(
        self,
        graph: LayerGraph,
        placement: Placement,
        machine: HardwareConfig,
        base_address: int,
        cache: SegmentCache,
    ) -> InferenceProgram:
        """Return the program of one inference."""
        return compile_inference(graph, placement, machine, base_address, cache)

    def start(self, machine: HardwareConfig) -> tuple[Use, ...]:
        """The host writes configuration registers."""
        writes = Command(parts_of(machine).host.register_writes_per_command)
        return (Use(accesses.HOST, "register_write", writes),)

    def settle(self, machine: HardwareConfig) -> Program:
        """Look the operating point up, then settle."""
        builder, lookup = SegmentBuilder("settle"), Use(accesses.SFU, "dvfs_lookup", Elements(1, 1))
        found = builder.add("sfu", "dvfs_lookup", [lookup])
        builder.add("host", "settle", [Use(accesses.POWER, "settle", Command())], after=(found,))
        return Program("settle", ProgramKind.SCALE, (builder.build(),))
