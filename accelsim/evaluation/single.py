"""One operator alone on a machine: what it takes from start command to interrupt."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from accelsim.accelerators.edgebert.parts import (
    ACTIVATION_BUFFER,
    PE_ARRAY,
    SFU,
    WEIGHT_BUFFER,
    parts_of,
)
from accelsim.account.prices import check_actions, price_list
from accelsim.engine.segment_run import CountingEnvironment, SegmentRun
from accelsim.errors import ConfigError
from accelsim.machine.components.vector_mac_array import operand_passes, port_vectors
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.servers import Machine
from accelsim.machine.timing.systolic import (
    OverlappedArray,
    ProductShape,
    SimpleDram,
    overlapped_cycles,
)
from accelsim.mapping import accesses
from accelsim.mapping.accesses import buffer_use
from accelsim.program import (
    Command,
    Elements,
    Product,
    Range,
    Segment,
    SegmentBuilder,
    Transfer,
    Use,
    Vectors,
)
from accelsim.units import TICKS_PER_SECOND, Tick, ceil_div, period_of, to_seconds

# An access of the simple DRAM behind streamed products: 32 bytes, as ONNXim's.
_ACCESS_BYTES = 32
# Random accesses fall into the first 256 MiB.
_DRAM_BYTES = 2**28


@dataclass(frozen=True)
class Streaming:
    """A DRAM and buffers to stream a product's operands through.

    ``bandwidth`` in B/s, ``latency`` in s, both buffers in bytes, halved for double buffering.
    """

    bandwidth: float
    latency: float
    scratchpad: int
    accumulator: int


@dataclass(frozen=True)
class OperatorResult:
    """Ticks from start to end, amounts by (block, action), and joules.

    ``dynamic`` is by (block, action), ``leakage`` of the whole chip and ``standby`` of the DRAM
    over the duration.
    """

    segment: Segment
    duration: Tick
    period: Tick
    amounts: Counter[tuple[str, str]]
    dynamic: dict[tuple[str, str], float]
    leakage: float
    standby: float

    @property
    def cycles(self) -> int:
        """Cycles of the logic clock, rounded up."""
        return ceil_div(self.duration, self.period)

    @property
    def seconds(self) -> float:
        """Duration [s]."""
        return to_seconds(self.duration)


def run_alone(hardware: HardwareConfig, segment: Segment) -> OperatorResult:
    """Run a segment on an otherwise idle machine."""
    prices = price_list(hardware)
    check_actions([segment], prices)
    env, machine = CountingEnvironment(), Machine(hardware)
    run = SegmentRun(env, machine, segment, {}, trace=False)
    env.run(until=env.process(run.run()))
    record = run.record
    amounts: Counter[tuple[str, str]] = Counter()
    for (block, action, _), amount in record.amounts.items():
        amounts[block, action] += amount
    dynamic = {
        key: amount * prices.joules[key]
        for key, amount in amounts.items()
        if key not in prices.paid_elsewhere
    }
    seconds = to_seconds(record.duration)
    residency = machine.dram.residency if machine.dram else Counter[str]()
    return OperatorResult(
        segment,
        record.duration,
        machine.period,
        amounts,
        dynamic,
        seconds * sum(prices.watts.values()),
        sum(to_seconds(n) * prices.dram_states[state] for state, n in residency.items()),
    )


def matmul(
    hardware: HardwareConfig,
    rows: int,
    columns: int,
    depth: int,
    density: float = 1.0,
    activation_density: float = 1.0,
) -> Segment:
    """Return one call C[rows x columns] = A[rows x depth] W[columns x depth]^T.

    Operands lie in the operand buffers, bit-mask encoded with the given densities; the buffers'
    capacity is not checked. Sparsity saves bytes, not cycles.
    """
    _check_positive(rows=rows, columns=columns, depth=depth)
    size = parts_of(hardware).pe_array.vector_size
    depth_vectors = ceil_div(depth, size)
    systolic = parts_of(hardware).pe_array.dataflow != "vector_mac"
    vectors = port_vectors(parts_of(hardware).pe_array, rows, columns, depth)
    for_weights, for_activations = operand_passes(parts_of(hardware).pe_array, rows, columns)
    weights = for_weights * _encoded_bytes(columns, depth, density, size)
    activations = for_activations * _encoded_bytes(rows, depth, activation_density, size)
    decoded = (for_weights * columns + for_activations * rows) * depth_vectors
    # Two decoders, one for each operand, work side by side.
    decodings = 1 if systolic else ceil_div(decoded, 2)
    written = 1 if systolic else ceil_div(rows * columns, size)
    uses = [
        Use(PE_ARRAY, "mac", Product(rows, columns, depth)),
        Use(WEIGHT_BUFFER, "read", Vectors(weights, vectors)),
        Use(ACTIVATION_BUFFER, "read", Vectors(activations, vectors)),
        Use(accesses.CODEC, "decode", Vectors(decoded, decodings)),
        Use(ACTIVATION_BUFFER, "write", Vectors(rows * columns, written)),
    ]
    return _single("matmul", "pe", uses)


def special_function(hardware: HardwareConfig, function: str, rows: int, columns: int) -> Segment:
    """Return one command of the special-function unit on rows x columns elements."""
    _check_positive(rows=rows, columns=columns)
    operands = 2 if function == "add" else 1
    use = Use(SFU, function, Elements(rows, columns, operands))
    moved = operands * rows * columns
    lanes = hardware.datapath.lanes
    reads = buffer_use(lanes, ACTIVATION_BUFFER, "read", moved)
    writes = buffer_use(lanes, ACTIVATION_BUFFER, "write", rows * columns)
    return _single(function, "sfu", [use, reads, writes])


def load(hardware: HardwareConfig, kind: str, size: int) -> Segment:
    """Return one load command: bytes of ``data``, or of ``mask`` at one mask word a cycle."""
    return _transfer(hardware, "transfer", kind, size, "write")


def store(hardware: HardwareConfig, kind: str, size: int) -> Segment:
    """Return one write-back command of data or masks."""
    return _transfer(hardware, "store", kind, size, "read")


def _transfer(
    hardware: HardwareConfig, action: str, kind: str, size: int, buffer_action: str
) -> Segment:
    _check_positive(bytes=size)
    lanes = hardware.datapath.lanes
    vectors = ceil_div(8 * size, lanes)
    moved = Transfer(size) if kind == "data" else Transfer(0, size, vectors)
    name = "load" if action == "transfer" else "store"
    into = buffer_use(lanes, WEIGHT_BUFFER, buffer_action, size)
    return _single(name, "load", [Use(accesses.BUS, action, moved), into])


def register_write(hardware: HardwareConfig) -> Segment:
    """Return one write of a configuration register."""
    return _single("register_write", "host", [Use(accesses.HOST, "register_write", Command())])


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
        builder.add("load", "dram", [Use("dram", "read", Range(address(number), length))])
    return builder.build()


def _single(name: str, queue: str, uses: list[Use]) -> Segment:
    builder = SegmentBuilder(name)
    builder.add(queue, name, uses)
    return builder.build()


def _encoded_bytes(rows: int, depth: int, density: float, size: int) -> int:
    if not 0 <= density <= 1:
        raise ConfigError(f"--density: expected a share from 0 to 1, got {density}")
    values = Fraction(str(density)) * rows * depth
    masks = rows * ceil_div(depth, size) * size
    return -(-values.numerator // values.denominator) + ceil_div(masks, 8)


def _check_positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ConfigError(f"--{name}: expected 1 or more, got {size}")


def streamed_matmul(
    hardware: HardwareConfig, segment: Segment, shape: tuple[int, int, int], via: Streaming
) -> OperatorResult:
    """Return a product (rows, columns, depth) whose operands stream from DRAM.

    Weights load while the array computes. The amounts are those of the buffers and the array; the
    simple DRAM has no price. Raises ConfigError for an array that is not square or not weight
    stationary.
    """
    array = parts_of(hardware).pe_array
    if array.dataflow != "weight_stationary" or array.array_rows != array.array_columns:
        raise ConfigError(
            "--dram-bandwidth: streaming is modelled for a square weight-stationary array; "
            "set pe_array.dataflow=weight_stationary"
        )
    access = round(_ACCESS_BYTES / via.bandwidth * TICKS_PER_SECOND)
    if access < 1:
        raise ConfigError("--dram-bandwidth: an access takes less than 1 fs; lower the bandwidth")
    dram = SimpleDram(_ACCESS_BYTES, access, max(1, round(via.latency * TICKS_PER_SECOND)))
    period = period_of(hardware.clock.frequency)
    machine = OverlappedArray(array.array_rows, via.scratchpad, via.accumulator, period)
    _check_work(math.prod(ceil_div(size, array.array_rows) for size in shape), "tiles")
    done = overlapped_cycles(ProductShape(*shape), machine, dram)
    alone = run_alone(hardware, segment)
    duration = done.computed * period
    return replace(
        alone,
        duration=duration,
        amounts=alone.amounts + Counter({("simple_dram", "access"): done.accesses}),
        leakage=alone.leakage * duration / alone.duration,
        standby=0.0,
    )


# More would take minutes and gigabytes.
_MOST_WORK = 10**6


def _check_work(amount: int, what: str) -> None:
    if amount > _MOST_WORK:
        raise ConfigError(
            f"{amount} {what} are more than the {_MOST_WORK} of one command; use less"
        )
