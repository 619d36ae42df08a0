from __future__ import annotations

import numpy as np
import pytest
from weight_inputs import small_graph

from accelsim.errors import ConfigError
from accelsim.weights.synthetic import synthetic_weights
from accelsim.weights.weight_set import WeightSet, check_weights


def changed(**tensors: np.ndarray | None) -> WeightSet:
    """Return good weights with tensors changed, or taken away where None is given."""
    weights = {**synthetic_weights(small_graph(), 1).tensors, **tensors}
    return WeightSet({n: v for n, v in weights.items() if v is not None}, "w.npz")


def test_the_weights_of_a_graph_fit() -> None:
    for name in ("albert-base", "bert-base"):
        for method in ("full", "houlsby"):
            graph = small_graph(name, method)
            check_weights(synthetic_weights(graph, 1), graph)


def test_all_problems_are_in_one_message() -> None:
    zeros = np.zeros((3, 4), np.float32)
    weights = changed(
        **{
            "classifier.bias": None,
            "pooler.weight": None,
            "classifier.weight": zeros,
            "qa_outputs.weight": zeros,
        }
    )
    with pytest.raises(ConfigError) as error:
        check_weights(weights, small_graph())
    assert str(error.value).splitlines() == [
        "w.npz: 2 tensors missing: pooler.weight (24 x 24), classifier.bias (2); give a file that "
        "has them, or a seed to draw what is a task's own",
        "w.npz: 1 tensor not in the model: qa_outputs.weight (3 x 4); remove them, or choose the "
        "model they belong to",
        "w.npz: 1 tensor of another shape: classifier.weight (3 x 4, expected 2 x 24); choose the "
        "model with the sizes of the file",
    ]


def test_a_scalar_is_misshapen() -> None:
    weights = changed(**{"classifier.bias": np.float32(1).reshape(())})
    with pytest.raises(
        ConfigError, match=r"^w\.npz: 1 tensor of another shape: classifier\.bias \("
    ):
        check_weights(weights, small_graph())


def test_very_many_names_are_cut_short() -> None:
    graph = small_graph()
    with pytest.raises(ConfigError, match=r", \S+ \([0-9 x]+\) and \d+ more; give a file"):
        check_weights(WeightSet({}, "w.npz"), graph)
    assert len(graph.parameters) > 32
