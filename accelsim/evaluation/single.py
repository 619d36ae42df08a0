"""One operator alone on a machine: what it takes from start command to interrupt."""

from __future__ import annotations

import difflib
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from accelsim.accelerators import accelerator_of
from accelsim.account.energy import price
from accelsim.account.prices import check_actions, price_list
from accelsim.engine.ledger import Ledger
from accelsim.engine.pieces import PieceRunner
from accelsim.engine.segment_run import SegmentRecord
from accelsim.errors import ConfigError
from accelsim.machine.components.buffers import BufferConfig
from accelsim.machine.components.bus import BusConfig
from accelsim.machine.components.function_unit import FunctionUnit
from accelsim.machine.components.host import HostConfig
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.components.vector_mac_array import PeArrayConfig, loaded_cycles
from accelsim.machine.operating_points import OperatingPoint
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.servers import Machine
from accelsim.mapping.accesses import HOST, LOAD, register_use
from accelsim.model.operators import OPERATOR_KINDS, Reach
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

# Random accesses fall into the first 256 MiB.
_DRAM_BYTES = 2**28


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
    check_positive(beside=vectors)
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
    check_work(words + asked.amount // lanes**2, "cycles")
    host = hardware.component(hardware.name_of(HostConfig), HostConfig)
    arrival = host.register_write_cycles + bus.setup_cycles
    loads = (0, words) if kind == "data" else (words, 0)
    cycles, delay = loaded_cycles(array, asked, loads, arrival)
    loaded = run_alone(hardware, loading).cycles + delay
    least = max(cycles, loaded) * hardware.site.period
    result, _, _ = run_segments(hardware, builder.build(), trace=False, least=least)
    told = f"the product takes {cycles} cycles, the load of {kind} beside it {loaded}"
    return replace(result, notes=(*result.notes, *_taken_to_lie(hardware, segment), told))


def run_alone(hardware: HardwareConfig, segment: Segment) -> OperatorResult:
    """Run a segment on an otherwise idle machine."""
    result = run_segments(hardware, segment, trace=False)[0]
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
    return run_segments(hardware, *program.segments, trace=False, point=point)[0]


def run_segments(
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
    check_positive(rows=rows, columns=columns, depth=depth)
    for share in (density, activation_density):
        if not 0 <= share <= 1:
            raise ConfigError(f"--density: expected a share from 0 to 1, got {share}")
    accelerator, asked = accelerator_of(hardware), Product(rows, columns, depth)
    return accelerator.product(hardware, asked, density, activation_density)


def check_function(hardware: HardwareConfig, function: str, others: Iterable[str] = ()) -> None:
    """Raise ConfigError for a function that no unit computes; ``others`` may have been meant."""
    units = {n: each for n, each in hardware.further.items() if isinstance(each, FunctionUnit)}
    known = [name for unit in units.values() for name in (*unit.functions, *unit.further)]
    if function not in known:
        works = _what_works(function, list(units), [*known, *others])
        raise ConfigError(f"{function}: no unit of '{hardware.name}' computes it; {works}")


def _what_works(function: str, units: Sequence[str], known: Sequence[str]) -> str:
    kind = OPERATOR_KINDS.get(function)
    if kind and kind.reach not in (Reach.ELEMENT, Reach.ROW):
        return (
            f"an operator that needs a {kind.reach} runs only in a model, with accelsim run; a "
            "product by itself is accelsim op matmul"
        )
    if kind and units:
        return f"--set {units[0]}.computes=recipes lets it compute every function"
    # Names are short: one that is half alike is none that was meant.
    if close := difflib.get_close_matches(function, known, n=1):
        return f"did you mean '{close[0]}'?"
    return f"known functions: {', '.join(known)}; one of your own comes with --plugins FILE.py"


def special_function(hardware: HardwareConfig, function: str, rows: int, columns: int) -> Segment:
    """Return one command of the unit that computes functions of rows x columns elements."""
    check_positive(rows=rows, columns=columns)
    check_function(hardware, function)
    return accelerator_of(hardware).function(hardware, function, rows, columns)


def load(hardware: HardwareConfig, kind: str, size: int) -> Segment:
    """Return one load command: bytes of ``data``, or of ``mask`` at one mask word a cycle."""
    return _transfer(hardware, "transfer", kind, size)


def store(hardware: HardwareConfig, kind: str, size: int) -> Segment:
    """Return one write-back command of data or masks."""
    return _transfer(hardware, "store", kind, size)


def _transfer(hardware: HardwareConfig, action: str, kind: str, size: int) -> Segment:
    check_positive(bytes=size)
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
    check_positive(bytes=size, access=access)
    if hardware.dram is None:
        raise ConfigError("op dram: the machine has no dram; choose another with --hw")
    count = ceil_div(size, access)
    check_work(count, "accesses")
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


def check_positive(**sizes: int) -> None:
    """Raise ConfigError for an option that is not 1 or more."""
    for name, size in sizes.items():
        if size < 1:
            raise ConfigError(f"--{name}: expected 1 or more, got {size}")


# More would take minutes and gigabytes.
_MOST_WORK = 10**6


def check_work(amount: int, what: str) -> None:
    """Raise ConfigError for more than one command may do."""
    if amount > _MOST_WORK:
        raise ConfigError(
            f"{amount} {what} are more than the {_MOST_WORK} of one command; use less"
        )
