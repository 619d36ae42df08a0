"""Encodings of sparse codes, bit-mask and compressed sparse rows, and the packing of bits.

Zero elements are those of code 0, whether pruned or too small for the number format. Decoding is
the exact inverse of encoding; sizes are exact, in bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.units import ceil_div
from accelsim.weights.number_formats import Codes


@dataclass(frozen=True, eq=False)
class BitMask:
    """One mask bit an element in the tensor's shape, and the non-zero ``values`` in row order."""

    mask: NDArray[np.bool_]
    values: Codes

    def decode(self) -> Codes:
        """Return the codes in the tensor's shape."""
        codes = np.zeros(self.mask.shape, self.values.dtype)
        codes.reshape(-1)[np.flatnonzero(self.mask)] = self.values
        return codes

    def value_bits(self, bits: int) -> int:
        """Return the bits of the stored values, ``bits`` each."""
        return self.values.size * bits

    @property
    def mask_bits(self) -> int:
        """Bits of the mask."""
        return self.mask.size


def encode_bitmask(codes: Codes) -> BitMask:
    """Return the mask and the non-zero codes of a tensor."""
    mask = codes != 0
    # Gathering by index is twice as fast as by mask.
    return BitMask(mask, codes.reshape(-1)[np.flatnonzero(mask)])


@dataclass(frozen=True, eq=False)
class CompressedRows:
    """Compressed sparse rows: non-zero ``values``, their ``columns``, and where rows start.

    ``starts`` has one entry more than there are rows. A vector is one row; of more than two
    dimensions the first counts rows, the others together columns.
    """

    shape: tuple[int, ...]
    values: Codes
    columns: NDArray[np.int64]
    starts: NDArray[np.int64]

    def decode(self) -> Codes:
        """Return the codes in the tensor's shape."""
        rows, columns = _rows_and_columns(self.shape)
        codes = np.zeros(rows * columns, self.values.dtype)
        codes[np.repeat(np.arange(rows) * columns, np.diff(self.starts)) + self.columns] = (
            self.values
        )
        return codes.reshape(self.shape)

    def value_bits(self, bits: int) -> int:
        """Return the bits of the stored values, ``bits`` each."""
        return self.values.size * bits

    @property
    def index_bits(self) -> int:
        """Bits of column indices and row starts.

        A column takes ceil(log2(columns)) bits, a start ceil(log2(elements + 1)): widths that
        depend on the shape alone [ours], as hardware has them.
        """
        rows, columns = _rows_and_columns(self.shape)
        per_start = (rows * columns).bit_length()
        return self.values.size * (columns - 1).bit_length() + (rows + 1) * per_start


def encode_rows(codes: Codes) -> CompressedRows:
    """Return the compressed sparse rows of a tensor."""
    rows, columns = _rows_and_columns(codes.shape)
    mask = codes.reshape(rows, columns) != 0
    starts = np.zeros(rows + 1, np.int64)
    np.cumsum(np.count_nonzero(mask, axis=1), out=starts[1:])
    places = np.flatnonzero(mask)
    return CompressedRows(codes.shape, codes.reshape(-1)[places], places % columns, starts)


def _rows_and_columns(shape: tuple[int, ...]) -> tuple[int, int]:
    rows = shape[0] if len(shape) > 1 else 1
    return rows, int(np.prod(shape)) // rows


def pack(codes: Codes | NDArray[np.bool_], bits: int) -> NDArray[np.uint8]:
    """Return codes of ``bits`` bits (a mask: 1 bit) packed into bytes, most significant first.

    The last byte is filled with zeros.
    """
    flat = codes.reshape(-1)
    groups = np.zeros((ceil_div(flat.size, 8), 8), np.uint32)
    groups.reshape(-1)[: flat.size] = flat
    columns = np.ascontiguousarray(groups.T)
    packed = np.zeros((bits, len(groups)), np.uint8)
    for code, byte, shift in _overlaps(bits):
        packed[byte] |= _shift(columns[code], shift).astype(np.uint8)
    return np.ascontiguousarray(packed.T).reshape(-1)[: ceil_div(flat.size * bits, 8)]


def unpack(packed: NDArray[np.uint8], bits: int, count: int) -> NDArray[Any]:
    """Return ``count`` codes of ``bits`` bits from packed bytes, in one row: inverse of pack."""
    groups = np.zeros((ceil_div(count, 8), bits), np.uint32)
    groups.reshape(-1)[: packed.size] = packed
    columns = np.ascontiguousarray(groups.T)
    kind = np.uint8 if bits <= 8 else np.uint16
    codes = np.zeros((8, len(groups)), kind)
    for code, byte, shift in _overlaps(bits):
        codes[code] |= (_shift(columns[byte], -shift) & (2**bits - 1)).astype(kind)
    return np.ascontiguousarray(codes.T).reshape(-1)[:count]


def _overlaps(bits: int) -> Iterator[tuple[int, int, int]]:
    """Yield (code, byte, left shift from code to byte) of all that overlap.

    Eight codes of n bits fill n bytes, so this pattern repeats.
    """
    for code in range(8):
        for byte in range(code * bits // 8, ceil_div((code + 1) * bits, 8)):
            yield code, byte, 8 * (byte + 1) - bits * (code + 1)


def _shift(numbers: NDArray[np.uint32], left: int) -> NDArray[np.uint32]:
    amount = np.uint32(abs(left))
    return numbers << amount if left >= 0 else numbers >> amount
