"""A cluster of cores with an NE16 convolution engine and a shared memory, as in GAP9."""

from __future__ import annotations

from collections.abc import Iterator

from accelsim.accelerators.base import (
    Accelerator,
    Gap,
    alone,
    lone_function,
    lone_transfer,
    missing,
    not_compared,
    not_followed,
    settled_by_host,
)
from accelsim.accelerators.ne16_cluster.emitter import (
    LayerEmitter,
    code_uses,
    job_uses,
)
from accelsim.accelerators.ne16_cluster.layers import layers_of
from accelsim.accelerators.ne16_cluster.parts import (
    COMPONENTS,
    CORES,
    DMA,
    ENGINE,
    L1,
    parts_of,
)
from accelsim.errors import ConfigError
from accelsim.inputs.paths import KeyPath
from accelsim.machine.components.host import HostConfig
from accelsim.machine.components.ne16 import as_job
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.accesses import buffer_use, register_use
from accelsim.mapping.cache import InferenceProgram, SegmentCache
from accelsim.mapping.compiler import no_room
from accelsim.mapping.context import Context
from accelsim.mapping.cutting import cut, is_paired
from accelsim.mapping.plan import NoRoomError, Plan
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Reach
from accelsim.placement.placement import Placement
from accelsim.program import Product, Program, ProgramKind, Segment, Transfer, Use


class Ne16Cluster(Accelerator):
    """GreenWaves' GAP9 and its open relatives: layer by layer, tile by tile."""

    name = "ne16_cluster"
    components = COMPONENTS

    def problems(self, machine: HardwareConfig) -> Iterator[tuple[KeyPath, str]]:
        """Yield components that do not do, and settings that mapping does not follow."""
        yield from super().problems(machine)
        yield from not_compared(machine)
        if isinstance(machine.further.get("host"), HostConfig):
            yield from not_followed(machine)

    def gaps(self, graph: LayerGraph, machine: HardwareConfig) -> tuple[Gap, ...]:
        """Return the operators that neither the engine nor the cores can do."""
        weightless = (
            Gap(operator.label, "its engine multiplies by weights alone")
            for operator in graph.operators
            if is_paired(operator)
        )
        tables = (
            Gap(operator.label, "nothing looks rows of a table up")
            for operator in graph.operators
            if operator.kind.reach is Reach.TABLE
        )
        functions = parts_of(machine).cores.functions
        return (*missing(graph, functions, "cluster", None), *weightless, *tables)

    def compile(
        self,
        graph: LayerGraph,
        placement: Placement,
        machine: HardwareConfig,
        base_address: int,
        cache: SegmentCache,
    ) -> InferenceProgram:
        """Return the program of one inference: a segment a layer. Nothing spills."""
        stages = (stage for segment in cut(graph) for stage in segment)
        context = Context.of(graph, placement, stages, base_address)
        emitter = LayerEmitter(context, machine, parts_of(machine))
        segments, choices, held = list[Segment](), list[str](), dict[str, int]()
        layers = layers_of(graph)
        for layer in layers:
            plan = Plan(layer.operator.label, machine.capacities, held)
            try:
                words = emitter.emit(plan, layer)
            except NoRoomError as error:
                raise no_room(error, machine, frozenset()) from None
            segments.append(plan.build())
            choices.append(f"{layer.operator.label}: {words}, {layer.mode or 'cores'}")
            held = plan.end_held()
        numbers = tuple(layer.operator.layer for layer in layers)
        program = Program("infer", ProgramKind.INFER, tuple(segments), numbers)
        before = next((n for n, layer in enumerate(numbers) if layer is not None), len(numbers))
        return InferenceProgram(program, tuple(choices), (), before=before)

    def start(self, machine: HardwareConfig) -> tuple[Use, ...]:
        """A core hands a job's registers over."""
        return (register_use(machine, parts_of(machine).host.register_writes_per_command),)

    def settle(self, machine: HardwareConfig) -> Program:
        """The host knows the operating points."""
        return settled_by_host()

    def product(
        self, machine: HardwareConfig, asked: Product, density: float, activation_density: float
    ) -> Segment:
        """Return a product of operands in the cluster's memory, which are dense there."""
        if (density, activation_density) != (1.0, 1.0):
            raise ConfigError(
                f"--density: operands are dense in 'l1' of '{machine.name}'; leave it out"
            )
        return alone("matmul", ENGINE, job_uses(parts_of(machine), as_job(asked)))

    def function(self, machine: HardwareConfig, name: str, rows: int, columns: int) -> Segment:
        """Return one function of the cores, from and to the cluster's memory."""
        parts, operator = parts_of(machine), lone_function(name, rows, columns)
        lanes, inputs = parts.engine.lanes, len(operator.kind.inputs(operator))
        moved = (("read", inputs * rows * columns), ("write", rows * operator.columns))
        ports = [buffer_use(lanes, L1, action, size) for action, size in moved]
        return alone(name, CORES, [*code_uses(parts, operator, rows, columns), *ports])

    def transfer(self, machine: HardwareConfig, action: str, moved: Transfer) -> Segment:
        """Return one transfer into the cluster's memory, or one back."""
        return lone_transfer(DMA, L1, parts_of(machine).engine.lanes, action, moved)
