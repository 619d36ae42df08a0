from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from operator_examples import compute, example, random_operands

from accelsim.model.error_function import erf
from accelsim.model.operators import (
    ADD,
    ATTENTION_CONTEXT,
    ENTROPY,
    GELU,
    LAYER_NORM,
    MULTIPLY,
    RELU,
    RMS_NORM,
    SILU,
    SOFTMAX,
    Operator,
)
from accelsim.model.operators.attention_scores import split_heads
from accelsim.model.operators.gelu import gelu_erf, gelu_tanh, in_blocks

GRID = np.linspace(-8, 8, 40_001)
EXACT = np.array([math.erf(x) for x in GRID])


def test_erf_is_exact_to_the_last_digits_of_float32() -> None:
    error = np.abs(erf(GRID) - EXACT)
    assert error.max() <= 1.6e-8
    assert error[np.abs(GRID) <= 4].max() <= 1.1e-8
    single = GRID.astype(np.float32)
    exact = np.array([math.erf(x) for x in single.tolist()])
    assert np.abs(erf(single) - exact).max() <= 2.5e-7
    assert_array_equal(erf(-GRID), -erf(GRID))


def test_both_gelus_are_their_definitions_to_a_step_of_float32() -> None:
    single = GRID.astype(np.float32)
    value = single.astype(float)
    exact = value / 2 * (1 + np.array([math.erf(x / math.sqrt(2)) for x in value.tolist()]))
    tanh = value / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (value + 0.044715 * value**3)))
    steps = np.finfo(np.float32).eps * np.maximum(np.abs(value), 1)
    assert (np.abs(gelu_erf(single) - exact) / steps).max() <= 1.3
    assert (np.abs(gelu_tanh(single) - tanh) / steps).max() <= 1.3


def test_the_two_gelus_differ_by_less_than_a_thousandth() -> None:
    gap = np.abs(gelu_erf(GRID) - gelu_tanh(GRID)).max()
    assert 1e-4 < gap < 1e-3


@given(st.integers(1, 3), st.integers(1, 200_000))
def test_blocks_do_not_show(rows: int, columns: int) -> None:
    value = np.linspace(-3, 3, rows * columns, dtype=np.float32).reshape(rows, columns)
    assert_array_equal(in_blocks(np.square, value), np.square(value))


def test_softmax_rows_sum_to_one_and_hide_what_is_masked() -> None:
    scores = np.random.default_rng(1).normal(0, 30, (2, 3, 4, 5)).astype(np.float32)
    mask = np.array([[1, 1, 0, 1, 0], [0, 0, 0, 1, 0]], bool)
    softmax = Operator("p", SOFTMAX, 4, 5, 5, 3, masked=True)
    found = compute(softmax, scores, mask)
    assert_allclose(found.sum(axis=-1), 1, rtol=1e-6)
    assert not found[0, :, :, [2, 4]].any()
    assert_array_equal(found[1, :, :, 3], 1)
    kept = compute(softmax, np.ascontiguousarray(scores[:1, :, :, mask[0]]))
    assert_allclose(found[:1][:, :, :, mask[0]], kept, rtol=1e-6)


def test_softmax_does_not_see_a_shift() -> None:
    softmax = Operator("p", SOFTMAX, 3, 4, 4)
    scores = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
    assert_array_equal(compute(softmax, scores + 512), compute(softmax, scores))


def test_entropy_is_zero_for_certainty_and_largest_for_none() -> None:
    logits = np.array([[[500, 0, 0], [7, 7, 7], [0, 1, 2]]], np.float32)
    found = compute(Operator("exit.entropy", ENTROPY, 3, 1, 3), logits)
    assert found.shape == (1, 3, 1)
    certain, none, some = found.reshape(-1).tolist()
    probabilities = np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum()
    assert certain == 0
    assert none == pytest.approx(math.log(3), rel=1e-6)
    assert some == pytest.approx(-(probabilities * np.log(probabilities)).sum(), rel=1e-6)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3))
def test_heads_are_split_and_joined_without_loss(
    batch: int, rows: int, heads: int, width: int
) -> None:
    value = np.arange(batch * rows * heads * width, dtype=np.float32)
    value = value.reshape(batch, rows, heads * width)
    split = split_heads(value, heads)
    assert split.shape == (batch, heads, rows, width)
    assert_array_equal(split[:, heads - 1], value[:, :, -width:])
    context = Operator("context", ATTENTION_CONTEXT, rows, width, rows, batch=heads)
    alone = np.broadcast_to(np.eye(rows, dtype=np.float32), (batch, heads, rows, rows))
    assert_array_equal(context.kind.compute(context, [alone, value], [], {}), value)


def test_layer_norm_gives_rows_of_mean_0_and_variance_1() -> None:
    value = np.random.default_rng(2).normal(5, 3, (2, 3, 64)).astype(np.float32)
    scale, shift = np.full(64, 2, np.float32), np.full(64, 0.5, np.float32)
    found = compute(example(LAYER_NORM, 3, 64), value, parameters=(scale, shift))
    assert_allclose(found.mean(axis=-1), 0.5, atol=1e-5)
    assert_allclose(found.std(axis=-1), 2, rtol=1e-5)


def test_rms_norm_is_its_definition_and_forgets_the_scale() -> None:
    operator = example(RMS_NORM, 3, 64)
    value = np.random.default_rng(3).normal(5, 3, (2, 3, 64)).astype(np.float32)
    scale = np.linspace(-1, 1, 64, dtype=np.float32)
    found = compute(operator, value, parameters=(scale,))
    for row, normal in zip(value.reshape(-1, 64).tolist(), found.reshape(-1, 64), strict=True):
        root = math.sqrt(sum(x * x for x in row) / 64 + 1e-6)
        assert_allclose(normal, [x / root * s for x, s in zip(row, scale, strict=True)], rtol=1e-5)
    assert_allclose(compute(operator, 8 * value, parameters=(scale,)), found, rtol=1e-5)


@pytest.mark.parametrize("x", [-1000.0, -90.0, -2.5, -0.1, 0.0, 0.1, 2.5, 90.0, 1000.0])
def test_silu_and_relu_are_their_definitions(x: float) -> None:
    value = np.full((1, 2, 3), x, np.float32)
    logistic = 1 / (1 + math.exp(-x)) if x > -700 else 0.0
    assert_allclose(compute(example(SILU, 2, 3), value), x * logistic, rtol=1e-5, atol=1e-30)
    assert_array_equal(compute(example(RELU, 2, 3), value), max(value[0, 0, 0], 0))


def test_sum_and_product_are_those_of_their_operands() -> None:
    total = example(ADD, 2, 3)
    values = [np.full((1, 2, 3), n, np.float32) for n in (1, 2, 4)]
    assert_array_equal(compute(total, *values), 7)
    assert_array_equal(compute(total, *values[1:]), 6)
    product = example(MULTIPLY)
    one, other = random_operands(product)
    assert_array_equal(compute(product, one, other), one * other)
    assert_array_equal(compute(product, other, one), compute(product, one, other))


def test_gelu_takes_the_form_of_its_operator() -> None:
    value = np.linspace(-3, 3, 12, dtype=np.float32).reshape(1, 2, 6)
    for form, function in (("", gelu_erf), ("tanh", gelu_tanh)):
        assert_array_equal(compute(example(GELU, 2, form=form), value), function(value))
