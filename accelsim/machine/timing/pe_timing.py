"""Cycles of a matrix product on the processing unit, without a step for each cycle.

Equal to stepping through ``pe_pipeline``: a long product soon returns to a state of the pipeline
that it had before, and repeats are counted. What a product of one shape taught holds for the next,
so that most calls cost microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from accelsim.machine.timing.pe_pipeline import VECTORS_UNDER_WAY, PeTiming, Pipeline
from accelsim.units import ceil_div

# A flush of n sums meets at most one read for each, and waits once for the operands to move on.
_TILES_OF_A_FLUSH = 4
_WORDS_OF_A_FLUSH = 64
# Output tiles among which a state is looked for that has been seen before.
_LONGEST_TRANSIENT = 200


def product_cycles(timing: PeTiming, rows: int, columns: int, depth: int) -> int:
    """Return the cycles of C[rows x columns] over a reduction of ``depth``, all in elements.

    From the configuration of the unit to its completion token, without the host. Partial tiles
    cost whole ones.
    """
    size = timing.vector_size
    outputs = ceil_div(rows, size) * ceil_div(columns, size)
    return tile_cycles(timing, outputs, ceil_div(depth, size))


def tile_cycles(timing: PeTiming, outputs: int, depth: int) -> int:
    """Return the same for ``outputs`` n x n tiles of the result, ``depth`` tiles deep each.

    Both are at least one. Where sums have a port of their own nothing meets: one tile tells.
    """
    if not timing.shared_port:
        return _run(timing, 1, 1) + (outputs * depth - 1) * timing.tile_cycles
    shallow = min(depth, _eventful_depth(timing))
    period = _period(timing, shallow)
    fewer = _representative(timing, period, outputs, shallow)
    repeats = (outputs - fewer) // period.outputs if period.outputs else 0
    cycles = _run(timing, fewer, shallow) + repeats * period.cycles
    return cycles + outputs * (depth - shallow) * timing.tile_cycles


@dataclass(frozen=True)
class _Period:
    """From output tile ``first`` on, every ``outputs`` tiles take ``cycles``; 0: none found."""

    first: int
    outputs: int
    cycles: int


def _eventful_depth(timing: PeTiming) -> int:
    """Return a depth beyond which one more tile costs its own cycles and nothing else."""
    under_way = ceil_div(VECTORS_UNDER_WAY + _WORDS_OF_A_FLUSH, timing.vector_size)
    return under_way + _TILES_OF_A_FLUSH


def _representative(timing: PeTiming, period: _Period, outputs: int, depth: int) -> int:
    """Return the fewest outputs that start and end like ``outputs`` do."""
    if not period.outputs:
        return outputs
    # Reads run ahead by the vectors under way and by two tiles in the operand registers.
    ahead = ceil_div(VECTORS_UNDER_WAY, depth * timing.vector_size) + 2
    fewest = period.first + 1 + ahead
    return outputs - max(0, outputs - fewest) // period.outputs * period.outputs


@lru_cache(maxsize=4096)
def _run(timing: PeTiming, outputs: int, depth: int) -> int:
    return Pipeline(timing, outputs, depth).run()


@lru_cache(maxsize=4096)
def _period(timing: PeTiming, depth: int) -> _Period:
    pipeline = Pipeline(timing, _LONGEST_TRANSIENT + VECTORS_UNDER_WAY + 2, depth)
    seen: dict[object, tuple[int, int]] = {}
    for output in range(_LONGEST_TRANSIENT):
        while pipeline.computed == output:
            pipeline.step()
        state = pipeline.state()
        if state in seen:
            first, then = seen[state]
            return _Period(first, output - first, pipeline.now - then)
        seen[state] = output, pipeline.now
    return _Period(0, 0, 0)
