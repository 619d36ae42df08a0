"""The graph is evaluated by its kinds alone: layers that no family has compute what they say."""

from __future__ import annotations

import numpy as np
import pytest
from layer_graphs import pre_norm_layer
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from accelsim.errors import ConfigError
from accelsim.inference.forward import evaluate_graph
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import TANH, Operator
from accelsim.model.operators.base import StateAccess

TOKENS, WIDTH, HEADS, INNER = 8, 32, 2, 48
Floats = NDArray[np.float64]


def test_a_pre_norm_layer_with_a_gated_feed_forward_computes_its_definition() -> None:
    graph = pre_norm_layer(TOKENS, WIDTH, HEADS, INNER)
    generator = np.random.default_rng(5)
    shapes = {p.name: p.shape for p in graph.parameters}
    weights = {n: generator.normal(0, 0.3, s).astype(np.float32) for n, s in shapes.items()}
    numbers = generator.integers(0, 50, (2, TOKENS))
    found = {
        operator.name: value
        for operator, value in evaluate_graph(graph, weights, {"embedding.token": [numbers]})
    }
    bias = weights["classifier.bias"]
    exact = {n.removesuffix(".weight"): weight.astype(float) for n, weight in weights.items()}
    for sentence, logits in zip(numbers, found["classifier"], strict=True):
        assert_allclose(logits[0], by_hand(exact, sentence) + bias, rtol=1e-4, atol=1e-5)
    assert {operator.name: operator.elements * 2 for operator in graph.operators} == {
        name: value.size for name, value in found.items()
    }


def by_hand(weights: dict[str, Floats], tokens: NDArray[np.int64]) -> Floats:
    """Return the logits of one sentence, in double precision and without an operator."""

    def norm(x: Floats, scale: Floats) -> Floats:
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * scale

    hidden = weights["table"][tokens]
    normal = norm(hidden, weights["attention_norm"])
    heads = []
    for head in range(HEADS):
        part = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
        query, key, value = (normal @ weights[n][part].T for n in ("query", "key", "value"))
        scores = np.exp(query @ key.T / np.sqrt(WIDTH / HEADS))
        heads.append(scores / scores.sum(-1, keepdims=True) @ value)
    middle = hidden + np.concatenate(heads, -1) @ weights["output"].T
    normal = norm(middle, weights["ffn_norm"])
    gate = normal @ weights["gate"].T
    gated = gate / (1 + np.exp(-gate)) * (normal @ weights["up"].T)
    logits: Floats = (middle + gated @ weights["down"].T)[0] @ weights["classifier"].T
    return logits


def test_an_operator_without_anything_to_read_is_named() -> None:
    graph = LayerGraph([Operator("x", TANH, 2, 3, 3)], [], sequence_length=2)
    message = (
        r"^operator 'x' \(tanh\) reads from outside the graph, but no value was given for it; "
        r"expected one of this name$"
    )
    with pytest.raises(ConfigError, match=message):
        list(evaluate_graph(graph, {}, {}))
    given = np.full((1, 2, 3), 0.5, np.float32)
    ((_, value),) = evaluate_graph(graph, {}, {"x": [given]})
    assert_allclose(value, np.tanh(given))


def test_an_operator_that_keeps_state_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = LayerGraph([Operator("x", TANH, 2, 3, 3)], [], sequence_length=2)
    cache = (StateAccess("cache", (2, 3), 6, 6),)
    monkeypatch.setattr(type(TANH), "state", lambda self, operator: cache)
    with pytest.raises(ConfigError, match=r"^operator 'x' \(tanh\) keeps state from one run to "):
        list(evaluate_graph(graph, {}, {"x": [np.zeros((1, 2, 3))]}))
