from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from fault_parts import codes_of
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.errors import ConfigError
from accelsim.memory.cells import CellFormat, CellLayout, CellSpan, to_levels

kinds = st.integers(1, 3)
codings = st.sampled_from(["binary", "gray"])


@st.composite
def formats(draw: st.DrawFn, bits: int) -> CellFormat:
    high, left = [], bits
    while left and draw(st.booleans()) and not high:
        high.append(CellSpan(bits=draw(st.integers(1, left)), bits_per_cell=draw(kinds)))
        left -= high[-1].bits
    return CellFormat(bits_per_cell=draw(kinds), coding=draw(codings), high=high)


def slow_levels(code: int, layout: CellLayout) -> list[int]:
    """Cut the written-out bits from the left; a Gray level is its place in the reflected list."""
    text, levels = format(code, f"0{layout.bits}b"), []
    for width in layout.widths:
        cell, text = text[:width], text[width:]
        order = ["0", "1"]
        for _ in range(width - 1):
            order = ["0" + item for item in order] + ["1" + item for item in reversed(order)]
        levels.append(order.index(cell) if layout.coding == "gray" else int(cell, 2))
    return levels


@given(st.data(), st.integers(1, 32))
def test_levels_are_the_bits_cut_from_the_left_and_lead_back(data: st.DataObject, bits: int):
    layout = data.draw(formats(bits)).layout(bits)
    codes = np.array(data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=20)), np.uint32)
    planes = to_levels(codes, layout)
    assert [list(row) for row in zip(*planes, strict=True)] == [
        slow_levels(int(code), layout) for code in codes
    ]
    assert codes_of(planes, layout).tolist() == codes.tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_the_shape_survives(dtype: type) -> None:
    layout = CellFormat(bits_per_cell=3).layout(8)
    codes = np.arange(256, dtype=dtype).reshape(4, 64)
    planes = to_levels(codes, layout)
    assert {plane.shape for plane in planes} == {(4, 64)}
    assert np.array_equal(codes_of(planes, layout), codes)


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_neighbouring_gray_levels_differ_in_one_bit(bits: int) -> None:
    layout = CellFormat(bits_per_cell=bits, coding="gray").layout(bits)
    codes = codes_of([np.arange(2**bits, dtype=np.uint8)], layout)
    assert {(int(a) ^ int(b)).bit_count() for a, b in itertools.pairwise(codes)} == {1}


def test_cells_of_published_layouts() -> None:
    # nvmFI writes 8 bits at three a cell as levels [8, 8, 4].
    assert CellFormat(bits_per_cell=3).layout(8).widths == (3, 3, 2)
    # Sign and three exponent bits in one-bit cells, four bits of mantissa in two-bit cells.
    split = CellFormat(bits_per_cell=2, high=[CellSpan(bits=4, bits_per_cell=1)]).layout(8)
    assert (split.widths, split.kinds) == ((1, 1, 1, 1, 2, 2), (1, 1, 1, 1, 2, 2))
    assert split.occupied_bits(1000) == {1: 4000, 2: 4000}


@given(st.data(), st.integers(1, 32), st.integers(0, 1000))
def test_cells_hold_every_bit_and_only_partial_cells_waste(
    data: st.DataObject, bits: int, values: int
) -> None:
    form = data.draw(formats(bits))
    layout = form.layout(bits)
    spans = [(span.bits, span.bits_per_cell) for span in form.high]
    spans.append((bits - sum(b for b, _ in spans), form.bits_per_cell))
    wasted = sum(-length % kind for length, kind in spans)
    assert layout.bits == bits
    assert layout.occupied_bits(values).total() == values * (bits + wasted)
    assert len(layout.widths) == sum(-(-b // kind) for b, kind in spans)


def test_partial_cells_that_are_refused() -> None:
    message = (
        "8 bits do not divide into cells of 3 bits: the last would hold 2; choose other "
        "bits_per_cell or set partial_cells: allow"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        CellFormat(bits_per_cell=3, partial_cells="refuse").layout(8)


def test_refusing_partial_cells_lets_whole_ones_pass() -> None:
    assert CellFormat(bits_per_cell=2, partial_cells="refuse").layout(8).widths == (2, 2, 2, 2)


@pytest.mark.parametrize("bits", [0, 4])
def test_cells_have_one_to_three_bits(bits: int) -> None:
    with pytest.raises(ValidationError, match="bits_per_cell"):
        CellFormat(bits_per_cell=bits)
