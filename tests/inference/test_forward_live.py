"""Comparison with Hugging Face transformers itself; skipped where it is not installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from forward_models import RECIPE, STORED
from numpy.testing import assert_allclose

from accelsim.inference.forward import forward
from accelsim.model.error_function import erf
from accelsim.model.families import ModelFamily, find_model
from accelsim.model.operators.gelu import gelu_erf, gelu_tanh

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

# The library's own warnings are not ours to fail on.
pytestmark = pytest.mark.filterwarnings("ignore")

CLASSES = 3
# The real sizes of a layer and of a sentence; BERT with fewer layers and tokens to stay small.
ALBERT_BASE = find_model("albert-base")
ALBERT_ONE_HEAD = find_model("albert-base", heads=1, layers=3, embedding_size=64)
ALBERT_UNSHARED = find_model("albert-base", layers=3, shared_layers=False)
BERT_SHORT = find_model("bert-base", layers=4, vocabulary_size=500)


@pytest.mark.parametrize("case", RECIPE["CASES"])
def test_the_stored_reference_is_what_the_library_gives(case: str) -> None:
    found, stored = RECIPE["describe"](case), STORED["cases"][case]
    assert_allclose(found["logits"], stored["logits"], rtol=0, atol=2e-6)
    assert_allclose(found["first_tokens"], stored["first_tokens"], rtol=0, atol=2e-6)


def library_model(model: ModelFamily, attention: str) -> Any:
    """Return a model of the library with its own initialisation, widened where it is constant."""
    common: dict[str, Any] = {
        "vocab_size": model.vocabulary_size,
        "hidden_size": model.hidden_size,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "intermediate_size": model.intermediate_size,
        "max_position_embeddings": model.maximum_positions,
        "num_labels": CLASSES,
        "attn_implementation": attention,
    }
    torch.manual_seed(7)
    if model.family == "bert":
        config = transformers.BertConfig(**common)
        library = transformers.BertForSequenceClassification(config)
    else:
        config = transformers.AlbertConfig(
            **common,
            embedding_size=model.embedding_size,
            num_hidden_groups=1 if model.shared_layers else model.layers,
        )
        library = transformers.AlbertForSequenceClassification(config)
    with torch.no_grad():
        for tensor in library.parameters():
            if tensor.ndim == 1:
                tensor.add_(torch.randn_like(tensor), alpha=0.1)
    return library.eval()


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize(
    "model",
    [ALBERT_BASE, ALBERT_ONE_HEAD, ALBERT_UNSHARED, BERT_SHORT],
    ids=["albert-base", "one head", "unshared", "bert"],
)
def test_logits_and_layers_equal_the_library(model: ModelFamily, attention: str) -> None:
    library = library_model(model, attention)
    generator = np.random.default_rng(5)
    tokens = generator.integers(0, model.vocabulary_size, (2, 128))
    mask = np.arange(128) < np.array([[128], [77]])
    types = ((np.arange(128) >= 60) & mask).astype(int)
    with torch.no_grad():
        expected = library(
            input_ids=torch.tensor(tokens),
            attention_mask=torch.tensor(mask.astype(int)),
            token_type_ids=torch.tensor(types),
            output_hidden_states=True,
        )
    weights = {
        name.removeprefix(f"{model.family}."): tensor.detach().numpy()
        for name, tensor in library.named_parameters()
    }
    found = forward(model, None, weights, tokens, mask, types, capture=True)
    assert np.abs(expected.logits.numpy()).max() > 0.05
    assert_allclose(found.logits, expected.logits.numpy(), rtol=0, atol=1e-5)
    assert len(found.hidden) == len(expected.hidden_states) - 1
    for layer, wanted in zip(found.hidden, expected.hidden_states[1:], strict=True):
        assert_allclose(layer[mask], wanted.numpy()[mask], rtol=0, atol=1e-4)


def test_activations_equal_the_library() -> None:
    value = np.linspace(-9, 9, 100_001, dtype=np.float32)
    tensor = torch.tensor(value)
    activations = transformers.activations.ACT2FN
    # A GELU is x times what single precision holds to some of its steps. From the exact one, worked
    # out in double precision, ours is 1.2 steps away, torch's 2.7 (2.14): at most 3.9 between them.
    step = np.finfo(np.float32).eps
    for ours, name in ((gelu_tanh, "gelu_new"), (gelu_erf, "gelu")):
        gap = np.abs(ours(value) - activations[name](tensor).numpy())
        assert (gap / np.maximum(np.abs(value), 1)).max() <= 4 * step, name
    assert_allclose(erf(value), torch.erf(tensor).numpy(), rtol=0, atol=3e-7)
