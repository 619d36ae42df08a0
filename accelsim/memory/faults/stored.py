"""A tensor's values or mask as they lie in cells: written once, read with faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelsim.memory.cells import CellFormat
from accelsim.memory.faults.hamming import correct, encode, pack_words, restore, unpack_words
from accelsim.memory.faults.injection import CellArray, misread, program
from accelsim.memory.faults.levels import Transitions
from accelsim.memory.protection import Code

if TYPE_CHECKING:
    from accelsim.memory.cells import Codes


@dataclass(frozen=True, eq=False)
class StoredPart:
    """Codes of ``bits`` bits in cells, and the check bits of their words where protected."""

    data: CellArray
    checks: CellArray | None
    bits: int
    code: Code | None

    @property
    def arrays(self) -> tuple[CellArray, ...]:
        """The cells of data and those of check bits, if any."""
        return (self.data, self.checks) if self.checks else (self.data,)

    @property
    def cells(self) -> int:
        """Cells of data and check bits."""
        return sum(array.cells for array in self.arrays)

    def expected_faults(self, model: Mapping[int, Transitions]) -> float:
        """Return the mean number of misread cells, check bits included."""
        return fsum(array.expected_faults(model) for array in self.arrays)


def store_part(codes: Codes, bits: int, cells: CellFormat, code: Code | None = None) -> StoredPart:
    """Return codes of ``bits`` bits, flattened, as they are stored.

    Check bits lie in cells of ``cells.bits_per_cell`` and ``cells.coding`` whatever ``cells.high``
    says. Raises ConfigError for partial cells that are refused.
    """
    data = program(codes, cells.layout(bits))
    if code is None:
        return StoredPart(data, None, bits, None)
    plain = CellFormat(bits_per_cell=cells.bits_per_cell, coding=cells.coding)
    checks = encode(pack_words(data.codes, bits, code.word), code)
    return StoredPart(data, program(checks, plain.layout(code.check_bits)), bits, code)


@dataclass(frozen=True, eq=False)
class Readout:
    """What one reading of a part gave.

    ``codes`` after correction, one-dimensional; ``faults`` misread cells, check bits included;
    ``corrected`` words with one wrong bit, or taken for such; ``detected`` words beyond it.
    """

    codes: Codes
    faults: int
    corrected: int
    detected: int


def read_part(
    part: StoredPart, model: Mapping[int, Transitions], generator: np.random.Generator
) -> Readout:
    """Return a part read with faults and corrected; ``model`` is by the bits that a cell holds."""
    codes, faults = misread(part.data, model, generator)
    if part.checks is None or part.code is None:
        return Readout(codes, faults, 0, 0)
    checks, more = misread(part.checks, model, generator)
    if not faults + more:
        return Readout(codes, 0, 0, 0)
    code, words = part.code, pack_words(codes, part.bits, part.code.word)
    if code.scheme == "secded":
        fixed = correct(words, checks.astype(np.uint64), code)
    else:
        written = pack_words(part.data.codes, part.bits, code.word)
        fixed = restore(words, checks.astype(np.uint64), written, encode(written, code), code)
    restored = unpack_words(fixed.words, part.bits, codes.size).astype(codes.dtype)
    return Readout(restored, faults + more, len(fixed.corrected), len(fixed.detected))


Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[Any]


def row_counts(mask: Mask) -> npt.NDArray[np.int64]:
    """Return the stored values of each row; rows are the last axis of the mask."""
    counts: npt.NDArray[np.int64] = mask.reshape(-1, mask.shape[-1]).sum(axis=1, dtype=np.int64)
    return counts


def decode_with_faulty_mask(
    mask: Mask, values: Values, counts: npt.NDArray[np.int64] | None = None
) -> Values:
    """Return the tensor that a reader makes of packed values and a mask with wrong bits.

    Packed values are taken in order, so one bit shifts all that follow: one that reads 1 instead of
    0 takes the value of a later element, one that reads 0 leaves a value to the next. EdgeBERT
    packs the lanes of a vector apart in its operand buffers alone; parameter memories hold the
    stream, and the mask is expanded on the way, so lanes do not limit the shift.
    ``mask`` has the tensor's shape, ``values`` are the stored non-zeros in order. ``counts``, the
    stored values of each row (``row_counts`` of the mask as written), let every row start afresh.
    Where the mask asks for more values than there are, zeros are read; values that nobody asks
    for are dropped. With the mask as written this is the exact decoder.
    """
    tensor = np.zeros(mask.shape, values.dtype)
    taken = np.flatnonzero(mask)
    if counts is None:
        taken = taken[: values.size]
        tensor.reshape(-1)[taken] = values[: taken.size]
        return tensor
    asked, ends = row_counts(mask), np.cumsum(counts)
    # Row by row, the place of the values read as against a stream without new starts.
    shift = (ends - counts) - (np.cumsum(asked) - asked)
    source = np.arange(taken.size) + np.repeat(shift, asked)
    served = source < np.repeat(ends, asked)
    tensor.reshape(-1)[taken[served]] = values[source[served]]
    return tensor
