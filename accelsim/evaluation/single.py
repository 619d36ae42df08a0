"""One operator alone on a machine: what it takes from start command to interrupt."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from accelsim.accelerators import accelerator_of
from accelsim.account.energy import price
from accelsim.account.prices import check_actions, price_list
from accelsim.engine.ledger import Ledger
from accelsim.engine.pieces import PieceRunner
from accelsim.engine.segment_run import SegmentRecord
from accelsim.errors import ConfigError
from accelsim.inputs.paths import suggest
from accelsim.machine.components.buffers import BufferConfig
from accelsim.machine.components.bus import BusConfig
from accelsim.machine.components.function_unit import FunctionUnit
from accelsim.machine.components.host import HostConfig
from accelsim.machine.components.scratchpad import AccumulatorConfig, ScratchpadConfig
from accelsim.machine.components.simple_dram import SimpleDramConfig
from accelsim.machine.components.vector_mac_array import PeArrayConfig, loaded_cycles
from accelsim.machine.operating_points import OperatingPoint
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.sections import HomeConfig
from accelsim.machine.servers import Machine
from accelsim.mapping.accesses import register_use
from accelsim.mapping.cache import SegmentCache
from accelsim.mapping.emitter import HOST, LOAD
from accelsim.memory.storage import StorageConfig
from accelsim.model.builder import GraphBuilder
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import MATMUL
from accelsim.model.tensors import Role
from accelsim.placement.placement import DRAM, place
from accelsim.program import (
    Product,
    Program,
    ProgramKind,
    Range,
    Segment,
    SegmentBuilder,
    Transfer,
    Use,
)
from accelsim.units import Tick, ceil_div, format_bytes, to_seconds
from accelsim.values import dataclass

# Random accesses fall into the first 256 MiB.
_DRAM_BYTES = 2**28
# Holds no activation: all of them stream.
_NO_ROOM = 1


@dataclass(frozen=True)
class OperatorResult:
    """Ticks from start to end, amounts by (block, action), and joules.

    ``dynamic`` is by (block, action); ``leakage`` and ``clock`` of the whole chip and ``standby``
    of the DRAM are those of the duration. Of what streams, the duration ends with the last sum, and
    ``written`` is when DRAM has the last result.
    """

    segment: Segment
    duration: Tick
    period: Tick
    amounts: Counter[tuple[str, str]]
    dynamic: dict[tuple[str, str], float]
    leakage: float
    clock: float
    standby: float
    written: Tick | None = None
    notes: tuple[str, ...] = ()

    @property
    def cycles(self) -> int:
        """Cycles of the logic clock, rounded up."""
        return ceil_div(self.duration, self.period)

    @property
    def written_cycles(self) -> int:
        """Cycles until DRAM has all results; those of the operator where it does not stream."""
        return ceil_div(self.duration if self.written is None else self.written, self.period)

    @property
    def seconds(self) -> float:
        """Duration [s]."""
        return to_seconds(self.duration)


def run_beside(
    hardware: HardwareConfig, segment: Segment, kind: str, vectors: int
) -> OperatorResult:
    """Run a product beside a load of so many vectors of ``data`` or ``mask``.

    The host starts the product, then, with one register more, the load, whose first word comes when
    the bus is set up. It goes into the memory that takes the sums. Raises ConfigError for a machine
    whose array is none of EdgeBERT's.
    """
    _check_positive(beside=vectors)
    array, lanes = hardware.further.get("pe_array"), hardware.datapath.lanes
    if not isinstance(array, PeArrayConfig):
        raise ConfigError(
            f"--beside: '{hardware.name}' has no port that loads and sums share; leave it out, or "
            "take --hw hwconfigs/edgebert_overlapped.yaml"
        )
    size = vectors * lanes if kind == "data" else ceil_div(vectors * lanes, 8)
    loading = load(hardware, kind, size)
    bus = hardware.component(hardware.name_of(BusConfig), BusConfig)
    words = ceil_div(8 * size, bus.width) if kind == "data" else vectors
    builder = SegmentBuilder(f"{segment.name} beside {loading.name}")
    for one in (segment, loading):
        [task] = one.tasks
        builder.add(task.queue, task.operator, task.uses)
    asked = next(u.demand for u in segment.tasks[0].uses if isinstance(u.demand, Product))
    _check_work(words + asked.amount // lanes**2, "cycles")
    host = hardware.component(hardware.name_of(HostConfig), HostConfig)
    arrival = host.register_write_cycles + bus.setup_cycles
    loads = (0, words) if kind == "data" else (words, 0)
    cycles, delay = loaded_cycles(array, asked, loads, arrival)
    loaded = run_alone(hardware, loading).cycles + delay
    least = max(cycles, loaded) * hardware.site.period
    result, _, _ = _run(hardware, builder.build(), trace=False, least=least)
    told = f"the product takes {cycles} cycles, the load of {kind} beside it {loaded}"
    return replace(result, notes=(*result.notes, *_taken_to_lie(hardware, segment), told))


def run_alone(hardware: HardwareConfig, segment: Segment) -> OperatorResult:
    """Run a segment on an otherwise idle machine."""
    result = _run(hardware, segment, trace=False)[0]
    return replace(result, notes=(*result.notes, *_taken_to_lie(hardware, segment)))


def _taken_to_lie(hardware: HardwareConfig, segment: Segment) -> Iterator[str]:
    """Yield what a product takes for granted: operands that the buffers next to the array hold."""
    uses = [use for task in segment.tasks for use in task.uses]
    read = {use.block for use in uses if use.action == "read"}
    room = sum(
        each.capacities(name)[name]
        for name, each in hardware.further.items()
        if name in read and isinstance(each, BufferConfig) and not each.written_by_datapath
    )
    for asked in (use.demand for use in uses if isinstance(use.demand, Product)):
        size = (asked.rows + asked.columns) * asked.depth
        if size > room:
            yield (
                f"operands of {format_bytes(size)} are taken to lie next to the array, where "
                f"{format_bytes(room)} fit: loading the rest is left out"
            )


def run_program(
    hardware: HardwareConfig, program: Program, point: OperatingPoint | None = None
) -> OperatorResult:
    """Run a program on an otherwise idle machine, at an operating point below the nominal one."""
    return _run(hardware, *program.segments, trace=False, point=point)[0]


def _run(
    hardware: HardwareConfig,
    *segments: Segment,
    trace: bool,
    least: Tick = 0,
    point: OperatingPoint | None = None,
) -> tuple[OperatorResult, SegmentRecord, Machine]:
    """Run segments alone, and account for them as for a whole run of at least so many ticks."""
    prices = price_list(hardware)
    check_actions(segments, prices)
    runner = PieceRunner(hardware, replay=False, trace=trace)
    runner.move_to(point)
    process = runner.env.process(runner.run(segments, ProgramKind.INFER, "-"))
    piece: Any = runner.env.run(until=process)
    _, record = piece.parts[-1]
    if least > piece.duration:
        runner.env.run(until=least)
    duration = max(piece.duration, least)
    ledger = Ledger(chip_states=Counter({runner.state: duration}))
    runner.settle(ledger)
    account, amounts = price(ledger, prices), Counter[tuple[str, str]]()
    dynamic: dict[tuple[str, str], float] = {}
    for key, amount in ledger.amounts.items():
        amounts[key[:2]] += amount
        if key[:2] not in prices.paid_elsewhere:
            dynamic[key[:2]] = dynamic.get(key[:2], 0.0) + account.dynamic[key]
    used = dict.fromkeys(block for block, _ in amounts)
    result = OperatorResult(
        segments[-1],
        duration,
        runner.machine.period,
        amounts,
        dynamic,
        math.fsum(account.leakage.values()),
        math.fsum(account.clock.values()),
        math.fsum(account.standby.values()),
        notes=tuple(text for block, text in prices.unpriced.items() if block in used),
    )
    return result, record, runner.machine


def matmul(
    hardware: HardwareConfig,
    rows: int,
    columns: int,
    depth: int,
    density: float = 1.0,
    activation_density: float = 1.0,
) -> Segment:
    """Return one call C[rows x columns] = A[rows x depth] W[columns x depth]^T.

    Operands lie next to the array, with the given shares of non-zeros.
    """
    _check_positive(rows=rows, columns=columns, depth=depth)
    for share in (density, activation_density):
        if not 0 <= share <= 1:
            raise ConfigError(f"--density: expected a share from 0 to 1, got {share}")
    accelerator, asked = accelerator_of(hardware), Product(rows, columns, depth)
    return accelerator.product(hardware, asked, density, activation_density)


def check_function(hardware: HardwareConfig, function: str, others: Iterable[str] = ()) -> None:
    """Raise ConfigError for a function that no unit computes; ``others`` may have been meant."""
    units = [each for each in hardware.further.values() if isinstance(each, FunctionUnit)]
    known = [name for unit in units for name in (*unit.functions, *unit.further)]
    if function not in known:
        hint = suggest(function, [*known, *others], "known functions")
        raise ConfigError(f"{function}: no unit of '{hardware.name}' computes it; {hint}")


def special_function(hardware: HardwareConfig, function: str, rows: int, columns: int) -> Segment:
    """Return one command of the unit that computes functions of rows x columns elements."""
    _check_positive(rows=rows, columns=columns)
    check_function(hardware, function)
    return accelerator_of(hardware).function(hardware, function, rows, columns)


def load(hardware: HardwareConfig, kind: str, size: int) -> Segment:
    """Return one load command: bytes of ``data``, or of ``mask`` at one mask word a cycle."""
    return _transfer(hardware, "transfer", kind, size)


def store(hardware: HardwareConfig, kind: str, size: int) -> Segment:
    """Return one write-back command of data or masks."""
    return _transfer(hardware, "store", kind, size)


def _transfer(hardware: HardwareConfig, action: str, kind: str, size: int) -> Segment:
    _check_positive(bytes=size)
    vectors = ceil_div(8 * size, hardware.datapath.lanes)
    moved = Transfer(size) if kind == "data" else Transfer(0, size, vectors)
    segment = accelerator_of(hardware).transfer(hardware, action, moved)
    for use in segment.tasks[0].uses:
        half = f"{use.block}_masks" if kind == "mask" else use.block
        if size > (room := hardware.capacities.get(half, size)):
            raise ConfigError(
                f"{segment.name} of {size} B: {half} holds {room} B; move at most as much at a time"
            )
    return segment


def register_write(hardware: HardwareConfig) -> Segment:
    """Return one write of a configuration register."""
    builder = SegmentBuilder("register_write")
    builder.add(HOST, "register_write", [register_use(hardware, 1)])
    return builder.build()


def dram_reads(
    hardware: HardwareConfig, pattern: str, size: int, access: int, seed: int = 0
) -> Segment:
    """Return DRAM reads of ``size`` bytes, ``access`` bytes at a time.

    ``sequential`` reads one address after the other, ``random`` at seeded aligned addresses.
    """
    _check_positive(bytes=size, access=access)
    if hardware.dram is None:
        raise ConfigError("op dram: the machine has no dram; choose another with --hw")
    count = ceil_div(size, access)
    _check_work(count, "accesses")
    generator = random.Random(seed)
    if access > _DRAM_BYTES:
        raise ConfigError(f"--access: expected at most {_DRAM_BYTES} bytes, got {access}")
    spread = _DRAM_BYTES // access
    address: Callable[[int], int] = (
        (lambda n: n * access)
        if pattern == "sequential"
        else (lambda n: generator.randrange(spread) * access)
    )
    builder = SegmentBuilder("dram")
    for number in range(count):
        length = min(access, size - number * access)
        builder.add(LOAD, DRAM, [Use(DRAM, "read", Range(address(number), length))])
    return builder.build()


@dataclass(frozen=True)
class Streaming:
    """A DRAM of one port to stream a product's operands from.

    ``bandwidth`` in B/s, ``latency`` in s; buffers in bytes, the machine's own where None.
    """

    bandwidth: float
    latency: float
    scratchpad: int | None = None
    accumulator: int | None = None


def streamed_matmul(hardware: HardwareConfig, asked: Product, via: Streaming) -> OperatorResult:
    """Return a product compiled as a graph of its own, its operands and results in DRAM.

    Raises ConfigError for a machine without a scratchpad.
    """
    _check_positive(rows=asked.rows, columns=asked.columns, depth=asked.depth)
    lanes = hardware.datapath.lanes
    sizes = (asked.rows, asked.columns, asked.depth)
    _check_work(math.prod(ceil_div(size, lanes) for size in sizes), "tiles")
    machine, graph = _streaming(hardware, via), _graph_of(asked)
    dense = {"format": "dense", "bits": 8}
    storage = StorageConfig.model_validate({role.value: dense for role in Role})
    placement = place(graph, storage, machine)
    accelerator = accelerator_of(machine)
    made = accelerator.infer(graph, placement, machine, 0, SegmentCache())
    (segment,) = made.program.segments
    result, record, servers = _run(machine, segment, trace=True)
    computed = max(
        span.end + servers.blocks[span.port].lag for span in record.spans if span.action == "mac"
    )
    watts = price_list(hardware).watts
    return replace(
        result,
        duration=computed,
        written=record.duration,
        leakage=to_seconds(record.duration) * math.fsum(watts.values()),
    )


def _streaming(hardware: HardwareConfig, via: Streaming) -> HardwareConfig:
    """Return the machine with everything in a DRAM of one port."""
    kinds = {ScratchpadConfig: via.scratchpad, AccumulatorConfig: via.accumulator}
    buffers = {n: each for n, each in hardware.further.items() if type(each) in kinds}
    if not buffers:
        raise ConfigError(
            f"--dram-bandwidth: machine '{hardware.name}' has no scratchpad to stream through; "
            "take --hw hwconfigs/systolic_npu.yaml"
        )
    sized = {
        name: each.model_copy(update={"capacity": size})
        for name, each in buffers.items()
        if (size := kinds[type(each)]) is not None
    }
    # An access of 32 bytes, as ONNXim's; a byte costs what it does on the machine's own part.
    own = hardware.dram
    priced = own.priced_like if isinstance(own, SimpleDramConfig) else own and own.technology
    dram = SimpleDramConfig.model_validate(
        {
            "kind": "simple_dram",
            "access": "32 B",
            "bandwidth": f"{via.bandwidth} B/s",
            "latency": f"{via.latency} s",
            "priced_like": priced,
        }
    )
    home = HomeConfig(values=DRAM, masks=DRAM)
    homes = {role.value: home for role in Role} | {"activation_spill": DRAM}
    name = hardware.placement.activations
    small = {"capacity": _NO_ROOM, "banks": 1, "extrapolate": True}
    memories = {**hardware.memories, name: hardware.memories[name].model_copy(update=small)}
    placement = hardware.placement.model_copy(update=homes)
    return hardware.changed(dram=dram, placement=placement, memories=memories, **sized)


def _graph_of(asked: Product) -> LayerGraph:
    """Return the graph of a product whose activations come from outside."""
    graph = GraphBuilder(asked.rows)
    weight = graph.parameter("matmul.weight", (asked.columns, asked.depth), Role.BACKBONE)
    sizes = {"rows": asked.rows, "columns": asked.columns, "depth": asked.depth}
    graph.place("matmul", MATMUL, parameters=(weight,), **sizes)
    return graph.build()


def _check_positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ConfigError(f"--{name}: expected 1 or more, got {size}")


# More would take minutes and gigabytes.
_MOST_WORK = 10**6


def _check_work(amount: int, what: str) -> None:
    if amount > _MOST_WORK:
        raise ConfigError(
            f"{amount} {what} are more than the {_MOST_WORK} of one command; use less"
        )
