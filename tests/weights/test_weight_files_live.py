"""Checkpoints that Hugging Face transformers writes; skipped where it is not installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from weight_inputs import SIZES, small_graph

from accelsim.weights.files import load_weights
from accelsim.weights.weight_set import check_weights

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

# The library's own warnings are not ours to fail on.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("family", ["Albert", "Bert"])
@pytest.mark.parametrize("kind", ["float32", "bfloat16", "float16"])
def test_a_saved_classifier_is_loaded(tmp_path: Path, family: str, kind: str) -> None:
    sizes = {
        "vocab_size": SIZES["vocabulary_size"],
        "hidden_size": SIZES["hidden_size"],
        "num_hidden_layers": SIZES["layers"],
        "num_attention_heads": SIZES["heads"],
        "intermediate_size": SIZES["intermediate_size"],
        "max_position_embeddings": SIZES["maximum_positions"],
        **({"embedding_size": 8} if family == "Albert" else {}),
    }
    torch.manual_seed(1)
    configuration = getattr(transformers, f"{family}Config")(**sizes)
    library = getattr(transformers, f"{family}ForSequenceClassification")(configuration)
    library.to(getattr(torch, kind)).save_pretrained(tmp_path)
    weights = load_weights(tmp_path)
    check_weights(weights, small_graph(f"{family.lower()}-base", "full"))
    for name, tensor in library.named_parameters():
        own = name.removeprefix(f"{family.lower()}.")
        np.testing.assert_array_equal(weights.tensors[own], tensor.detach().float().numpy())
