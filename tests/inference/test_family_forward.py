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
from numpy.typing import NDArray

from accelsim.inference.forward import forward
from accelsim.inference.one_input import forward_inputs, labelled_inputs
from accelsim.model.families.vision import Vision
from accelsim.model.importers.huggingface import read_model

REFERENCE = Path(__file__).parents[1] / "reference"
STORED = json.loads((REFERENCE / "family_forward.json").read_text(encoding="utf-8"))

_DERIVED = {"qwen2": "llama", "qwen3": "llama", "smollm3": "llama", "deit": "vit"}


@pytest.mark.parametrize("family", STORED["logits"])
def test_logits_are_those_of_the_library(family: str, tmp_path: Path) -> None:
    name, ending, sizes = STORED["configurations"][family]
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**sizes, "architectures": [f"{name}{ending}"]}))
    separate = {"batch_norm": "separate"} if ending == "ForImageClassification" else {}
    model = read_model(file, **separate)
    assert model.family == _DERIVED.get(family, family)
    picture = isinstance(model, Vision)
    graph = model.build(sequence_length=1 if picture else len(STORED["tokens"][0]), classes=3)
    weights = {p.name: drawn(p.name, p.shape) for p in graph.parameters}
    if picture:
        size = 3 * model.image_height * model.image_width
        pixels = np.sin(np.arange(2 * size, dtype=np.float32) * np.float32(0.7))
        sides = (2, 3, model.image_height, model.image_width)
        np.savez(tmp_path / "two.npz", pixel_values=pixels.reshape(sides), label=[0, 1])
        pictures = labelled_inputs(tmp_path / "two.npz", model, graph, 3)
        logits = forward_inputs(graph, weights, pictures).logits
    else:
        logits = forward(model, None, weights, STORED["tokens"]).logits
    assert np.abs(np.subtract(*STORED["logits"][family])).max() > 0.001
    # Of its 52 layers in float32 both lie 1e-4 from the logits in float64.
    within = 3e-4 if family == "mobilenet_v2" else 1e-5
    assert_allclose(logits, STORED["logits"][family], rtol=0, atol=within)


def drawn(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the values of a parameter; batch norms around 2, as make_families.py has them."""
    centre = 2.0 if name.endswith("normalization.weight") else 0.0
    return np.array(RECIPE["weight"](name, shape), np.float32).reshape(shape) + np.float32(centre)
