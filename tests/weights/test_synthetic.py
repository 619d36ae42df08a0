from __future__ import annotations

import hashlib

import numpy as np
import pytest
from weight_inputs import small_graph

from accelsim.model.families import find_model
from accelsim.model.tensors import Role
from accelsim.weights.synthetic import synthetic_weights
from accelsim.weights.weight_set import WeightSet, check_weights

TABLE = "embeddings.word_embeddings.weight"


def digest(weights: WeightSet) -> str:
    content = b"".join(values.tobytes() for _, values in sorted(weights.tensors.items()))
    return hashlib.sha256(content).hexdigest()


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again = (synthetic_weights(small_graph(), 7) for _ in range(2))
    assert digest(first) == digest(again)
    assert digest(first) != digest(synthetic_weights(small_graph(), 8))


def test_a_tensor_depends_on_seed_and_name_alone() -> None:
    # Another model with the same embedding: other parameters do not shift its stream.
    first = synthetic_weights(small_graph(), 7).tensors
    second = synthetic_weights(small_graph(method="full"), 7).tensors
    np.testing.assert_array_equal(first[TABLE], second[TABLE])


def test_the_stream_is_as_documented() -> None:
    words = np.frombuffer(hashlib.sha256(TABLE.encode()).digest(), "<u4").tolist()
    sequence = np.random.SeedSequence(7, spawn_key=words)
    generator = np.random.Generator(np.random.PCG64(sequence))
    drawn = generator.standard_normal(60 * 8, np.float32)
    kept = np.abs(drawn) <= 2
    values = synthetic_weights(small_graph(), 7).tensors[TABLE].reshape(-1)
    np.testing.assert_array_equal(values[kept], drawn[kept] * np.float32(0.02))
    assert 0 < np.count_nonzero(~kept) < len(kept)


def test_tasks_differ_in_their_own_matrices_alone() -> None:
    graph = small_graph()
    first, second = (synthetic_weights(graph, 7, task).tensors for task in ("MNLI", "QNLI"))
    different = {name for name in first if not np.array_equal(first[name], second[name])}
    own = {p.name for p in graph.parameters if p.role is Role.TASK and len(p.shape) > 1}
    assert different == own


@pytest.fixture(scope="module")
def base() -> WeightSet:
    model = find_model("albert-base", vocabulary_size=3000)
    graph = model.build(sequence_length=8, classes=2)
    weights = synthetic_weights(graph, 1)
    check_weights(weights, graph)
    return weights


def test_matrices_have_the_published_statistics(base: WeightSet) -> None:
    # A normal distribution cut at two standard deviations keeps 0.8796 of its deviation.
    for name, values in base.tensors.items():
        if values.ndim > 1 and values.size > 50_000:
            error = 4 / np.sqrt(values.size)
            assert values.std() == pytest.approx(0.02 * 0.87963, rel=error), name
            assert abs(values.mean()) < 0.02 * error
            assert 0.0399 < np.abs(values).max() <= np.float32(0.04)
            assert np.mean(np.abs(values) < 0.02) == pytest.approx(0.68269 / 0.95450, abs=error)


def test_layer_norms_are_one_and_biases_zero(base: WeightSet) -> None:
    vectors = {name: values for name, values in base.tensors.items() if values.ndim == 1}
    ones = {name for name, values in vectors.items() if (values == 1).all()}
    zeros = {name for name, values in vectors.items() if not values.any()}
    assert ones == {n for n in vectors if n.endswith("weight")}
    assert ones | zeros == vectors.keys()
    assert len(ones) == 3


def test_tensors_are_independent(base: WeightSet) -> None:
    names = [
        f"encoder.albert_layer_groups.0.albert_layers.0.attention.{n}.weight"
        for n in ("query", "key", "value", "dense")
    ]
    flat = np.stack([base.tensors[name].reshape(-1) for name in names])
    correlations = np.corrcoef(flat)[~np.eye(4, dtype=bool)]
    assert np.abs(correlations).max() < 5 / np.sqrt(flat.shape[1])


def test_the_origin_tells_that_they_are_synthetic() -> None:
    graph = small_graph()
    assert synthetic_weights(graph, 3).origin == (
        "synthetic, seed 3, statistics of an untrained model (std 0.02)"
    )
    assert "seed 3 for task MNLI" in synthetic_weights(graph, 3, "MNLI").origin
