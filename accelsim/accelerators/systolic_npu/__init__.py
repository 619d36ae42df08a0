"""A systolic array with a scratchpad, an accumulator and a vector unit: Gemmini, an edge TPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from accelsim.accelerators.base import (
    Accelerator,
    Gap,
    lone_transfer,
    missing,
    settled_by_host,
)
from accelsim.accelerators.systolic_npu import commands
from accelsim.accelerators.systolic_npu.parts import (
    BUS,
    COMPONENTS,
    SCRATCHPAD,
    parts_of,
    wrong_parts,
)
from accelsim.errors import ConfigError
from accelsim.inputs.paths import KeyPath
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.accesses import register_use
from accelsim.program import (
    Product,
    Program,
    Segment,
    Transfer,
    Use,
)

if TYPE_CHECKING:
    from accelsim.mapping.cache import InferenceProgram, SegmentCache
    from accelsim.model.graph import LayerGraph
    from accelsim.placement.placement import Placement


class SystolicNpu(Accelerator):
    """Any size of array, any of three dataflows."""

    name = "systolic_npu"
    components = COMPONENTS
    compares_tiles = True

    def problems(self, machine: HardwareConfig) -> Iterator[tuple[KeyPath, str]]:
        """Yield components that do not do, alone or together."""
        problems = list(super().problems(machine))
        yield from problems or wrong_parts(machine)

    def gaps(self, graph: LayerGraph, machine: HardwareConfig) -> tuple[Gap, ...]:
        """Return the operators that neither the array, the vector unit nor loads can do."""
        functions = parts_of(machine).vector_unit.functions
        return missing(graph, functions, "vector unit", machine.placement.cache)

    def compile(
        self,
        graph: LayerGraph,
        placement: Placement,
        machine: HardwareConfig,
        base_address: int,
        cache: SegmentCache,
    ) -> InferenceProgram:
        """Return the program of one inference."""
        from accelsim.accelerators.systolic_npu.mapper import NpuMapper
        from accelsim.mapping.compiler import compile_inference

        return compile_inference(NpuMapper(machine), graph, placement, machine, base_address, cache)

    def start(self, machine: HardwareConfig) -> tuple[Use, ...]:
        """The host hands instructions over."""
        return (register_use(machine, parts_of(machine).host.register_writes_per_command),)

    def settle(self, machine: HardwareConfig) -> Program:
        """The host knows the operating points."""
        return settled_by_host()

    def product(
        self, machine: HardwareConfig, asked: Product, density: float, activation_density: float
    ) -> Segment:
        """Return a product of operands in the scratchpad, which are dense there."""
        if (density, activation_density) != (1.0, 1.0):
            raise ConfigError(
                f"--density: operands are dense in the scratchpad of '{machine.name}'; leave it out"
            )
        return commands.product(parts_of(machine), asked)

    def function(self, machine: HardwareConfig, name: str, rows: int, columns: int) -> Segment:
        """Return one command of the vector unit."""
        return commands.function(machine, name, rows, columns)

    def transfer(self, machine: HardwareConfig, action: str, moved: Transfer) -> Segment:
        """Return one transfer into the scratchpad, or one back."""
        return lone_transfer(BUS, SCRATCHPAD, parts_of(machine).pe_array.lanes, action, moved)
