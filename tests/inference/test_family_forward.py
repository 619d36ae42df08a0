"""A small model of every family gives the library's logits, read from the library's configuration.

The stored logits are made by tests/reference/make_families.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from forward_models import RECIPE
from numpy.testing import assert_allclose

from accelsim.inference.forward import forward
from accelsim.model.importers.huggingface import read_model

REFERENCE = Path(__file__).parents[1] / "reference"
STORED = json.loads((REFERENCE / "family_forward.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("family", STORED["logits"])
def test_logits_are_those_of_the_library(family: str, tmp_path: Path) -> None:
    name, ending, sizes = STORED["configurations"][family]
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**sizes, "architectures": [f"{name}{ending}"]}))
    model = read_model(file)
    assert model.family == {"qwen2": "llama"}.get(family, family)
    graph = model.build(sequence_length=len(STORED["tokens"][0]), classes=3)
    weights = {
        p.name: np.array(RECIPE["weight"](p.name, p.shape), np.float32).reshape(p.shape)
        for p in graph.parameters
    }
    found = forward(model, None, weights, STORED["tokens"])
    assert np.abs(np.subtract(*STORED["logits"][family])).max() > 0.01
    assert_allclose(found.logits, STORED["logits"][family], rtol=0, atol=1e-5)
