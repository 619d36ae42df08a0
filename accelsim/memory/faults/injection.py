"""Drawing misread cells: exact statistics, few of the cells touched.

The number of faults of a level is binomial in the number of cells at that level, and the faulty
cells are drawn among them without replacement. (nvmFI takes the integer part of the expected
number instead, so that rare faults never happen and the seed only moves positions.) Rare faults
are found by drawing random cells and keeping those of the level; only where faults are frequent
are the cells of a level listed.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from accelsim.memory.cells import CellLayout, data_of, to_levels
from accelsim.memory.faults.levels import Transitions

if TYPE_CHECKING:
    from accelsim.memory.cells import Codes, Plane

Positions = npt.NDArray[np.int64]

# Drawing one random cell costs about as much as reading this many in a row. [ours, measured]
_RANDOM_ACCESS = 16
# Cells counted at a time: they stay in the second-level cache. [ours]
_CHUNK = 1 << 18


def fault_generator(seed: int, *stream: str) -> np.random.Generator:
    """Return the generator of a seed and a stream, such as a tensor's name and part.

    PCG64 seeded by the SeedSequence of [seed, CRC-32 of each name in UTF-8, in order]: streams are
    independent of each other and of the order in which they are used. NumPy keeps PCG64 itself
    the same in all versions, but not the draws that distributions make of it.
    """
    words = [seed, *(zlib.crc32(name.encode()) for name in stream)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


@dataclass(frozen=True, eq=False)
class Faults:
    """Misread cells: distinct ``positions`` and ``steps`` of one level, +1 or -1."""

    positions: Positions
    steps: npt.NDArray[np.int8]


def level_counts(levels: Plane, bits: int) -> tuple[int, ...]:
    """Return the number of cells at each level of cells with ``bits`` bits."""
    flat = levels.reshape(-1)
    counts = np.zeros(2**bits, np.int64)
    for start in range(0, flat.size, _CHUNK):
        chunk = flat[start : start + _CHUNK]
        counts += [np.count_nonzero(chunk == level) for level in range(2**bits)]
    return tuple(counts.tolist())


def draw_faults(
    levels: Plane, transitions: Transitions, generator: np.random.Generator, counts: Sequence[int]
) -> Faults:
    """Return one draw of the misread cells of levels; ``counts`` are the cells at each level."""
    flat = levels.reshape(-1)
    positions, steps = [np.empty(0, np.int64)], [np.empty(0, np.int8)]
    for level, available in enumerate(counts):
        up, down = transitions.of_level(level)
        faults = int(generator.binomial(available, min(1.0, up + down)))
        raised = int(generator.binomial(faults, up / (up + down))) if faults else 0
        positions.append(_choose(flat, level, faults, available, generator))
        steps.append(np.repeat(np.array([1, -1], np.int8), [raised, faults - raised]))
    return Faults(np.concatenate(positions), np.concatenate(steps))


def _choose(
    flat: Plane, level: int, wanted: int, available: int, generator: np.random.Generator
) -> Positions:
    """Return ``wanted`` distinct cells of a level, each set and order of them equally likely."""
    if not wanted:
        return np.empty(0, np.int64)
    if wanted * _RANDOM_ACCESS >= available:
        return generator.choice(np.flatnonzero(flat == level), wanted, replace=False)
    found = np.empty(0, np.int64)
    while found.size < wanted:
        tries = (wanted - found.size) * flat.size // available
        drawn = generator.integers(flat.size, size=tries + tries // 4 + 8)
        merged = np.concatenate((found, drawn[flat[drawn] == level]))
        # The first of equal draws counts, in the order drawn: sorted, low positions would win.
        _, first = np.unique(merged, return_index=True)
        found = merged[np.sort(first)]
    return found[:wanted]


@dataclass(frozen=True, eq=False)
class CellArray:
    """Codes programmed into cells, with the number of cells at each level.

    ``codes`` is one-dimensional; ``planes`` and ``counts`` have an entry for each cell of a value.
    """

    codes: Codes
    layout: CellLayout
    planes: tuple[Plane, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def cells(self) -> int:
        """Cells in all."""
        return len(self.planes) * self.codes.size

    def expected_faults(self, model: Mapping[int, Transitions]) -> float:
        """Return the mean number of misread cells."""
        return sum(
            count * fsum(model[width].of_level(level))
            for counts, width in zip(self.counts, self.layout.widths, strict=True)
            for level, count in enumerate(counts)
        )


def program(codes: Codes, layout: CellLayout) -> CellArray:
    """Return codes in cells."""
    planes = to_levels(codes.reshape(-1), layout)
    counts = map(level_counts, planes, layout.widths)
    return CellArray(codes.reshape(-1), layout, planes, tuple(counts))


def misread(
    cells: CellArray, model: Mapping[int, Transitions], generator: np.random.Generator
) -> tuple[Codes, int]:
    """Return codes read once, and misread cells; ``model`` is by the bits that a cell holds."""
    layout, codes, faulty = cells.layout, cells.codes.copy(), 0
    for plane, counts, width, shift in zip(
        cells.planes, cells.counts, layout.widths, layout.shifts, strict=True
    ):
        faults = draw_faults(plane, model[width], generator, counts)
        level = plane[faults.positions].astype(np.int64)
        wrong = data_of(level, layout.coding) ^ data_of(level + faults.steps, layout.coding)
        codes[faults.positions] ^= (wrong << shift).astype(codes.dtype)
        faulty += faults.positions.size
    return codes, faulty
