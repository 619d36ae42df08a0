"""Llama-7B's parameters, cache and products as llm-analysis counts them.

tests/reference/llama_7b_counts.json is its output (cli99/llm-analysis d841e40, Apache-2.0) for
16-bit weights and a prompt of 512 tokens. It takes the feed-forward network for 8/3 as wide as the
model, which is no whole number (the published model rounds it up to 11008); all counts are affine
in the width, so two widths give theirs exactly. It counts one table for look-up and head, no norms,
logits of every token of a prompt, and a generated token without those before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from accelsim.model.families import find_model
from accelsim.model.graph import LayerGraph
from accelsim.placement.placement import Cache

COUNTS = json.loads(
    (Path(__file__).parents[1] / "reference" / "llama_7b_counts.json").read_text(encoding="utf-8")
)
HIDDEN, LAYERS, VOCABULARY, PROMPT = 4096, 32, 32_000, COUNTS["seq_len"]
NORMS = (2 * LAYERS + 1) * HIDDEN


def graph(width: int, tokens: int, kept: int = 0) -> LayerGraph:
    model = find_model(
        "custom",
        family="llama",
        vocabulary_size=VOCABULARY,
        hidden_size=HIDDEN,
        layers=LAYERS,
        heads=32,
        key_heads=32,
        intermediate_size=width,
        maximum_positions=2048,
        tied_embeddings=True,
    )
    built: LayerGraph = model.build(sequence_length=tokens, classes=1, kept=kept)
    return built


def at_its_width(count: Callable[[int], int]) -> float:
    """Return an affine count at a width of 8/3 x 4096 = 10922 2/3."""
    return (count(10_922) + 2 * count(10_923)) / 3


def test_bytes_of_weights() -> None:
    found = at_its_width(lambda width: 2 * (graph(width, 1).parameter_count() - NORMS))
    assert found == COUNTS["weight_memory_per_gpu"]
    table = 2 * VOCABULARY * HIDDEN
    assert table == COUNTS["embedding_memory_per_gpu"]


def test_bytes_of_the_cache() -> None:
    step = graph(11_008, 1, kept=PROMPT)
    width = sum(access.written for each in step.operators for access in each.kind.state(each))
    rows = PROMPT + COUNTS["num_tokens_to_generate"]
    found = Cache("dram", bits=16, rows=rows, width=width).bytes
    assert found == COUNTS["kv_cache_memory_per_gpu"]


def test_operations_of_a_prompt() -> None:
    other_logits = (PROMPT - 1) * VOCABULARY * HIDDEN
    found = at_its_width(lambda width: 2 * (graph(width, PROMPT).macs + other_logits))
    assert found == COUNTS["prefill_num_flops_fwd_total"]


def test_operations_of_a_token() -> None:
    found = at_its_width(lambda width: 2 * graph(width, 1).macs)
    assert found == COUNTS["decode_num_flops_fwd_total"]
    # What it leaves out: each token before takes two products more with every layer's width.
    behind = graph(11_008, 1, kept=PROMPT).macs - graph(11_008, 1).macs
    assert behind == 2 * PROMPT * HIDDEN * LAYERS
