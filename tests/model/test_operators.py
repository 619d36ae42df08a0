from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_strategies import exactly

from accelsim.errors import ConfigError
from accelsim.model.operators import (
    ATTENTION_SCORES,
    ENTROPY,
    GELU,
    LAYER_NORM,
    MATMUL,
    Operator,
    find_kind,
)
from accelsim.model.tensors import Activation, Parameter, Role

WEIGHT = Parameter("m.weight", (6, 5), Role.BACKBONE)
BIAS = Parameter("m.bias", (6,), Role.BACKBONE)
SIZE = st.integers(1, 1000)


@given(SIZE, SIZE, SIZE, SIZE)
def test_a_product_has_depth_macs_for_each_output_element(
    rows: int, columns: int, depth: int, batch: int
) -> None:
    weight = Parameter("m.weight", (columns, depth), Role.TASK)
    matmul = Operator("m", MATMUL, rows, columns, depth, batch, (weight,))
    scores = Operator("s", ATTENTION_SCORES, rows, columns, depth, batch)
    assert matmul.elements == batch * rows * columns
    assert matmul.macs == scores.macs == batch * rows * columns * depth


@pytest.mark.parametrize("kind", ["softmax", "add", "gelu", "tanh"])
def test_only_products_have_macs(kind: str) -> None:
    operator = Operator("x", find_kind(kind), 4, 8, 8, batch=3)
    assert (operator.macs, operator.elements, operator.shape) == (0, 96, (3, 4, 8))


def test_a_parameter_knows_its_module_and_size() -> None:
    assert (WEIGHT.module, WEIGHT.elements) == ("m", 30)
    assert Parameter("a.b.c", (2, 3, 4), Role.TASK).module == "a.b"
    assert Parameter("a.b.c", (2,), Role.TASK, "other").module == "other"


def test_an_activation_counts_all_its_heads() -> None:
    assert Activation("x", 4, 5).elements == 20
    assert Activation("x", 4, 5, batch=3).elements == 60


@pytest.mark.parametrize(("shape", "text"), [((), "()"), ((3, 0), "3 x 0"), ((-1,), "-1")])
def test_a_parameter_of_no_size_is_refused(shape: tuple[int, ...], text: str) -> None:
    message = (
        f"parameter 'w': shape {text} must have at least one dimension and every dimension "
        "must be 1 or more"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        Parameter("w", shape, Role.TASK)


@pytest.mark.parametrize("size", ["rows", "columns", "depth", "batch"])
def test_a_size_below_one_is_refused(size: str) -> None:
    sizes = {"rows": 1, "columns": 1, "depth": 1, "batch": 1, size: 0}
    message = f"operator 'x': {size} is 0, must be 1 or more"
    with pytest.raises(ConfigError, match=exactly(message)):
        Operator("x", ENTROPY, **sizes)


def test_an_operator_that_keeps_the_width_has_equal_depth_and_columns() -> None:
    message = "operator 'x': gelu keeps the width of its input, so depth (7) must equal columns (8)"
    with pytest.raises(ConfigError, match=exactly(message)):
        Operator("x", GELU, 4, 8, 7)


@pytest.mark.parametrize(
    ("kind", "parameters", "found", "expected"),
    [
        ("matmul", (), "[]", "[6 x 5, 6] or [6 x 5]"),
        ("matmul", (BIAS,), "[6]", "[6 x 5, 6] or [6 x 5]"),
        ("matmul", (WEIGHT, WEIGHT), "[6 x 5, 6 x 5]", "[6 x 5, 6] or [6 x 5]"),
        ("gather", (WEIGHT,), "[6 x 5]", "[6 x 6]"),
        ("gather", (), "[]", "[1 x 6]"),
        ("entropy", (BIAS,), "[6]", "[]"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(
    kind: str, parameters: tuple[Parameter, ...], found: str, expected: str
) -> None:
    message = (
        f"operator 'x': {kind} of 6 columns and depth 5 has parameters {found}, expected {expected}"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        Operator("x", find_kind(kind), 4, 6, 5, parameters=parameters)


def test_a_layer_norm_has_vectors_as_long_as_a_row_or_a_head() -> None:
    wrong = Parameter("w", (4,), Role.BACKBONE)
    message = (
        "operator 'x': layer_norm of 6 columns and depth 6 has parameters [4], expected [6, 6] or "
        "[6] or []"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        Operator("x", LAYER_NORM, 4, 6, 6, parameters=(wrong,))
