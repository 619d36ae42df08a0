"""Turns layers into tasks: tiles come by DMA, the engine or the cores work on them, results leave.

A layer is a segment: it begins when the one before has left. Activations lie in their memory
between layers; the next tile comes while the present one is worked on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accelsim.accelerators.ne16_cluster.layers import Layer
from accelsim.accelerators.ne16_cluster.parts import CORES, DMA, ENGINE, L1, Parts
from accelsim.errors import MappingError
from accelsim.machine.components.arithmetic import PADDED
from accelsim.machine.components.core_cluster import INSTRUCTION
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.timing.ne16 import Filtered
from accelsim.mapping.accesses import (
    LOAD,
    accessed,
    buffer_use,
    bus_use,
    function_use,
    memory_use,
    merge_uses,
    read_part,
    register_use,
    shared_use,
)
from accelsim.mapping.context import Context
from accelsim.mapping.plan import Plan
from accelsim.mapping.values import Rows, split_rows
from accelsim.model.operators import Operator
from accelsim.program import Command, Elements, Product, Transfer, Use, Vectors

STORE = "store"


@dataclass(frozen=True)
class LayerEmitter:
    """Appends the tasks of layers to plans."""

    context: Context
    machine: HardwareConfig
    parts: Parts

    def emit(self, plan: Plan, layer: Layer) -> str:
        """Append the tasks of a layer; return how it was cut."""
        own, room = layer.operator, self.parts.l1.capacity
        tall, wide = layer.tile(room)
        lines = split_rows(layer.picture[0], tall)
        panels = split_rows(own.columns, wide)
        # Of one tile of lines the inputs stay for all panels, unless each has channels of its own.
        parted = layer.read(lines[0], panels[0]) != layer.read(lines[0], (0, own.columns))
        again = len(lines) > 1 or parted
        held, loads, made = 0, list[int](), -1
        for columns in panels:
            weights = self._weights(plan, layer, columns)
            for tile in lines:
                if again or not loads:
                    loads, held = self._inputs(plan, layer, tile, columns)
                waits = {*loads, *weights}
                work = self._work(plan, layer, (tile, columns), waits)
                made = self._store(plan, layer, (tile, columns), work)
                if again or columns is panels[-1]:
                    plan.release(work, L1, held)
            plan.release(work, L1, layer.weights(columns))
        self._retire(plan, layer, made)
        return f"{len(lines)} x {len(panels)} tiles"

    def _weights(self, plan: Plan, layer: Layer, columns: Rows) -> list[int]:
        """Append the load of the parameters of some columns, if there are any."""
        own, uses = layer.operator, list[Use]()
        size = 0
        for tensor in self.context.stored(own):
            count = tensor.parameter.elements  # a function that has one number takes all columns
            part = self.context.part(tensor, *(count * end // own.columns for end in columns))
            if part.mask_bytes:
                raise MappingError(
                    f"{own.label}: '{self.machine.name}' reads no masks; store its weights with "
                    "format: dense"
                )
            uses += read_part(self.machine, part, self.context.address(tensor.parameter.name))
            size += part.data_bytes
        if not uses:
            return []
        holds = [(L1, layer.weights(columns))]
        return [self._load(plan, own.label, merge_uses(uses), size, holds)]

    def _inputs(self, plan: Plan, layer: Layer, tile: Rows, columns: Rows) -> tuple[list[int], int]:
        """Append a load for each input; return the tasks, and the bytes that they take."""
        home, sizes = self.machine.placement.activations, layer.read(tile, columns)
        loads = [
            self._load(
                plan,
                layer.operator.label,
                [memory_use(self.machine, home, "read", 8 * size)],
                size,
                [(L1, size)],
            )
            for size in sizes
        ]
        return loads, sum(sizes)

    def _load(
        self,
        plan: Plan,
        label: str,
        reads: Sequence[Use],
        size: int,
        holds: Iterable[tuple[str, int]],
    ) -> int:
        moved = [bus_use(self.machine, size, reads=reads), self._port("write", size)]
        return plan.task(LOAD, label, [*reads, *moved], (), holds)

    def _port(self, action: str, size: int) -> Use:
        """Return the use of the cluster's memory by DMA, a beat at a time."""
        return buffer_use(self.parts.engine.lanes, L1, action, size, self.parts.dma.width // 8)

    def _work(self, plan: Plan, layer: Layer, tile: tuple[Rows, Rows], waits: Iterable[int]) -> int:
        """Append what makes a tile; return its last task."""
        lines, columns = tile
        rows, width = layer.rows(lines), columns[1] - columns[0]
        own, block = layer.operator, ENGINE if layer.mode else CORES
        holds = [(L1, rows * width)]
        uses = self._job(layer.job(lines, columns)) if layer.mode else self._code(layer, tile)
        task = plan.task(block, own.label, uses, waits, holds)
        if layer.clip:
            relu = shared_use(block, layer.clip.kind.name, Elements, rows, width)
            task = plan.task(block, layer.clip.label, [relu], {task})
        return task

    def _job(self, asked: Filtered) -> list[Use]:
        """Return the uses of a job of the engine, whose registers are written ahead."""
        return [*job_uses(self.parts, asked), register_use(
            self.machine, self.parts.host.register_writes_per_command
        )]  # fmt: skip

    def _code(self, layer: Layer, tile: tuple[Rows, Rows]) -> list[Use]:
        """Return the uses of the cores, which read each operand of a function, or of products."""
        own, cores = layer.operator, self.parts.cores
        rows, width = layer.rows(tile[0]), tile[1][1] - tile[1][0]
        if layer.is_product:
            macs = shared_use(CORES, "mac", Product, rows, width, own.depth)
            work = [macs, instructions_use(cores.product_instructions(macs.amount))]
            read = sum(layer.read(*tile)) + layer.weights(tile[1])
        else:
            work = code_uses(self.parts, own, rows, width)
            read = sum(layer.read(*tile))
        lanes = self.parts.engine.lanes
        made = buffer_use(lanes, L1, "write", rows * width)
        return [*work, buffer_use(lanes, L1, "read", read), made]

    def _store(self, plan: Plan, layer: Layer, tile: tuple[Rows, Rows], work: int) -> int:
        """Append the way of a tile to the memory of activations; return its task."""
        size = layer.rows(tile[0]) * (tile[1][1] - tile[1][0])
        home = self.machine.placement.activations
        uses = [
            self._port("read", size),
            shared_use(DMA, "store", Transfer, size),
            memory_use(self.machine, home, "write", 8 * size),
        ]
        task = plan.task(STORE, layer.last.label, uses, {work}, [(home, size)])
        plan.release(task, L1, size)
        return task

    def _retire(self, plan: Plan, layer: Layer, made: int) -> None:
        """Release what nothing reads behind a layer; its result leaves with its last tile."""
        home, last = self.machine.placement.activations, plan.last_in_queue[LOAD]
        for producer in self.context.producers[layer.operator.name]:
            if self.context.is_last(producer.name, layer.operator):
                plan.release(last, home, producer.elements)
        if self.context.is_result(layer.last):
            plan.release(made, home, layer.last.elements)


def job_uses(parts: Parts, asked: Filtered) -> list[Use]:
    """Return the uses of the engine and of the cluster's memory for a job."""
    timing, uses = parts.engine.timing_model, [Use(ENGINE, "mac", asked)]
    if padding := parts.engine.padding(asked):
        uses.append(shared_use(ENGINE, f"{PADDED}mac", Command, padding))
    scaled = shared_use(ENGINE, "requantise", Command, asked.rows * asked.columns)
    lanes, moved = parts.engine.lanes, {"read": timing.reads(asked), "write": timing.writes(asked)}
    ports = (
        shared_use(L1, action, Vectors, accessed(lanes, size, vectors), vectors)
        for action, (size, vectors) in moved.items()
    )
    return [*uses, scaled, *ports]


def code_uses(parts: Parts, function: Operator, rows: int, columns: int) -> list[Use]:
    """Return the uses of the cores for some rows of a function."""
    taps = function.window.taps if function.window else len(function.kind.inputs(function))
    taps = function.kind.taps if function.sources else taps
    use = function_use(CORES, function.kind, rows, columns, taps)
    asked = use.expect(Elements)
    return [use, instructions_use(parts.cores.instructions(asked, function.kind.name))]


def instructions_use(count: int) -> Use:
    """Return the use of the cores for so many instructions."""
    return shared_use(CORES, INSTRUCTION, Command, count)
