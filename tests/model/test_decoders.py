"""Decoders as graphs and on machines: a prefill, and the logits behind its last token."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from accelsim.errors import ConfigError
from accelsim.evaluation.examine import evaluate
from accelsim.evaluation.point import Point
from accelsim.inference.forward import forward
from accelsim.mapping.cutting import attentions, cut
from accelsim.model.families import ModelFamily, find_model
from accelsim.model.operators import ATTENTION_SCORES
from accelsim.weights.synthetic import synthetic_weights

SIZES = {"vocabulary_size": 60, "hidden_size": 24, "layers": 2, "heads": 4, "intermediate_size": 40}
LLAMA = find_model("smollm-135m", **SIZES, key_heads=2, maximum_positions=32)
GPT2 = find_model("gpt2", **SIZES, maximum_positions=32)
MODELS = pytest.mark.parametrize("model", [LLAMA, GPT2], ids=["llama", "gpt2"])


@MODELS
def test_a_token_sees_none_that_follows(model: ModelFamily) -> None:
    weights = synthetic_weights(model.build(sequence_length=9, classes=1), seed=3).tensors
    tokens = np.arange(9)[None] * 5
    whole = forward(model, None, weights, tokens, capture=True)
    part = forward(model, None, weights, tokens[:, :5], capture=True)
    assert_allclose(whole.hidden[-1][:, :5], part.hidden[-1], atol=1e-6)
    assert whole.logits.shape == (1, 60)


@MODELS
def test_padding_behind_a_prompt_changes_nothing(model: ModelFamily) -> None:
    weights = synthetic_weights(model.build(sequence_length=9, classes=1), seed=3).tensors
    tokens, mask = np.array([[7, 3, 9, 0, 0], [7, 3, 9, 4, 5]]), [[1, 1, 1, 0, 0], [1] * 5]
    padded = forward(model, None, weights, tokens, mask).logits
    assert_allclose(padded[:1], forward(model, None, weights, tokens[:1, :3]).logits, atol=1e-5)


def test_heads_that_share_keys_load_no_weights_of_their_own() -> None:
    graph = LLAMA.build(sequence_length=9, classes=1)
    first, _ = attentions(graph, graph.operators)
    assert (first.scores.batch, first.scores.groups) == (4, 2)
    keys = graph.predecessors(first.scores)[1]
    assert keys.columns * 2 == graph.predecessors(first.scores)[0].columns
    stages = [stage for segment in cut(graph) for stage in segment if stage.attention]
    made = {each.label for each in stages[0].operators if each.kind is not ATTENTION_SCORES}
    assert "encoder.query" in made
    assert not made & {"encoder.key", "encoder.key_rotary", "encoder.value"}
    same = LLAMA.model_copy(update={"key_heads": 4}).build(sequence_length=9, classes=1)
    assert graph.macs == same.macs - 2 * 9 * 24 * 2 * 12


WORKLOAD = """
name: prefill
model: {name: smollm-135m, vocabulary_size: 500, hidden_size: 48, layers: 3, heads: 4, key_heads: 2,
  intermediate_size: 96}
sequence_length: 24
tasks: {chat: {}, summary: {}}
requests: {pattern: round_robin, rounds: 1, sentences_per_task: 1}
cases:
  npu:
    hardware: hwconfigs/systolic_npu.yaml
    adaptation: &lora {method: lora, rank: 2, targets: [q_proj, v_proj]}
    storage: &dense {embedding: &d {format: dense, bits: 8}, backbone: *d, task: *d}
  edgebert: {hardware: hwconfigs/adapter_mixed.yaml, adaptation: *lora, storage: *dense}
"""
STREAMED = tuple(
    f"cases.{case}.hardware.placement.{role}={{values: dram, masks: dram}}"
    for case in ("npu", "edgebert")
    for role in ("backbone", "embedding")
)


def test_a_prefill_runs_on_both_machines_from_chip_or_dram(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text(WORKLOAD)
    near, far = evaluate(Point(file)), evaluate(Point(file, STREAMED))
    assert (near.status, far.status) == ("ok", "ok"), (near.reason, far.reason)
    for case in ("npu", "edgebert"):
        read = f"{case}.dram.read"
        assert float(far[read] or 0) > float(near[read] or 0)


def test_what_a_decoder_has_not_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^smollm-135m is a decoder, which has no early exits; "):
        LLAMA.build(sequence_length=9, classes=1, exits="shared")
    with pytest.raises(ConfigError, match=r"^attention_spans: smollm-135m is a decoder, whose "):
        LLAMA.build(sequence_length=9, classes=1, attention_spans=[1, 1, 1, 0])
