from __future__ import annotations

import re

import numpy as np
import pytest
from forward_models import (
    HOULSBY,
    RECIPE,
    STORED,
    Weights,
    exactly,
    recipe_weights,
    small_model,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from accelsim.errors import ConfigError
from accelsim.inference.forward import ForwardResult, forward
from accelsim.model.adaptations import Adaptation, find_adaptation
from accelsim.model.families import ModelFamily

TOKENS = np.array(RECIPE["TOKENS"])
MASK = np.array(RECIPE["MASK"])
TYPES = np.array(RECIPE["TOKEN_TYPES"])
ALBERT = small_model()
BERT = small_model("bert")
FAMILIES = pytest.mark.parametrize("model", [ALBERT, BERT], ids=["albert", "bert"])


def run(
    model: ModelFamily,
    weights: Weights,
    adaptation: Adaptation | None = None,
    *,
    tokens: object = TOKENS,
    mask: object = MASK,
    token_types: object = TYPES,
) -> ForwardResult:
    return forward(model, adaptation, weights, tokens, mask, token_types, exits=True, capture=True)


def assert_same(found: ForwardResult, expected: ForwardResult) -> None:
    assert_array_equal(found.logits, expected.logits)
    assert_array_equal(np.stack(found.hidden), np.stack(expected.hidden))


def run_case(case: str, **changes: str) -> ForwardResult:
    family, shared, adapters = RECIPE["CASES"][case]
    model = small_model(family, shared_layers=shared, **changes)
    adaptation = HOULSBY if adapters else None
    weights = recipe_weights(model, adaptation)
    return run(model, weights, adaptation)


@pytest.mark.parametrize("case", RECIPE["CASES"])
def test_logits_and_layers_equal_those_of_hugging_face(case: str) -> None:
    stored = STORED["cases"][case]
    found = run_case(case)
    assert_allclose(found.logits, stored["logits"], rtol=0, atol=1e-5)
    first_tokens = np.stack(found.hidden)[:, :, 0]
    assert_allclose(first_tokens, stored["first_tokens"], rtol=0, atol=1e-5)


def test_the_reference_tells_the_two_gelus_apart() -> None:
    for case in RECIPE["CASES"]:
        other = "gelu_new" if case.startswith("bert") else "gelu"
        gap = np.abs(
            run_case(case, activation=other).logits - STORED["cases"][case]["logits"]
        ).max()
        assert gap > 2e-5


@FAMILIES
@settings(max_examples=15)
@given(st.lists(st.integers(0, 49), min_size=1, max_size=6))
def test_padding_changes_nothing(model: ModelFamily, padding: list[int]) -> None:
    weights = recipe_weights(model)
    filler = np.tile(padding, (len(TOKENS), 1))
    padded = run(
        model,
        weights,
        tokens=np.hstack([TOKENS, filler]),
        mask=np.hstack([MASK, 0 * filler]),
        token_types=np.hstack([TYPES, filler % 2]),
    )
    plain = run(model, weights)
    assert_allclose(padded.logits, plain.logits, rtol=0, atol=2e-6)
    real = MASK.astype(bool)
    for layer, expected in zip(padded.hidden, plain.hidden, strict=True):
        assert_allclose(layer[:, : TOKENS.shape[1]][real], expected[real], rtol=0, atol=2e-5)


@FAMILIES
def test_hidden_tokens_would_matter_if_they_were_not_masked(model: ModelFamily) -> None:
    weights = recipe_weights(model)
    seen = run(model, weights, mask=None).logits
    gaps = np.abs(seen - run(model, weights).logits).max(axis=1)
    assert gaps[0] < 1e-5
    assert gaps[1:].min() > 1e-3


@FAMILIES
@given(st.permutations(range(19)))
@settings(max_examples=10)
def test_sentences_do_not_see_each_other(model: ModelFamily, order: list[int]) -> None:
    generator = np.random.default_rng(3)
    tokens = generator.integers(0, 50, (19, 7))
    mask = np.arange(7) < generator.integers(1, 8, (19, 1))
    weights = recipe_weights(model)
    together = forward(model, None, weights, tokens, mask).logits
    shuffled = forward(model, None, weights, tokens[order], mask[order]).logits
    assert_allclose(shuffled, together[order], rtol=0, atol=2e-6)
    alone = forward(model, None, weights, tokens[order[:1]], mask[order[:1]]).logits
    assert_allclose(alone[0], together[order[0]], rtol=0, atol=2e-6)


@FAMILIES
def test_an_adapter_that_adds_nothing_is_no_adapter(model: ModelFamily) -> None:
    weights = recipe_weights(model, HOULSBY)
    for name in weights:
        if ".up." in name:
            weights[name] = np.zeros_like(weights[name])
    assert_same(run(model, weights, HOULSBY), run(model, weights))


@FAMILIES
def test_every_adapter_weight_matters(model: ModelFamily) -> None:
    weights = recipe_weights(model, HOULSBY)
    plain = run(model, weights, HOULSBY).logits
    for name in [name for name in weights if name.startswith("adapters.")]:
        changed = {**weights, name: weights[name] * 2}
        assert np.abs(run(model, changed, HOULSBY).logits - plain).max() > 1e-4


@FAMILIES
def test_full_fine_tuning_computes_the_same(model: ModelFamily) -> None:
    weights = recipe_weights(model)
    assert_same(run(model, weights, find_adaptation("full")), run(model, weights))


@FAMILIES
def test_one_token_attends_to_itself_whatever_the_queries(model: ModelFamily) -> None:
    weights = recipe_weights(model)
    other = {name: w * 3 if "query" in name or "key" in name else w for name, w in weights.items()}
    one = {"tokens": TOKENS[:, :1], "mask": None, "token_types": None}
    assert_same(run(model, other, **one), run(model, weights, **one))
    assert np.abs(run(model, other).logits - run(model, weights).logits).max() > 1e-3


@FAMILIES
@given(st.permutations(range(4)))
@settings(max_examples=10)
def test_heads_may_be_renumbered(model: ModelFamily, order: list[int]) -> None:
    weights = recipe_weights(model)
    rows = np.arange(24).reshape(4, 6)[order].reshape(-1)
    moved = dict(weights)
    for name in weights:
        if any(part in name for part in ("query", "key", "value")):
            moved[name] = weights[name][rows]
        elif name.endswith(("attention.dense.weight", "attention.output.dense.weight")):
            moved[name] = weights[name][:, rows]
    assert_allclose(run(model, moved).logits, run(model, weights).logits, rtol=0, atol=2e-6)


def test_one_head_is_the_sum_of_four_that_see_the_same() -> None:
    weights = recipe_weights(ALBERT)
    attention = "encoder.albert_layer_groups.0.albert_layers.0.attention."
    for part in ("query", "key"):
        for kind in ("weight", "bias"):
            first = weights[f"{attention}{part}.{kind}"][:6]
            weights[f"{attention}{part}.{kind}"] = np.concatenate([first] * 4)
    # Four equal products add up to 4 of them; the root of a width 4 times as large halves them.
    single = {name: w / 2 if f"{attention}key" in name else w for name, w in weights.items()}
    found = run(small_model(heads=1), single)
    assert_allclose(found.logits, run(ALBERT, weights).logits, rtol=0, atol=2e-6)


@FAMILIES
def test_only_the_product_of_query_and_key_counts(model: ModelFamily) -> None:
    weights = recipe_weights(model)
    doubled = {name: w * 2 if "query" in name else w for name, w in weights.items()}
    balanced = {name: w / 2 if "key" in name else w for name, w in doubled.items()}
    assert_same(run(model, balanced), run(model, weights))
    assert np.abs(run(model, doubled).logits - run(model, weights).logits).max() > 1e-4


@FAMILIES
def test_layer_norm_forgets_the_scale_of_the_embedding(model: ModelFamily) -> None:
    weights = recipe_weights(model)
    tables = {f"embeddings.{t}_embeddings.weight" for t in ("word", "position", "token_type")}
    scaled = {name: w * 4 if name in tables else w for name, w in weights.items()}
    assert_allclose(run(model, scaled).logits, run(model, weights).logits, rtol=0, atol=2e-6)


@FAMILIES
def test_without_positions_the_order_after_the_first_token_is_free(model: ModelFamily) -> None:
    weights = recipe_weights(model)
    table = "embeddings.position_embeddings.weight"
    order = [0, 4, 2, 8, 1, 7, 3, 6, 5]
    changed = {"tokens": TOKENS[:, order], "mask": MASK[:, order], "token_types": TYPES[:, order]}
    gap = np.abs(run(model, weights, **changed).logits - run(model, weights).logits).max()
    assert gap > 1e-3
    weights[table] = np.zeros_like(weights[table])
    found = run(model, weights, **changed).logits
    assert_allclose(found, run(model, weights).logits, rtol=0, atol=2e-6)


def test_layers_with_equal_parameters_are_shared_layers() -> None:
    shared = recipe_weights(ALBERT, HOULSBY)
    unshared = small_model(shared_layers=False)
    copies = {}
    for name in recipe_weights(unshared, HOULSBY):
        original = re.sub(r"layer_groups\.\d", "layer_groups.0", name)
        copies[name] = shared[re.sub(r"adapters\.\d", "adapters", original)]
    assert len(copies) > len(shared)
    assert_same(run(unshared, copies, HOULSBY), run(ALBERT, shared, HOULSBY))


@FAMILIES
def test_an_exit_answers_as_the_shorter_model_does(model: ModelFamily) -> None:
    adaptation = HOULSBY.model_copy(update={"shared_across_layers": model.shared_layers})
    weights = recipe_weights(model, adaptation)
    whole = run(model, weights, adaptation)
    assert len(whole.exits) == len(whole.hidden) == model.layers
    assert_array_equal(whole.exits[-1], whole.logits)
    for layers in range(1, model.layers):
        shorter = model.model_copy(update={"layers": layers})
        found = run(shorter, weights, adaptation)
        assert_array_equal(whole.exits[layers - 1], found.logits)
        assert_array_equal(whole.hidden[layers - 1], found.hidden[-1])


def test_a_model_without_pooler_classifies_the_first_token() -> None:
    model = small_model(pooler=False)
    weights = recipe_weights(model)
    assert "pooler.weight" not in weights
    result = run(model, weights)
    expected = result.hidden[-1][:, 0] @ weights["classifier.weight"].T
    assert_allclose(result.logits, expected + weights["classifier.bias"], atol=1e-6)


@FAMILIES
def test_spans_that_reach_everything_change_nothing(model: ModelFamily) -> None:
    weights, everything = recipe_weights(model), [TOKENS.shape[1]] * model.heads
    spanned = forward(model, None, weights, TOKENS, MASK, TYPES, attention_spans=everything)
    assert_array_equal(spanned.logits[0], run(model, weights).logits[0])


@FAMILIES
def test_a_head_of_no_span_gives_nothing(model: ModelFamily) -> None:
    weights, width = recipe_weights(model), model.hidden_size // model.heads
    spans = [0, *[TOKENS.shape[1]] * (model.heads - 1)]
    found = forward(model, None, weights, TOKENS, attention_spans=spans).logits
    assert not np.allclose(found, forward(model, None, weights, TOKENS).logits, atol=1e-5)
    for name in weights:
        if re.search(r"attention\.(dense|output\.dense)\.weight$", name):
            weights[name][:, :width] = 0
    assert_allclose(found, forward(model, None, weights, TOKENS).logits, rtol=0, atol=2e-6)


@pytest.mark.parametrize("reach", [1, 2, 4])
def test_a_token_sees_as_far_as_the_widest_span(reach: int) -> None:
    model = small_model(layers=1)
    weights, spans = recipe_weights(model), [reach] * model.heads
    tokens = np.ones((1, 8), int)
    plain = forward(model, None, weights, tokens, attention_spans=spans).logits
    for place in range(8):
        changed = tokens.copy()
        changed[0, place] = 7
        found = forward(model, None, weights, changed, attention_spans=spans).logits
        assert np.array_equal(found, plain) == (place > reach)


@FAMILIES
def test_defaults_and_watching_change_nothing(model: ModelFamily) -> None:
    weights = recipe_weights(model, HOULSBY)
    before = {name: w.copy() for name, w in weights.items()}
    plain = forward(model, HOULSBY, weights, TOKENS)
    assert (plain.hidden, plain.exits) == ((), ())
    full = run(model, weights, HOULSBY, mask=np.ones_like(MASK, bool), token_types=0 * TYPES)
    assert_array_equal(plain.logits, full.logits)
    assert plain.logits.dtype == np.float32
    for name, w in weights.items():
        assert_array_equal(w, before[name])


def test_weights_out_of_range_give_nan_and_no_warning() -> None:
    weights = recipe_weights(ALBERT)
    name = "encoder.albert_layer_groups.0.albert_layers.0.ffn.weight"
    weights[name] = weights[name] * np.float32(1e38)
    assert np.isnan(run(ALBERT, weights).logits).all()


def test_weights_that_do_not_fit_are_named_together() -> None:
    weights = recipe_weights(ALBERT)
    del weights["pooler.bias"]
    weights["embeddings.LayerNorm.bias"] = np.zeros((3, 2), np.float32)
    message = (
        "weight 'embeddings.LayerNorm.bias' is 3 x 2, expected 8\n"
        "the weights have no 'pooler.bias' (24)"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        run(ALBERT, weights)
    del weights["classifier.weight"]
    message = (
        "the weights have no 'classifier.weight' (classes x hidden size); add the classifier of "
        "a task"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        run(ALBERT, weights)


def test_a_token_outside_the_vocabulary_is_refused() -> None:
    tokens = TOKENS.copy()
    tokens[1, 4] = 50
    message = "sentence 1: token 50 at position 4 is outside 0 to 49 (vocabulary_size 50)"
    with pytest.raises(ConfigError, match=exactly(message)):
        run(ALBERT, recipe_weights(ALBERT), tokens=tokens)


@FAMILIES
def test_lora_is_a_change_of_the_weights(model: ModelFamily) -> None:
    targets = ["query", "ffn" if model.family == "albert" else "intermediate.dense"]
    lora = find_adaptation("lora", rank=3, targets=targets)
    weights = recipe_weights(model, lora)
    merged = {}
    for name, weight in weights.items():
        module = name.removesuffix(".weight")
        if f"{module}.lora_A.weight" in weights:
            change = weights[f"{module}.lora_B.weight"] @ weights[f"{module}.lora_A.weight"]
            merged[name] = weight + change
        elif ".lora_" not in name:
            merged[name] = weight
    assert any((merged[name] != weights[name]).any() for name in merged)
    found, expected = run(model, weights, lora), run(model, merged)
    assert_allclose(found.logits, expected.logits, rtol=0, atol=2e-6)
    assert_allclose(np.stack(found.hidden), np.stack(expected.hidden), rtol=0, atol=2e-5)
