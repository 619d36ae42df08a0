"""Small models with seeded weights for the tests of the forward pass."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.model.adaptation import adapt
from accelsim.model.encoder import build_encoder
from accelsim.model.graph import LayerGraph
from accelsim.model.hyperparameters import AdaptationConfig, ModelConfig

_REFERENCE = Path(__file__).parents[1] / "reference"
RECIPE = runpy.run_path(str(_REFERENCE / "albert_forward.py"))
STORED = json.loads((_REFERENCE / "albert_forward.json").read_text(encoding="utf-8"))
HOULSBY = AdaptationConfig(method="houlsby", bottleneck=RECIPE["BOTTLENECK"])

Weights = dict[str, NDArray[np.float32]]


def exactly(message: str) -> str:
    """Return the regular expression that a whole error message matches."""
    return f"^{re.escape(message)}$"


def small_model(family: str = "albert", **changes: Any) -> ModelConfig:
    """Return the model of the recipe in our own terms, with changes."""
    sizes = RECIPE["SIZES"]
    return ModelConfig.model_validate(
        {
            "name": f"{family}-base",
            "vocabulary_size": sizes["vocab_size"],
            "hidden_size": sizes["hidden_size"],
            "layers": sizes["num_hidden_layers"],
            "heads": sizes["num_attention_heads"],
            "intermediate_size": sizes["intermediate_size"],
            "maximum_positions": sizes["max_position_embeddings"],
            "embedding_size": RECIPE["EMBEDDING"] if family == "albert" else sizes["hidden_size"],
            **changes,
        }
    )


def build(model: ModelConfig, adaptation: AdaptationConfig | None) -> LayerGraph:
    graph = build_encoder(model, sequence_length=1, classes=RECIPE["CLASSES"])
    return graph if adaptation is None else adapt(graph, adaptation)


def recipe_weights(model: ModelConfig, adaptation: AdaptationConfig | None = None) -> Weights:
    """Return the weights of the recipe, by our names and shapes."""
    return {
        p.name: np.array(RECIPE["weight"](p.name, p.shape), np.float32).reshape(p.shape)
        for p in build(model, adaptation).parameters
    }
