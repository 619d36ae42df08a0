from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from weight_inputs import small_graph

import accelsim
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


def stream(name: str) -> np.random.Generator:
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), "<u4").tolist()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(7, spawn_key=words)))


def test_the_stream_is_as_documented() -> None:
    weights = synthetic_weights(small_graph(), 7).tensors
    name = "pooler.weight"
    drawn = stream(name).standard_normal(24 * 24, np.float32)
    kept = np.abs(drawn) <= 2
    np.testing.assert_array_equal(weights[name].reshape(-1)[kept], drawn[kept] * np.float32(0.02))
    assert 0 < np.count_nonzero(~kept) < len(kept)
    # Trained ones are as far out as an exponential variable is rare.
    rarity = stream(TABLE).standard_exponential(60 * 8, np.float32)
    values = np.abs(weights[TABLE].reshape(-1) - float(ROWS["kokoro", TABLE]["mean"]) * 0.05562)
    assert (np.argsort(rarity) == np.argsort(values)).mean() > 0.99


def test_tasks_differ_in_what_is_their_own_alone() -> None:
    graph = small_graph()
    first, second = (synthetic_weights(graph, 7, task).tensors for task in ("MNLI", "QNLI"))
    different = {name for name in first if not np.array_equal(first[name], second[name])}
    own = {p.name for p in graph.parameters if p.role is Role.TASK}
    # Biases of adapters and heads are zero in all tasks.
    assert own - different == {n for n in own if not n.startswith(("em", "en")) and "bias" in n}
    assert different < own


@pytest.fixture(scope="module")
def base() -> WeightSet:
    model = find_model("albert-base", vocabulary_size=3000)
    graph = model.build(sequence_length=8, classes=2)
    weights = synthetic_weights(graph, 1)
    check_weights(weights, graph)
    return weights


TABLE_FILE = Path(accelsim.__file__).parent / "weights" / "trained_encoders.csv"
LINES = [line for line in TABLE_FILE.read_text().splitlines() if not line.startswith("#")]
ROWS = {(row["encoder"], row["kind"]): row for row in csv.DictReader(LINES)}


def test_matrices_have_the_statistics_of_trained_ones(base: WeightSet) -> None:
    tried = 0
    for name, values in base.tensors.items():
        row = ROWS.get(("kokoro", re.sub(r"\.\d+(?=\.)", "", name)))
        if row is None or values.size < 50_000:
            continue
        tried += 1
        deviation = float(row["std"])
        far = np.abs(values - float(row["mean"]) * deviation) / deviation
        for column, share in (("q50", 0.5), ("q90", 0.1), ("q99", 0.01), ("q999", 1e-3)):
            error = 5 * np.sqrt(share * (1 - share) / values.size)
            assert np.mean(far > float(row[column])) == pytest.approx(share, abs=error), name
        # The interpolation between quantiles keeps the deviation within 5 %.
        assert values.std() == pytest.approx(deviation, rel=0.05), name
        # Formats have their range from the greatest value.
        greatest = float(row["greatest"])
        assert far.max() <= greatest * 1.001
        if values.size >= int(row["elements"]):
            assert far.max() > 0.6 * greatest, name
    assert tried == 9


def test_what_is_not_known_trained_is_as_before_training(base: WeightSet) -> None:
    pooler = base.tensors["pooler.weight"]
    # A normal distribution cut at two standard deviations keeps 0.8796 of its deviation.
    assert pooler.std() == pytest.approx(0.02 * 0.87963, rel=4 / np.sqrt(pooler.size))
    assert not base.tensors["pooler.bias"].any()
    adapted = synthetic_weights(small_graph(), 1).tensors
    assert np.abs(adapted["adapters.ffn.up.weight"]).max() <= np.float32(0.02)
    assert not adapted["adapters.ffn.up.bias"].any()


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
        "synthetic, seed 3, statistics of a trained encoder (kokoro)"
    )
    assert "seed 3 for task MNLI" in synthetic_weights(graph, 3, "MNLI").origin
