"""Comparison with Hugging Face transformers itself; skipped where it is not installed."""

from __future__ import annotations

import json
import math
import runpy
from pathlib import Path
from typing import Any

import pytest
from model_strategies import SIZES

from accelsim.model.families import ModelFamily, find_model
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import GATHER, Operator

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

# The library's own warnings are not ours to fail on.
pytestmark = pytest.mark.filterwarnings("ignore")

REFERENCE = Path(__file__).parents[1] / "reference"
TOKENS = 12
SMALL: dict[str, Any] = {
    "vocabulary_size": 50,
    "hidden_size": 24,
    "layers": 3,
    "heads": 4,
    "intermediate_size": 40,
    "maximum_positions": 16,
}


@pytest.mark.parametrize("size", SIZES)
def test_the_stored_reference_is_what_the_library_gives(size: str) -> None:
    describe = runpy.run_path(str(REFERENCE / "huggingface_parameters.py"))["describe"]
    stored = json.loads((REFERENCE / "huggingface_parameters.json").read_text(encoding="utf-8"))
    assert describe(size) == stored["models"][size]


def small_model(name: str, *, shared_layers: bool) -> tuple[ModelFamily, Any]:
    """Return a small model as ours and as transformers' with random weights."""
    width = {"embedding_size": 8} if name.startswith("albert") else {}
    changes = {**SMALL, **width, "shared_layers": shared_layers}
    model = find_model(name, **changes)
    sizes = {
        "vocab_size": model.vocabulary_size,
        "hidden_size": model.hidden_size,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "intermediate_size": model.intermediate_size,
        "max_position_embeddings": model.maximum_positions,
        "hidden_act": "gelu",
        "attn_implementation": "eager",
    }
    torch.manual_seed(1)
    if model.family == "bert":
        return model, transformers.BertModel(transformers.BertConfig(**sizes)).eval()
    groups = 1 if model.shared_layers else model.layers
    config = transformers.AlbertConfig(embedding_size=8, num_hidden_groups=groups, **sizes)
    return model, transformers.AlbertModel(config).eval()


def evaluate(graph: LayerGraph, weights: dict[str, Any], tokens: Any) -> dict[str, Any]:
    """Return the value of every operator, from its kind, operands and parameters alone."""
    numbers = {
        "embedding.token": tokens,
        "embedding.position": torch.arange(len(tokens)),
        "embedding.type": torch.zeros_like(tokens),
    }
    values: dict[str, Any] = {}
    for operator in graph.operators:
        operands = [values[activation.name] for activation in graph.inputs(operator)]
        operands += [numbers[operator.name]] if operator.kind is GATHER else []
        parameters = [weights[parameter.name] for parameter in operator.parameters]
        values[operator.name] = apply(operator, operands, parameters)
    return values


def apply(operator: Operator, operands: list[Any], parameters: list[Any]) -> Any:
    functional = torch.nn.functional
    match operator.kind.name:
        case "gather":
            return parameters[0][operands[0]]
        case "matmul":
            return functional.linear(operands[0][: operator.rows], *parameters)
        case "attention_scores":
            query, key = (split(operand, operator.batch) for operand in operands)
            # The graph counts the scaling to the softmax; here the head width is at hand.
            return query @ key.transpose(1, 2) / math.sqrt(operator.depth)
        case "softmax":
            return operands[0].softmax(-1)
        case "attention_context":
            heads = operands[0] @ split(operands[1], operator.batch)
            return heads.transpose(0, 1).reshape(operator.rows, -1)
        case "add":
            return sum(operands)
        case "layer_norm":
            return functional.layer_norm(operands[0], (operator.columns,), *parameters, eps=1e-12)
        case "gelu":
            return functional.gelu(operands[0])
        case "tanh":
            return operands[0].tanh()
        case _:
            raise AssertionError(operator)


def split(value: Any, heads: int) -> Any:
    return value.reshape(value.shape[0], heads, -1).transpose(0, 1)


@pytest.mark.parametrize("shared_layers", [True, False])
def test_the_graph_of_albert_computes_what_the_library_computes(shared_layers: bool) -> None:
    check_values(*small_model("albert-base", shared_layers=shared_layers))


def test_the_graph_of_bert_computes_what_the_library_computes() -> None:
    check_values(*small_model("bert-base", shared_layers=False))


def check_values(model: ModelFamily, library: Any) -> None:
    graph = model.build(sequence_length=TOKENS, classes=2)
    weights = dict(library.named_parameters())
    # Equal layer norms and zero biases would hide an exchange of two parameters.
    with torch.no_grad():
        for tensor in weights.values():
            tensor.normal_(std=0.5)
        tokens = torch.arange(TOKENS) * 7 % model.vocabulary_size
        expected = library(tokens[None])
        weights["classifier.weight"] = torch.zeros(2, model.hidden_size)
        weights["classifier.bias"] = torch.zeros(2)
        values = evaluate(graph, weights, tokens)
    last = values[f"encoder.{model.layers - 1}.ffn_layer_norm"]
    torch.testing.assert_close(last, expected.last_hidden_state[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(values["pooler.tanh"], expected.pooler_output, atol=1e-4, rtol=1e-4)
    shapes = {operator.name: operator.elements for operator in graph.operators}
    assert {name: value.numel() for name, value in values.items()} == shapes


@pytest.mark.parametrize("name", ["albert-base", "bert-base"])
def test_macs_equal_those_that_torch_counts(name: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    model, library = small_model(name, shared_layers=name == "albert-base")
    graph = model.build(sequence_length=TOKENS, classes=2)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        library(torch.zeros(1, TOKENS, dtype=torch.long))
    assert counter.get_total_flops() == 2 * (graph.macs - graph["classifier"].macs)
