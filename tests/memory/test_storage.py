from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.memory.storage import StorageFormat, StoredTensor, store
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
    return store(parameter, how, "rram", "sram")


@given(shapes, bits, densities)
def test_a_bitmask_matrix_stores_its_non_zeros_and_a_bit_an_element(
    shape: tuple[int, ...], width: int, density: float
) -> None:
    how = StorageFormat(format="bitmask", bits=width, density=density)
    tensor = store(Parameter("w", shape, Role.TASK), how, "rram", "sram")
    elements = math.prod(shape)
    share = Fraction(str(density)) if len(shape) > 1 else Fraction(1)
    assert tensor.value_bits == math.ceil(elements * share) * width
    assert tensor.mask_bits == (elements if len(shape) > 1 else 0)
    assert (tensor.values, tensor.masks) == ("rram", "sram")


@given(shapes, bits)
def test_a_dense_tensor_stores_every_element_and_no_mask(
    shape: tuple[int, ...], width: int
) -> None:
    tensor = store(
        Parameter("w", shape, Role.TASK), StorageFormat(format="dense", bits=width), "a", "a"
    )
    assert (tensor.value_bits, tensor.mask_bits) == (math.prod(shape) * width, 0)


@given(stored(), st.data())
def test_the_parts_of_a_tensor_add_up_to_the_tensor(tensor: StoredTensor, data: st.DataObject):
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
    sizes = [
        store(parameter, StorageFormat(format="bitmask", bits=width, density=d), "a", "a")
        for d in sorted([first, second])
    ]
    assert sizes[0].value_bits <= sizes[1].value_bits


def test_a_decimal_density_is_exact() -> None:
    # 0.07 x 100 is 7.000000000000001 as floats, whose ceiling is 8.
    how = StorageFormat(format="bitmask", bits=8, density=0.07)
    assert store(Parameter("w", (10, 10), Role.TASK), how, "a", "a").value_bits == 56


@pytest.mark.parametrize("density", [0, -0.1, 1.0000001, math.nan, math.inf])
def test_a_density_is_a_share(density: float) -> None:
    with pytest.raises(ValidationError, match="density"):
        StorageFormat(format="bitmask", bits=8, density=density)


@pytest.mark.parametrize("width", [0, 33])
def test_values_have_1_to_32_bits(width: int) -> None:
    with pytest.raises(ValidationError, match="bits"):
        StorageFormat(format="dense", bits=width)
