"""Checkpoints of every kind of family fit its graph, as the libraries write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from safetensors.numpy import save_file

from accelsim.errors import ConfigError
from accelsim.model.families import find_model
from accelsim.weights.synthetic import synthetic_weights
from accelsim.weights.tasks import load_task_weights
from accelsim.weights.weight_set import Values

SIZES = {"vocabulary_size": 30, "hidden_size": 12, "layers": 2, "heads": 2, "intermediate_size": 20}


def as_gpt2(tensors: dict[str, Values]) -> dict[str, Values]:
    """Return the tensors as transformers has them: transposed, three in one, with masks."""
    found = {}
    for name, values in tensors.items():
        module, _, part = name.rpartition(".")
        if name.startswith("h.") and ".c_" in name:
            if module.endswith((".key", ".value")):
                continue
            if module.endswith(".query"):
                module = module.removesuffix(".query")
                names = [f"{module}.{each}.{part}" for each in ("query", "key", "value")]
                values = np.concatenate([tensors[each] for each in names])
            values = np.ascontiguousarray(values.T)
        found[f"transformer.{module}.{part}"] = values
    masks = {f"transformer.h.{n}.attn.bias": np.ones((1, 1, 4, 4), np.float32) for n in range(2)}
    return found | masks


@pytest.mark.parametrize("name", ["gpt2", "smollm-135m", "tinyllama-1.1b", "vit-tiny"])
def test_a_checkpoint_fits_the_graph(name: str, tmp_path: Path) -> None:
    sizes = {key: value for key, value in SIZES.items() if key != "vocabulary_size"}
    if name == "vit-tiny":
        model = find_model(name, **sizes, image_height=32, image_width=32)
    else:
        keys = {} if name == "gpt2" else {"key_heads": 1}
        model = find_model(name, **SIZES, **keys, maximum_positions=8)
    graph = model.build(sequence_length=1, classes=3)
    tensors = dict(synthetic_weights(graph, seed=4).tensors)
    written = as_gpt2(tensors) if name == "gpt2" else dict(tensors)
    if name == "vit-tiny":
        kernel = "embeddings.patch_embeddings.projection.weight"
        written[kernel] = written[kernel].reshape(12, 3, 16, 16)
        written["embeddings.cls_token"] = written["embeddings.cls_token"].reshape(1, 1, 12)
    save_file(written, tmp_path / "model.safetensors")
    loaded = load_task_weights(["model.safetensors"], {}, {"t": graph}, tmp_path)["t"].tensors
    assert loaded.keys() == tensors.keys()
    for key, values in tensors.items():
        assert_array_equal(loaded[key], values)


def test_a_checkpoint_that_lacks_a_layer_is_told(tmp_path: Path) -> None:
    graph = find_model("gpt2", **SIZES, maximum_positions=8).build(sequence_length=1, classes=1)
    tensors = as_gpt2(dict(synthetic_weights(graph, seed=4).tensors))
    del tensors["transformer.h.1.attn.c_attn.weight"]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match=r"3 tensors missing: h\.1\.attn\.c_attn\.query\.weight"):
        load_task_weights(["model.safetensors"], {}, {"t": graph}, tmp_path, seed=1)
