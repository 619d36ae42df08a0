from __future__ import annotations

import math

import numpy as np
import pytest
from forward_models import exactly, recipe_weights, small_model
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from accelsim.errors import ConfigError
from accelsim.inference.compare import (
    accuracy,
    agreement,
    is_one_class,
    layer_errors,
    relative_error,
)
from accelsim.inference.data import random_sentences
from accelsim.inference.forward import ForwardResult, forward

LOGITS = arrays(np.float32, (6, 3), elements=st.floats(-10, 10, width=32))


@given(LOGITS, LOGITS)
def test_agreement_is_counted_and_symmetric(a: np.ndarray, b: np.ndarray) -> None:
    same = sum(
        row.tolist().index(max(row)) == other.tolist().index(max(other))
        for row, other in zip(a, b, strict=True)
    )
    assert agreement(a, b) == agreement(b, a) == same / 6
    assert agreement(a, a) == 1


@given(LOGITS)
def test_agreement_ignores_scale_and_shift(a: np.ndarray) -> None:
    assert agreement(a * 4 + 1024, a * 4 + 1024) == agreement(a, a * 4) == 1


def test_a_prediction_that_is_no_number_agrees_with_nothing() -> None:
    good = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    broken = good.copy()
    broken[0, 1] = np.nan
    broken[1, 0] = np.inf
    assert agreement(broken, good) == agreement(good, broken) == agreement(broken, broken) == 0.5
    assert accuracy(broken, np.array([1, 0, 0, 0])) == 0.25
    assert accuracy(good, np.array([1, 0, 0, 0])) == 0.75


def test_relative_errors() -> None:
    value = np.array([[3.0, 4.0]])
    assert relative_error(value, value) == 0
    assert relative_error(value * 1.5, value) == pytest.approx(0.5)
    assert relative_error(np.zeros((1, 2)), value) == 1
    assert relative_error(value, np.zeros((1, 2))) == math.inf
    assert relative_error(np.zeros((1, 2)), np.zeros((1, 2))) == 0
    for wrong in (np.nan, np.inf):
        assert relative_error(np.full((1, 2), wrong), value) == math.inf
        assert relative_error(np.full((1, 2), wrong), np.full((1, 2), wrong)) == math.inf


def test_errors_of_layers_begin_where_the_weights_differ() -> None:
    model = small_model("bert")
    weights = recipe_weights(model)
    name = "encoder.layer.1.intermediate.dense.weight"
    changed = {**weights, name: weights[name] * np.float32(1.01)}
    tokens = random_sentences(model, sentences=3, tokens=6, seed=1).tokens
    results = [forward(model, None, w, tokens, capture=True) for w in (changed, weights)]
    first, second, third = layer_errors(*results)
    assert first == 0
    assert 1e-4 < second < 0.1
    assert 1e-4 < third < 0.1


def test_errors_of_layers_leave_the_padding_out() -> None:
    value = np.ones((2, 3, 4), np.float32)
    other = value.copy()
    other[0, 2] = 9
    results = [ForwardResult(np.zeros((2, 2), np.float32), (a,)) for a in (other, value)]
    mask = np.array([[1, 1, 0], [1, 1, 1]], bool)
    assert layer_errors(*results, mask) == [0]
    assert layer_errors(*results)[0] > 1


def test_what_cannot_be_compared_is_refused() -> None:
    two, one = np.zeros((4, 2)), np.zeros((4, 1))
    message = (
        "logits of shapes (4, 2) and (4, 1) cannot be compared; run the same sentences and task"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        agreement(two, one)
    message = (
        "logits of shape (4, 1) choose no class, expected 1 or more sentences and 2 or more classes"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        agreement(one, one)
    with pytest.raises(ConfigError, match=exactly("labels have shape (3,), expected (4,)")):
        accuracy(two, np.zeros(3, np.int64))
    with pytest.raises(
        ConfigError, match=exactly("arrays of shapes (4, 2) and (4, 1) cannot be compared")
    ):
        relative_error(two, one)
    result = ForwardResult(np.zeros((4, 2), np.float32))
    message = "results of 0 and 0 captured layers cannot be compared; run both with capture=True"
    with pytest.raises(ConfigError, match=exactly(message)):
        layer_errors(result, result)


def test_one_class_of_several_sentences_makes_agreement_say_little() -> None:
    logits = np.array([[1.0, 2.0], [0.0, 3.0]])
    assert is_one_class(logits)
    assert not is_one_class(logits * [[1], [-1]])
    assert not is_one_class(logits[:1])
