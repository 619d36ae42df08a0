from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from weight_inputs import weights

from accelsim.weights.number_formats import AdaptivFloat, AffineIntegers, SymmetricIntegers, fit
from accelsim.weights.settings import NumberFormat
from accelsim.weights.weight_set import Values

widths = st.integers(2, 16)


@st.composite
def number_formats(draw: st.DrawFn) -> tuple[int, NumberFormat]:
    kind = draw(st.sampled_from(["symmetric", "affine", "adaptivfloat"]))
    bits = draw(widths)
    exponents = draw(st.integers(1, min(5, bits - 1))) if kind == "adaptivfloat" else None
    scale_per = draw(st.sampled_from(["tensor", "row"]))
    how = NumberFormat(kind=kind, exponent_bits=exponents, scale_per=scale_per)  # type: ignore[arg-type]
    return bits, how


def gold_adaptivfloat(values: Values, bits: int, exponent_bits: int) -> list[float]:
    """Every value on its own in double precision, in the steps of quantize_adaptivfloat.

    That is adaptivfloat.py of ttambe/AdaptivFloat. At exactly half the smallest magnitude, which
    it leaves as it is, this follows set_value of AdpfloatSpec.h in harvard-acc/EdgeBERT.
    """
    mantissa_bits = bits - 1 - exponent_bits
    bias = int(np.frexp(np.abs(values).max())[1]) - 1 - (2**exponent_bits - 1)
    smallest = 2.0**bias * (1 + 2.0**-mantissa_bits)
    largest = 2.0 ** (2**exponent_bits - 1 + bias) * (2 - 2.0**-mantissa_bits)
    found = []
    for value in values.reshape(-1).tolist():
        magnitude = abs(value)
        if magnitude < 0.5 * smallest:
            magnitude = 0.0
        elif magnitude < smallest:
            magnitude = smallest
        magnitude = min(magnitude, largest)
        fraction, exponent = np.frexp(magnitude)
        steps = round(float(2 * fraction) * 2**mantissa_bits)  # half to even, as numpy's round
        found.append(float(np.sign(value)) * 2.0 ** float(exponent - 1) * steps / 2**mantissa_bits)
    return found


@given(weights, number_formats())
def test_code_0_is_zero_and_zero_is_code_0(
    values: Values, chosen: tuple[int, NumberFormat]
) -> None:
    numbers = fit(values, *chosen)
    codes = numbers.encode(values)
    assert ((codes == 0) == (numbers.decode(codes) == 0)).all()
    assert not codes[values == 0].any()


@given(weights, number_formats())
def test_a_decoded_value_encodes_to_its_code(
    values: Values, chosen: tuple[int, NumberFormat]
) -> None:
    numbers = fit(values, *chosen)
    codes = numbers.encode(values)
    assert codes.max() < 2 ** chosen[0]
    assert codes.shape == values.shape
    assert codes.dtype == (np.uint8 if chosen[0] <= 8 else np.uint16)
    np.testing.assert_array_equal(numbers.encode(numbers.decode(codes)), codes)


@given(weights, number_formats())
def test_encoding_keeps_the_order(values: Values, chosen: tuple[int, NumberFormat]) -> None:
    numbers = fit(values, chosen[0], chosen[1].model_copy(update={"scale_per": "tensor"}))
    decoded = numbers.decode(numbers.encode(values)).reshape(-1)
    assert (np.diff(decoded[np.argsort(values, axis=None)]) >= 0).all()


@given(weights, widths)
def test_symmetric_is_off_by_at_most_half_a_step(values: Values, bits: int) -> None:
    numbers = fit(values, bits, NumberFormat(kind="symmetric"))
    assert isinstance(numbers, SymmetricIntegers)
    step = max(float(np.abs(values).max()) / (2 ** (bits - 1) - 1), 1.2e-38)
    error = np.abs(numbers.decode(numbers.encode(values)).astype(float) - values)
    assert error.max() <= step * (0.5 + 1e-2)


@given(weights, widths)
# A range of 255 steps that begins and ends half a step beside an integer.
@example(np.array([-63.5, 191.5], np.float32), 8)
def test_affine_is_off_by_at_most_a_step(values: Values, bits: int) -> None:
    numbers = fit(values, bits, NumberFormat(kind="affine"))
    assert isinstance(numbers, AffineIntegers)
    assert 0 <= numbers.zero_point.min() <= numbers.zero_point.max() < 2**bits
    low, high = min(float(values.min()), 0), max(float(values.max()), 0)
    step = max((high - low) / (2**bits - 1), 1.2e-38)
    error = np.abs(numbers.decode(numbers.encode(values)).astype(float) - values)
    # Half a step of rounding, and half a step by which rounding the zero point moves the range.
    assert error.max() <= step * (1 + 1e-2)


@given(weights, st.integers(1, 5), st.integers(0, 10))
@example(np.array([1.0, 2.0**-8, 2.0**-9, -(2.0**-9)], np.float32), 3, 0)
@example(np.array([31.9, 0.1], np.float32), 3, 4)
@example(np.array([1.0, 0.5 * 2**-7 * (1 + 2**-4)], np.float32), 3, 4)
# Halfway between mantissas: to the even one, up and down.
@example(np.array([1.9, 1 + 1 / 32, 1 + 3 / 32, -1 - 5 / 32], np.float32), 3, 4)
def test_adaptivfloat_is_that_of_its_authors(
    values: Values, exponent_bits: int, mantissa_bits: int
) -> None:
    # Our largest exponent goes down to -64 only.
    values = values + np.float32(2.0**-60) * (np.abs(values).max() < 2.0**-64)
    bits = 1 + exponent_bits + mantissa_bits
    numbers = fit(values, bits, NumberFormat(exponent_bits=exponent_bits))
    decoded = numbers.decode(numbers.encode(values))
    expected = gold_adaptivfloat(values, bits, exponent_bits)
    np.testing.assert_array_equal(decoded.reshape(-1), np.float32(expected))


def test_the_codes_of_adaptivfloat_are_sign_exponent_mantissa() -> None:
    numbers = AdaptivFloat(8, 3, np.array([0], np.int32))
    # 1.25 x 2^-2 is exponent field 5, mantissa 0100; the largest is 1.9375.
    values = np.array([0.3125, -0.3125, 2.0, -9.0, 0.0, -0.0], np.float32)
    assert numbers.encode(values).tolist() == [
        0b0_101_0100,
        0b1_101_0100,
        0b0_111_1111,
        0b1_111_1111,
        0,
        0,
    ]
    assert numbers.decode(np.array([0b1_000_0000, 0b0_000_0001], np.uint8)).tolist() == [
        0.0,
        2.0**-7 * (1 + 2**-4),
    ]


@pytest.mark.parametrize(("kind", "zero"), [("symmetric", 0), ("affine", 64)])
def test_integer_codes_by_hand(kind: str, zero: int) -> None:
    # Steps of 1: symmetric -127..127, affine -64..191.
    values = np.array([-64, 0, 1, 127 if kind == "symmetric" else 191], np.float32)
    numbers = fit(values, 8, NumberFormat(kind=kind))  # type: ignore[arg-type]
    assert numbers.scale.tolist() == [1.0]  # type: ignore[union-attr]
    last = 127 if kind == "symmetric" else 191
    assert numbers.encode(values).tolist() == [256 - 64, 0, 1, last]
    if isinstance(numbers, AffineIntegers):
        assert numbers.zero_point.tolist() == [zero]


@given(weights, widths, st.integers(0, 15))
def test_a_flipped_bit_moves_an_affine_value_as_in_the_integer_itself(
    values: Values, bits: int, place: int
) -> None:
    numbers = fit(values, bits, NumberFormat(kind="affine"))
    assert isinstance(numbers, AffineIntegers)
    codes = numbers.encode(values)
    flipped = codes ^ codes.dtype.type(1 << (place % bits))
    moved = numbers.decode(flipped).astype(float) - numbers.decode(codes)
    steps = np.abs(moved / numbers.scale.astype(float))
    weight = 2 ** (place % bits)
    # Decoded values are float32: of 65,535 steps one is known to 0.004.
    assert np.minimum(np.abs(steps - weight), np.abs(steps - (2**bits - weight))).max() < 0.02


@given(weights, number_formats())
def test_one_scale_a_row_is_each_row_on_its_own(
    values: Values, chosen: tuple[int, NumberFormat]
) -> None:
    bits, how = chosen
    rows = fit(values, bits, how.model_copy(update={"scale_per": "row"}))
    decoded = rows.decode(rows.encode(values))
    tensor = how.model_copy(update={"scale_per": "tensor"})
    for row in range(len(values)) if values.ndim > 1 else [slice(None)]:
        alone = fit(values[row], bits, tensor)
        np.testing.assert_array_equal(decoded[row], alone.decode(alone.encode(values[row])))


@given(number_formats())
def test_a_tensor_of_zeros_stays_zero(chosen: tuple[int, NumberFormat]) -> None:
    zeros = np.zeros((3, 4), np.float32)
    numbers = fit(zeros, *chosen)
    codes = numbers.encode(zeros)
    assert not codes.any()
    assert not numbers.decode(codes).any()


@pytest.mark.parametrize("kind", ["symmetric", "affine", "adaptivfloat"])
def test_values_beyond_the_range_become_the_largest(kind: str) -> None:
    numbers = fit(np.array([-1, 1], np.float32), 8, NumberFormat(kind=kind))  # type: ignore[arg-type]
    beyond = numbers.decode(numbers.encode(np.array([-100, 100], np.float32)))
    assert np.abs(beyond).max() < 2
    assert beyond[0] < 0 < beyond[1]
    if kind == "symmetric":
        assert beyond.tolist() == [-1, 1]


@given(st.floats(0, 2.0**127, width=32))
def test_the_largest_exponent_fits_its_8_bits(largest: float) -> None:
    numbers = fit(np.array([largest], np.float32), 8, NumberFormat())
    assert isinstance(numbers, AdaptivFloat)
    assert numbers.largest_exponent.tolist() == [max(math.frexp(largest)[1] - 1, -64)]


def test_huge_values_survive() -> None:
    values = np.array([-1e38, 1e38, 1.0], np.float32)
    for kind in ("symmetric", "affine", "adaptivfloat"):
        numbers = fit(values, 8, NumberFormat(kind=kind))  # type: ignore[arg-type]
        np.testing.assert_allclose(
            numbers.decode(numbers.encode(values)), values, rtol=0.04, atol=2
        )
