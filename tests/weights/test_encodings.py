from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from weight_inputs import shapes

from accelsim.weights.encodings import encode_bitmask, encode_rows, pack, unpack

# Zeros are as frequent as all other codes together: empty rows are common.
sparse = st.one_of(st.just(0), st.integers(0, 255))
codes_of_tensors = shapes.flatmap(lambda shape: arrays(np.uint8, shape, elements=sparse))
EDGES = [
    np.zeros((3, 4), np.uint8),
    np.ones((3, 4), np.uint8),
    np.zeros(1, np.uint8),
    np.ones(1, np.uint16),
    np.array([[0, 0, 0], [0, 7, 0], [0, 0, 0]], np.uint16),
    np.array([[5], [0]], np.uint8),
]


@given(codes_of_tensors)
def test_encode_and_decode_are_inverses(codes: Any) -> None:
    check_inverse(codes)


@pytest.mark.parametrize("codes", EDGES, ids=lambda codes: str(codes.tolist()))
def test_encode_and_decode_are_inverses_at_the_edges(codes: Any) -> None:
    check_inverse(codes)


def check_inverse(codes: Any) -> None:
    for decoded in (encode_bitmask(codes).decode(), encode_rows(codes).decode()):
        np.testing.assert_array_equal(decoded, codes)
        assert (decoded.dtype, decoded.shape) == (codes.dtype, codes.shape)


@given(codes_of_tensors, st.integers(2, 8))
def test_sizes_are_counted_one_by_one(codes: Any, bits: int) -> None:
    flat = codes.reshape(-1).tolist()
    stored = sum(code != 0 for code in flat)
    masked, compressed = encode_bitmask(codes), encode_rows(codes)
    assert masked.value_bits(bits) == compressed.value_bits(bits) == stored * bits
    assert masked.mask_bits == len(flat)
    rows = codes.shape[0] if codes.ndim > 1 else 1
    per_column = math.ceil(math.log2(len(flat) // rows))
    per_start = math.ceil(math.log2(len(flat) + 1))
    assert compressed.index_bits == stored * per_column + (rows + 1) * per_start
    # What has to be stored fits these widths.
    assert max(compressed.columns.tolist(), default=0) < 2**per_column
    assert compressed.starts.max() < 2**per_start


def test_compressed_rows_by_hand() -> None:
    encoded = encode_rows(np.array([[0, 4, 5], [0, 0, 0], [6, 0, 0]], np.uint8))
    assert encoded.values.tolist() == [4, 5, 6]
    assert encoded.columns.tolist() == [1, 2, 0]
    assert encoded.starts.tolist() == [0, 2, 2, 3]
    # 3 column indices of 2 bits, 4 starts that count up to 9 elements.
    assert encoded.index_bits == 3 * 2 + 4 * 4


@given(st.data(), st.integers(1, 16))
def test_packing_is_the_string_of_all_bits(data: st.DataObject, bits: int) -> None:
    elements = st.integers(0, 2**bits - 1)
    codes = data.draw(arrays(np.uint16, st.integers(0, 40), elements=elements))
    packed = pack(codes, bits)
    string = "".join(f"{code:0{bits}b}" for code in codes.tolist())
    padded = string.ljust(math.ceil(len(string) / 8) * 8, "0")
    assert [f"{byte:08b}" for byte in packed.tolist()] == [
        padded[start : start + 8] for start in range(0, len(padded), 8)
    ]
    restored = unpack(packed, bits, codes.size)
    np.testing.assert_array_equal(restored, codes)
    assert restored.dtype == (np.uint8 if bits <= 8 else np.uint16)


@given(codes_of_tensors)
@example(np.zeros((2, 2), np.uint8))
def test_the_packed_parts_are_as_long_as_they_are_said_to_be(codes: Any) -> None:
    encoded = encode_bitmask(codes)
    mask, values = pack(encoded.mask, 1), pack(encoded.values, 8)
    assert len(mask) == math.ceil(encoded.mask_bits / 8)
    assert 8 * len(values) == encoded.value_bits(8)
    again = unpack(mask, 1, codes.size).astype(bool).reshape(codes.shape)
    np.testing.assert_array_equal(again, encoded.mask)
