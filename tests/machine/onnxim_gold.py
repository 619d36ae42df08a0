"""The overlapped schedule of ONNXim as a closed form: one DRAM port, double-buffered tiles."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from itertools import product

from accelsim.errors import ConfigError
from accelsim.machine.timing.systolic import OPERAND_BYTES, SystolicTiming, tile_extents
from accelsim.program import Product
from accelsim.units import Tick, ceil_div


@dataclass(frozen=True)
class _Positive:
    """Base of values whose fields are all positive. Raises ConfigError for any other."""

    def __post_init__(self) -> None:
        for field, value in zip(fields(self), astuple(self), strict=True):
            if value < 1:
                raise ConfigError(
                    f"{type(self).__name__}: {field.name} is {value}, expected at least 1; "
                    f"give the size of a real array, product or memory"
                )


@dataclass(frozen=True)
class ProductShape(_Positive):
    """Sizes of C[rows x columns] = A[rows x depth] W[columns x depth]^T, in elements."""

    rows: int
    columns: int
    depth: int


@dataclass(frozen=True)
class OverlappedArray(_Positive):
    """An n x n weight-stationary array that loads its next weights while it computes.

    ``size`` is n; ``scratchpad_bytes`` holds A and W, ``accumulator_bytes`` the sums; both are
    halved for double buffering. ``period`` is the clock of the array in ticks.
    """

    size: int
    scratchpad_bytes: int
    accumulator_bytes: int
    period: Tick


@dataclass(frozen=True)
class SimpleDram(_Positive):
    """A DRAM with one port in order of arrival: an access a cycle, a fixed latency, no rows.

    ``access_bytes`` are moved in each ``period`` (ticks); an answer takes ``latency`` more ticks.
    The bandwidth is access_bytes / period. Source: ONNXim, src/Dram.cc, where the latency is given
    in cycles of the DRAM.
    """

    access_bytes: int
    period: Tick
    latency: Tick


@dataclass(frozen=True)
class OverlappedCycles:
    """When a product is done, in cycles of the array, and the DRAM traffic in whole accesses.

    ``computed``: the last sum is final. ``written``: the DRAM has the last result.
    """

    computed: int
    written: int
    accesses: int


@dataclass(frozen=True)
class _Tile:
    """One scratchpad load: the extents of its rows, columns and depth, in elements."""

    rows: int
    columns: int
    depth: int
    completes_results: bool


def overlapped_cycles(
    shape: ProductShape, array: OverlappedArray, dram: SimpleDram
) -> OverlappedCycles:
    """Return the cycles of a product whose transfers and weight loads hide behind computing.

    Tiles (``tile_extents``) follow one another, the depth innermost. Two tiles are in the
    scratchpad at a time: a tile is requested when the last but one has been computed, and after
    the results of that one have been sent. The port serves requests in order, whole accesses for
    each row of a panel: first n columns of weights, then the activations in panels of n rows, then
    the other weight panels. A panel of n weight columns and n activation rows is computed, fold by
    fold along the depth, once both have arrived; a fold occupies the array for n cycles, since the
    next n x n weights need n cycles to load. Without earlier work to hide behind, the first weights
    are exposed: n cycles from the scratchpad, n - 1 down the array. The last fold of a tile drains
    for 2n - 2 cycles; the next tile does not wait for that. Results leave in rows of n, each in
    whole accesses, when their tile has been computed to its full depth (in ONNXim up to n folds
    earlier). ONNXim's network between array and DRAM, some cycles in all, is left out.

    The order at the port is fixed and every time is a maximum or a sum of earlier ones, so the
    result never rises with the DRAM's bandwidth. Raises ConfigError for buffers too small.
    Source: ONNXim, src/SystolicWS.cc, src/operations/GemmWS.cc, src/Dram.cc.
    """
    port = _Port(dram)
    stream = _FoldStream(array)
    held: deque[tuple[_Tile, Tick]] = deque()
    for tile in _tiles(shape, _extents(shape, array)):
        requested = _release(*held.popleft(), array.size, port) if len(held) == 2 else 0
        weights, activations = _request(tile, array.size, port, requested)
        ready = (max(pair) for pair in product(weights, activations))
        held.append((tile, stream.compute(ready, ceil_div(tile.depth, array.size))))
    done = [_release(*pair, array.size, port) for pair in held][-1]
    return OverlappedCycles(
        computed=ceil_div(done, array.period),
        written=ceil_div(port.last_answer, array.period),
        accesses=port.accesses,
    )


def _extents(shape: ProductShape, array: OverlappedArray) -> Product:
    timing = SystolicTiming("weight_stationary", array.size, array.size, True)
    asked = Product(shape.rows, shape.columns, shape.depth)
    return tile_extents(timing, array.scratchpad_bytes, array.accumulator_bytes, asked)


def _tiles(shape: ProductShape, extents: Product) -> Iterator[_Tile]:
    """Yield the tiles in the order in which they are computed: the depth innermost."""
    for rows in _pieces(shape.rows, extents.rows):
        for columns in _pieces(shape.columns, extents.columns):
            *others, last = _pieces(shape.depth, extents.depth)
            yield from (_Tile(rows, columns, depth, False) for depth in others)
            yield _Tile(rows, columns, last, True)


def _pieces(total: int, size: int) -> list[int]:
    """Return the extents of the pieces of ``size`` that make up ``total``; the last may be less."""
    return [min(size, total - start) for start in range(0, total, size)]


def _request(tile: _Tile, size: int, port: _Port, requested: Tick) -> tuple[list[Tick], list[Tick]]:
    """Return when each panel of weights and of activations of a tile has arrived."""
    first, *others = _pieces(tile.columns, size)
    weights = [port.transfer(first, tile.depth, requested)]
    activations = [port.transfer(n, tile.depth, requested) for n in _pieces(tile.rows, size)]
    weights += [port.transfer(columns, tile.depth, requested) for columns in others]
    return weights, activations


def _release(tile: _Tile, done: Tick, size: int, port: _Port) -> Tick:
    """Send the results of a computed tile; return when its place in the scratchpad is free."""
    if tile.completes_results:
        for columns in _pieces(tile.columns, size):
            port.transfer(tile.rows, columns, done)
    return done


class _Port:
    """The one port of a SimpleDram, in order of request."""

    def __init__(self, dram: SimpleDram) -> None:
        self._dram = dram
        self._free: Tick = 0
        self.accesses = 0
        self.last_answer: Tick = 0

    def transfer(self, rows: int, row_elements: int, requested: Tick) -> Tick:
        """Move rows, each in whole accesses; return when the last has been answered."""
        dram = self._dram
        accesses = rows * ceil_div(row_elements * OPERAND_BYTES, dram.access_bytes)
        self._free = max(self._free, requested) + accesses * dram.period
        self.accesses += accesses
        self.last_answer = self._free + dram.latency
        return self.last_answer


class _FoldStream:
    """The folds of an OverlappedArray, in order."""

    def __init__(self, array: OverlappedArray) -> None:
        self._fold = array.size * array.period
        self._first_weights = (2 * array.size - 1) * array.period
        self._drain = (2 * array.size - 2) * array.period
        self._next: Tick = 0

    def compute(self, ready: Iterable[Tick], folds: int) -> Tick:
        """Compute ``folds`` folds for each pair of panels; return when the last has drained."""
        for arrival in ready:
            self._next = max(self._next, arrival + self._first_weights) + folds * self._fold
        return self._next + self._drain
