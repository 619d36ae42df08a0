"""Laws of every kind that is registered, and a toy kind from outside the package."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from model_strategies import exactly
from numpy.testing import assert_allclose, assert_array_equal
from operator_examples import SENTENCES, compute, example, random_operands, random_parameters

from accelsim.errors import ConfigError
from accelsim.inputs import plugins
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import (
    ATTENTION_CONTEXT,
    ATTENTION_SCORES,
    LAYER_NORM,
    MATMUL,
    PREPEND,
    ROTARY,
    SOFTMAX,
    Operator,
    OperatorKind,
    Reach,
    all_kinds,
    find_kind,
)

KINDS = pytest.mark.parametrize("kind", all_kinds(), ids=str)
BY_RECIPE = (Reach.ELEMENT, Reach.ROW)


@KINDS
def test_a_kind_is_one_object_that_goes_by_its_name(kind: OperatorKind) -> None:
    assert find_kind(kind.name) is type(kind)() is kind
    assert pickle.loads(pickle.dumps(kind)) is copy.deepcopy(kind) is kind
    assert str(kind) == f"{kind}" == kind.name
    assert hash(kind) == hash(kind.name)


@KINDS
def test_a_kind_stands_in_the_file_of_its_name(kind: OperatorKind) -> None:
    assert Path(inspect.getfile(type(kind))).stem == kind.name


@KINDS
def test_the_output_has_the_shape_of_the_operator(kind: OperatorKind) -> None:
    operator = example(kind)
    if kind in (SOFTMAX, ATTENTION_CONTEXT):
        return  # operands with heads: the attention below
    found = compute(operator, *random_operands(operator), parameters=random_parameters(operator))
    assert found.dtype == np.float32
    heads = (operator.batch,) if kind is ATTENTION_SCORES else ()
    columns = operator.columns if kind.name != "entropy" else 1
    assert found.shape == (SENTENCES, *heads, operator.rows, columns)


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_attention_has_the_shapes_of_its_operators(heads: int) -> None:
    scores = Operator("s", ATTENTION_SCORES, 4, 5, 3, heads)
    softmax = Operator("p", SOFTMAX, 4, 5, 5, heads)
    context = Operator("c", ATTENTION_CONTEXT, 4, 2, 5, heads)
    probabilities = compute(softmax, compute(scores, *random_operands(scores)))
    assert probabilities.shape == (SENTENCES, heads, 4, 5)
    value = random_operands(context)[1]
    found = compute(context, probabilities, value)
    assert found.shape == (SENTENCES, 4, heads * 2)
    expected = [probabilities[:, head] @ value[..., 2 * head :][..., :2] for head in range(heads)]
    assert_allclose(found, np.concatenate(expected, axis=-1), rtol=1e-6)


@KINDS
def test_work_is_counted_once(kind: OperatorKind) -> None:
    operator = example(kind)
    recipe = kind.recipe
    products = 4 * 6 * 6 if kind.reach is Reach.MATRIX else 0
    assert operator.macs == products
    assert (recipe.sweeps >= 1) == (kind.reach in BY_RECIPE)
    assert (recipe.multiplications + recipe.additions > 0) == (kind.reach in BY_RECIPE)
    assert min(recipe.multiplications, recipe.additions) >= 0


@KINDS
def test_the_reach_is_what_an_output_depends_on(kind: OperatorKind) -> None:
    if kind.reach is Reach.TABLE or kind in (ATTENTION_CONTEXT, SOFTMAX):
        return  # no activation to change; operands with heads
    operator = example(kind)
    operands, parameters = random_operands(operator), random_parameters(operator)
    before = compute(operator, *operands, parameters=parameters)
    operands[0] = operands[0].copy()
    operands[0][1, 2, 3] += 1
    changed = compute(operator, *operands, parameters=parameters) != before
    rows = changed.any(axis=-1).reshape(SENTENCES, operator.rows)
    assert rows[1, 3 if kind is PREPEND else 2]
    assert rows.sum() == 1
    alone = 2 if kind is ROTARY else 1  # a pair turns together
    # Columns of a concat are not those of its inputs, so that it takes whole rows.
    of_elements = kind.reach in (Reach.ELEMENT, Reach.STATE) or kind.name in ("entropy", "concat")
    assert (changed.sum() == alone) == of_elements


@KINDS
def test_only_products_of_two_activations_mix_rows(kind: OperatorKind) -> None:
    assert example(kind).rowwise == (kind not in (ATTENTION_SCORES, ATTENTION_CONTEXT))


@KINDS
def test_wrong_parameters_are_refused(kind: OperatorKind) -> None:
    operator = example(kind)
    wrong = (*operator.parameters, *example(LAYER_NORM, width=7).parameters)
    with pytest.raises(ConfigError, match=f"^operator 'x': {kind} of 6 columns and depth 6 has "):
        Operator("x", kind, 4, 6, 6, parameters=wrong)


@KINDS
def test_only_a_cache_keeps_state(kind: OperatorKind) -> None:
    assert bool(kind.state(example(kind))) == (kind.reach is Reach.STATE)


@pytest.mark.parametrize("fact", ["name", "reach"])
def test_a_kind_that_does_not_state_its_facts_is_refused(fact: str) -> None:
    facts = {"name": "toy", "reach": Reach.TABLE, "compute": MATMUL.compute}
    del facts[fact]
    with pytest.raises(TypeError, match=f"^Toy: give the operator kind its {fact}$"):
        type("Toy", (OperatorKind,), facts)


def test_a_kind_that_works_row_by_row_needs_a_recipe() -> None:
    with pytest.raises(TypeError, match=r"^Toy: a kind of reach row needs a recipe$"):
        type("Toy", (OperatorKind,), {"name": "toy", "reach": Reach.ROW})


def test_an_unknown_kind_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=exactly("there is no operator kind 'silo'; did you mean "
                                                  "'silu'?")):  # fmt: skip
        find_kind("silo")


def test_an_unknown_form_is_refused() -> None:
    message = "operator 'x': gelu has the forms '', 'tanh', got 'exact'"
    with pytest.raises(ConfigError, match=exactly(message)):
        example(find_kind("gelu"), form="exact")


def test_kinds_are_imported_without_numpy() -> None:
    code = (
        "import sys; from accelsim.model.operators import all_kinds; all_kinds();"
        "print({'numpy', 'networkx', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout == "set()\n"


TOY = """
from accelsim.model.operators.base import OperatorKind, Reach, Recipe, StateAccess

class RunningSum(OperatorKind):
    name = "running_sum"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 0, 1)

    def state(self, operator):
        return (StateAccess("sum", operator.shape, operator.elements, operator.elements),)

    def compute(self, operator, inputs, parameters, state):
        state["sum"] += inputs[0]
        return state["sum"]
"""


def test_a_file_from_outside_is_a_new_kind(tmp_path: Path) -> None:
    (tmp_path / "toy.py").write_text(TOY)
    plugins.load_plugins([tmp_path])
    kind = find_kind("running_sum")
    assert kind in all_kinds()
    operator = Operator("x", kind, 2, 3, 3)
    assert [access.read for access in kind.state(operator)] == [6]
    state = {"sum": np.ones((1, 2, 3), np.float32)}
    for expected in (3, 5):
        found = compute(operator, np.full((1, 2, 3), 2, np.float32), state=state)
        assert_array_equal(found, expected)
    graph = LayerGraph([operator, Operator("y", kind, 2, 3, 3)], [("x", "y")], sequence_length=2)
    assert pickle.loads(pickle.dumps(graph)) == graph
