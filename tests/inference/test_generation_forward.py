"""A token computed behind a cache is the token computed with all that came before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from accelsim.inference.forward import forward
from accelsim.model.families import find_model
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import KV_CACHE, ROTARY

SIZES = {
    "vocabulary_size": 40,
    "hidden_size": 16,
    "layers": 2,
    "heads": 4,
    "maximum_positions": 16,
    "tied_embeddings": True,
}
GPT2 = find_model("custom", family="gpt2", **SIZES)
LLAMA = find_model("custom", family="llama", key_heads=2, intermediate_size=24, **SIZES)
WINDOW = find_model(
    "custom", family="llama", key_heads=2, intermediate_size=24, sliding_window=16, **SIZES
)


def logits(
    graph: LayerGraph, weights: dict[str, Any], outside: dict[str, Any], state: dict[str, Any]
) -> Any:
    """Evaluate a graph; what its caches give is what they keep."""
    values: dict[str, Any] = {}
    for each in graph.operators:
        inputs = [values[below.name] for below in graph.predecessors(each)]
        inputs += outside.get(each.name, [])
        mine = [weights[parameter.name] for parameter in each.parameters]
        values[each.name] = each.kind.compute(each, inputs, mine, state)
        if each.kind is KV_CACHE:
            state[each.name] = values[each.name]
    return values[graph.operators[-1].name][:, 0]


def given(model: Any, tokens: Any, first: int, kept: int) -> tuple[LayerGraph, dict[str, Any]]:
    """Return the graph of tokens behind others, and what it takes from outside."""
    count = tokens.shape[1]
    graph = model.build(sequence_length=count, classes=1, kept=kept)
    whole = model.build(sequence_length=first + count, classes=1)
    outside = model.outside(whole, np.array([count - 1]))
    turned = {each.name for each in whole.operators if each.kind is ROTARY}
    outside |= {name: [table[first:] for table in outside[name]] for name in turned}
    if kept:
        outside = {name: found for name, found in outside.items() if "softmax" not in name}
    outside["embedding.token"] = [tokens]
    outside["embedding.position"] = [np.arange(first, first + count)[None]]
    return graph, outside


@pytest.mark.parametrize("model", [GPT2, LLAMA, WINDOW], ids=["gpt2", "llama", "window"])
def test_a_step_gives_what_the_whole_sentence_gives(model: Any) -> None:
    source = np.random.default_rng(7)
    tokens = source.integers(0, 40, (1, 7))
    graph = model.build(sequence_length=7, classes=1)
    weights = {
        each.name: source.standard_normal(each.shape).astype(np.float32) / 4
        for each in graph.parameters
    }
    state: dict[str, Any] = {}
    prompt, outside = given(model, tokens[:, :4], 0, 0)
    found = [logits(prompt, weights, outside, state)]
    for place in range(4, 7):
        step, outside = given(model, tokens[:, place : place + 1], place, place)
        found.append(logits(step, weights, outside, state))
    for count, each in enumerate(found, start=4):
        expected = forward(model, None, weights, tokens[:, :count]).logits
        assert_allclose(each, expected, rtol=1e-4, atol=1e-5)


def test_a_window_hides_what_is_too_far_behind() -> None:
    narrow = find_model(
        "custom", family="llama", key_heads=2, intermediate_size=24, sliding_window=1, **SIZES
    )
    source = np.random.default_rng(8)
    graph = narrow.build(sequence_length=3, classes=1)
    weights = {
        each.name: source.standard_normal(each.shape).astype(np.float32) / 4
        for each in graph.parameters
    }
    found = [
        forward(narrow, None, weights, np.array([[first, 5, 7]])).logits for first in (1, 2, 3)
    ]
    assert_allclose(found[0], found[1])
    assert_allclose(found[0], found[2])
