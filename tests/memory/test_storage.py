from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from stored_tensors import homes

from accelsim.errors import ConfigError
from accelsim.memory.cells import CellChoice, CellFormat
from accelsim.memory.faults.stored import store_part
from accelsim.memory.protection import (
    Code,
    ProtectionConfig,
    Scheme,
    WordBits,
)
from accelsim.memory.storage import (
    Extent,
    Packing,
    StorageFormat,
    StoredTensor,
    packing,
    store,
)
from accelsim.model.tensors import Parameter, Role

shapes = st.lists(st.integers(1, 400), min_size=1, max_size=3).map(tuple)
densities = st.integers(1, 10_000).map(lambda n: n / 10_000)
bits = st.integers(1, 32)


@st.composite
def stored(draw: st.DrawFn) -> StoredTensor:
    kind = draw(st.sampled_from(["dense", "bitmask"]))
    density = draw(densities) if kind == "bitmask" else 1.0
    how = StorageFormat(format=kind, bits=draw(bits), density=density)  # type: ignore[arg-type]
    parameter = Parameter("layer.weight", draw(shapes), Role.TASK)
    return store(parameter, how, homes(how, "rram", "sram"))


@given(shapes, bits, densities)
def test_a_bitmask_matrix_stores_its_non_zeros_and_a_bit_an_element(
    shape: tuple[int, ...], width: int, density: float
) -> None:
    how = StorageFormat(format="bitmask", bits=width, density=density)
    tensor = store(Parameter("w", shape, Role.TASK), how, homes(how, "rram", "sram"))
    elements = math.prod(shape)
    share = Fraction(str(density)) if len(shape) > 1 else Fraction(1)
    assert tensor.value_bits == math.ceil(elements * share) * width
    assert tensor.mask_bits == (elements if len(shape) > 1 else 0)
    assert tensor.memories == ("rram", "sram")[: len(shape)]


@given(shapes, bits)
def test_a_dense_tensor_stores_every_element_and_no_mask(
    shape: tuple[int, ...], width: int
) -> None:
    how = StorageFormat(format="dense", bits=width)
    tensor = store(Parameter("w", shape, Role.TASK), how, homes(how, "a", "a"))
    assert (tensor.value_bits, tensor.mask_bits) == (math.prod(shape) * width, 0)


@given(stored(), st.data())
def test_the_parts_of_a_tensor_add_up_to_the_tensor(
    tensor: StoredTensor, data: st.DataObject
) -> None:
    elements = tensor.parameter.elements
    cuts = sorted(data.draw(st.lists(st.integers(0, elements), max_size=6)))
    edges = [0, *cuts, elements]
    parts = [tensor.value_bits_between(a, b) for a, b in itertools.pairwise(edges)]
    assert sum(parts) == tensor.value_bits
    assert min(parts) >= 0


@given(stored(), st.data())
def test_non_zeros_are_spread_evenly(tensor: StoredTensor, data: st.DataObject) -> None:
    start, stop = sorted(data.draw(st.integers(0, tensor.parameter.elements)) for _ in range(2))
    found = tensor.nonzeros_between(start, stop)
    assert abs(found - (stop - start) * tensor.density) < 1
    assert found <= stop - start
    assert tensor.value_bits_between(start, stop) == found * tensor.bits


@given(shapes, bits, densities, densities)
def test_a_denser_tensor_is_never_smaller(
    shape: tuple[int, ...], width: int, first: float, second: float
) -> None:
    parameter = Parameter("w", shape, Role.TASK)
    formats = [
        StorageFormat(format="bitmask", bits=width, density=density)
        for density in sorted([first, second])
    ]
    sizes = [store(parameter, how, homes(how, "a", "a")) for how in formats]
    assert sizes[0].value_bits <= sizes[1].value_bits


def test_a_decimal_density_is_exact() -> None:
    # 0.07 x 100 is 7.000000000000001 as floats, whose ceiling is 8.
    how = StorageFormat(format="bitmask", bits=8, density=0.07)
    assert store(Parameter("w", (10, 10), Role.TASK), how, homes(how, "a", "a")).value_bits == 56


@pytest.mark.parametrize("density", [0, -0.1, 1.0000001, math.nan, math.inf])
def test_a_density_is_a_share(density: float) -> None:
    with pytest.raises(ValidationError, match="density"):
        StorageFormat(format="bitmask", bits=8, density=density)


@pytest.mark.parametrize("width", [0, 33])
def test_values_have_1_to_32_bits(width: int) -> None:
    with pytest.raises(ValidationError, match="bits"):
        StorageFormat(format="dense", bits=width)


# -- on the chip: cells and check bits -------------------------------------------------------------

words: st.SearchStrategy[WordBits] = st.sampled_from([8, 16, 32, 64, 128])
schemes: st.SearchStrategy[Scheme] = st.sampled_from(["none", "secded", "bch2"])
cells = st.integers(1, 3)


@st.composite
def protected(draw: st.DrawFn) -> StorageFormat:
    return StorageFormat(
        format="bitmask",
        bits=draw(bits),
        density=draw(densities),
        protection=ProtectionConfig(values=draw(schemes), masks=draw(schemes), word=draw(words)),
    )


@given(shapes, protected(), cells, st.data())
def test_extents_of_parts_add_up_in_every_figure(
    shape: tuple[int, ...], how: StorageFormat, bits_per_cell: int, data: st.DataObject
) -> None:
    places = homes(how, "rram", "sram", bits_per_cell)
    tensor = store(Parameter("w", shape, Role.TASK), how, places)
    elements = tensor.parameter.elements
    cuts = sorted(data.draw(st.lists(st.integers(0, elements), max_size=6)))
    edges = [0, *cuts, elements]
    for number, (_, whole) in enumerate(tensor.parts):
        parts = [tensor.parts_between(a, b)[number][1] for a, b in itertools.pairwise(edges)]
        assert tuple(map(sum, zip(*parts, strict=True))) == whole
        assert all(part.array >= part.data >= 0 <= part.code_words for part in parts)


@given(shapes, bits, densities)
def test_unprotected_one_bit_cells_hold_data_alone(
    shape: tuple[int, ...], width: int, density: float
) -> None:
    how = StorageFormat(format="bitmask", bits=width, density=density)
    plain, packed = (
        store(Parameter("w", shape, Role.TASK), how, homes(how, "a", "a", cell))
        for cell in (None, 1)
    )
    assert plain.parts == packed.parts
    assert sum(extent.array for _, extent in packed.parts) == plain.value_bits + plain.mask_bits


@given(st.integers(0, 10**6), bits, words)
def test_one_bit_cells_take_the_protected_bits(values: int, width: int, word: WordBits) -> None:
    how = StorageFormat(
        format="dense", bits=width, protection=ProtectionConfig(values="secded", word=word)
    )
    extent = packing(how, "values", 1).between(0, values)
    assert extent.code_words == math.ceil(values * width / word)
    assert extent.array == extent.data + extent.code_words * Code("secded", word).check_bits


@given(st.integers(1, 200), st.integers(1, 16), cells, words, schemes)
def test_the_array_bits_are_those_of_the_cells_that_faults_strike(
    values: int, width: int, bits_per_cell: int, word: WordBits, scheme: Scheme
) -> None:
    protection = ProtectionConfig(values=scheme, word=word)
    how = StorageFormat(format="dense", bits=width, protection=protection)
    packed = packing(how, "values", bits_per_cell).between(0, values)
    form = CellFormat(bits_per_cell=bits_per_cell)
    stored_part = store_part(np.zeros(values, np.uint32), width, form, protection.code(scheme))
    assert packed.array == stored_part.cells * bits_per_cell


def test_eight_bits_take_nine_in_cells_of_three() -> None:
    how = StorageFormat(format="dense", bits=8)
    assert packing(how, "values", 3) == Packing(8, 9)
    assert packing(how, "values", 3).between(10, 30) == Extent(160, 180, 0)
    # 160 bits are three words, 8 check bits of each take three cells.
    secded = StorageFormat(format="dense", bits=8, protection=ProtectionConfig(values="secded"))
    assert packing(secded, "values", 3).between(0, 20) == Extent(160, 180 + 27, 3)


def test_masks_fill_cells_of_any_kind() -> None:
    how = StorageFormat(format="bitmask", bits=8, protection=ProtectionConfig(masks="secded"))
    assert [packing(how, "masks", n).between(0, 6400).array for n in (1, 2, 3)] == [
        7200,
        7200,
        7300,
    ]
    assert packing(how, "values", 1) == Packing(8, 8)


def test_coding_changes_no_size() -> None:
    gray = StorageFormat(format="dense", bits=8, cells=CellChoice(coding="gray"))
    for bits_per_cell in (1, 2, 3):
        plain = StorageFormat(format="dense", bits=8)
        assert packing(gray, "values", bits_per_cell) == packing(plain, "values", bits_per_cell)


def test_a_partial_cell_can_be_refused() -> None:
    how = StorageFormat(format="dense", bits=8, cells=CellChoice(partial_cells="refuse"))
    assert packing(how, "values", 2) == Packing(8, 8)
    with pytest.raises(ConfigError, match=r"^8 bits do not divide into cells of 3 bits: "):
        packing(how, "values", 3)


def test_high_bits_have_one_home_and_leave_some() -> None:
    span = {"bits": 1, "bits_per_cell": 1}
    with pytest.raises(ValidationError, match=r"high has 2 spans, but a role has one memory"):
        CellChoice.model_validate({"high": [span, span]})
    with pytest.raises(ValidationError, match=r"cells\.high takes 8 of 8 bits; leave one or more"):
        StorageFormat.model_validate(
            {"format": "dense", "bits": 8, "cells": {"high": [{**span, "bits": 8}]}}
        )


# -- measured ------------------------------------------------------------------------------------


@given(shapes, bits, st.data())
def test_a_measured_tensor_has_the_counted_size(
    shape: tuple[int, ...], width: int, data: st.DataObject
) -> None:
    parameter = Parameter("w", shape, Role.TASK)
    nonzeros = data.draw(st.integers(0, parameter.elements))
    how = StorageFormat(format="bitmask", bits=width, density=0.5)
    tensor = store(parameter, how, homes(how, "a", "a"), nonzeros)
    stored_values = nonzeros if len(shape) > 1 else parameter.elements
    assert tensor.value_bits == stored_values * width
    assert tensor.density == Fraction(stored_values, parameter.elements)


@pytest.mark.parametrize("nonzeros", [-1, 101])
def test_more_non_zeros_than_elements_are_refused(nonzeros: int) -> None:
    how = StorageFormat(format="bitmask", bits=8)
    message = rf"^w: {nonzeros} non-zeros were measured, expected 0 to its 100 elements; measure "
    with pytest.raises(ConfigError, match=message):
        store(Parameter("w", (10, 10), Role.TASK), how, homes(how, "a", "a"), nonzeros)


@given(
    size=st.integers(1, 70),
    scale=st.integers(1, 32),
    cell=st.sampled_from([None, 1, 2, 3]),
    cuts=st.lists(st.integers(0, 500), max_size=4),
)
def test_scales_of_groups_add_up(size: int, scale: int, cell: int | None, cuts: list[int]) -> None:
    how = StorageFormat(format="dense", bits=4, groups={"size": size, "bits": scale})
    packed = packing(how, "values", cell)
    edges = [0, *sorted(cuts), 500]
    parts = [packed.between(*pair) for pair in itertools.pairwise(edges)]
    groups = math.ceil(500 / size)
    assert sum(each.data for each in parts) == 500 * 4 + groups * scale
    stated = packing(StorageFormat(format="dense", bits=4), "values", cell).between(0, 500).array
    width = cell or 1
    assert sum(each.array for each in parts) == stated + groups * math.ceil(scale / width) * width


def test_a_matrix_of_groups_has_their_scales_and_a_vector_none() -> None:
    how = StorageFormat(format="dense", bits=4, groups={"size": 32})
    places = homes(how, "rram", "sram")
    matrix = store(Parameter("w", (64, 96), Role.BACKBONE), how, places)
    assert matrix.value_bits == 64 * 96 * 4 + 64 * 3 * 16
    assert store(Parameter("b", (64,), Role.BACKBONE), how, places).value_bits == 64 * 4


def test_groups_are_of_dense_tensors() -> None:
    with pytest.raises(ValidationError, match="groups of values with a scale are known of dense"):
        StorageFormat(format="bitmask", bits=4, density=0.5, groups={"size": 32})
