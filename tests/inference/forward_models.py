"""Small models with seeded weights for the tests of the forward pass."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.model.adaptations import Adaptation, find_adaptation
from accelsim.model.families import ModelFamily, find_model
from accelsim.model.graph import LayerGraph

_REFERENCE = Path(__file__).parents[1] / "reference"
RECIPE = runpy.run_path(str(_REFERENCE / "albert_forward.py"))
STORED = json.loads((_REFERENCE / "albert_forward.json").read_text(encoding="utf-8"))
HOULSBY = find_adaptation("houlsby", bottleneck=RECIPE["BOTTLENECK"])

Weights = dict[str, NDArray[np.float32]]


def exactly(message: str) -> str:
    """Return the regular expression that a whole error message matches."""
    return f"^{re.escape(message)}$"


def small_model(family: str = "albert", **changes: Any) -> ModelFamily:
    """Return the model of the recipe in our own terms, with changes."""
    sizes = RECIPE["SIZES"]
    hyperparameters = {
        "vocabulary_size": sizes["vocab_size"],
        "hidden_size": sizes["hidden_size"],
        "layers": sizes["num_hidden_layers"],
        "heads": sizes["num_attention_heads"],
        "intermediate_size": sizes["intermediate_size"],
        "maximum_positions": sizes["max_position_embeddings"],
        "embedding_size": RECIPE["EMBEDDING"] if family == "albert" else sizes["hidden_size"],
    }
    return find_model(f"{family}-base", **{**hyperparameters, **changes})


def build(model: ModelFamily, adaptation: Adaptation | None) -> LayerGraph:
    graph = model.build(sequence_length=1, classes=RECIPE["CLASSES"])
    return graph if adaptation is None else adaptation.adapt(graph)


def recipe_weights(model: ModelFamily, adaptation: Adaptation | None = None) -> Weights:
    """Return the weights of the recipe, by our names and shapes."""
    return {
        p.name: np.array(RECIPE["weight"](p.name, p.shape), np.float32).reshape(p.shape)
        for p in build(model, adaptation).parameters
    }
