"""A small adapted encoder, its graph and weights, and the gold models of the number formats."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from accelsim.model.adaptations import find_adaptation
from accelsim.model.families import find_model
from accelsim.model.graph import LayerGraph

SIZES: dict[str, Any] = {
    "vocabulary_size": 60,
    "hidden_size": 24,
    "layers": 2,
    "heads": 4,
    "intermediate_size": 40,
    "maximum_positions": 16,
}

# Trained weights lie well inside; Hypothesis is welcome to try the edges.
values_of_weights = st.floats(-(2.0**50), 2.0**50, width=32)
shapes = st.lists(st.integers(1, 12), min_size=1, max_size=3).map(tuple)
weights = shapes.flatmap(lambda shape: arrays(np.float32, shape, elements=values_of_weights))


def small_graph(name: str = "albert-base", method: str = "houlsby") -> LayerGraph:
    width = {"embedding_size": 8} if name.startswith("albert") else {}
    model = find_model(name, **{**SIZES, **width})
    sizes = {"bottleneck": 4} if method == "houlsby" else {}
    adaptation = find_adaptation(method, **sizes)
    return adaptation.adapt(model.build(sequence_length=8, classes=2))
