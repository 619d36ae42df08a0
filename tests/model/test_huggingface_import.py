"""Models from a config.json: what it says, and one message where it says nothing of use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from model_strategies import exactly
from safetensors.numpy import save_file
from small_workload import SMALL

from accelsim.errors import ConfigError
from accelsim.evaluation.examine import evaluate
from accelsim.evaluation.point import Point
from accelsim.model.families import ModelFamily, find_model
from accelsim.model.importers.huggingface import read_model
from accelsim.weights.synthetic import synthetic_weights
from accelsim.workload.schema import load_workload

# As files of their time have them: MiniLM (derived from BERT) and RoBERTa without model_type.
_OLD = {"hidden_act": "gelu", "max_position_embeddings": 512, "num_attention_heads": 12}
MINILM = _OLD | {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6}
MINILM |= {"type_vocab_size": 2, "vocab_size": 30522, "layer_norm_eps": 1e-12}
ROBERTA = _OLD | {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12}
ROBERTA |= {"type_vocab_size": 1, "vocab_size": 50265, "layer_norm_eps": 1e-5}
ROBERTA |= {"max_position_embeddings": 514, "finetuning_task": None}
ALBERT = MINILM | {"model_type": "albert", "embedding_size": 128, "num_hidden_groups": 1}


def written(folder: Path, config: object) -> Path:
    file = folder / "config.json"
    file.write_text(config if isinstance(config, str) else json.dumps(config))
    return file


def test_old_files_without_model_type_are_told_by_their_values(tmp_path: Path) -> None:
    assert read_model(written(tmp_path, MINILM)) == find_model(
        "bert-base", hidden_size=384, intermediate_size=1536, layers=6
    ).model_copy(update={"name": f"{tmp_path.name}/config.json"})
    roberta = find_model("roberta-base").model_copy(update={"name": f"{tmp_path.name}/config.json"})
    assert read_model(written(tmp_path, ROBERTA)) == roberta


def test_what_stands_beside_the_file_takes_the_place_of_its_values(tmp_path: Path) -> None:
    model = read_model(written(tmp_path, ALBERT).parent, layers=3)
    assert (model.family, model.layers, model.hidden_size) == ("albert", 3, 384)
    assert model.model_dump()["activation"] == "gelu"


@pytest.mark.parametrize(
    ("keys", "window"),
    [({"sliding_window": None}, None), ({"sliding_window": 4096}, 4096)],
)
def test_a_sliding_window_is_read(tmp_path: Path, keys: dict[str, Any], window: int | None) -> None:
    sizes = {"vocab_size": 100, "hidden_size": 64, "num_hidden_layers": 2, "rms_norm_eps": 1e-5}
    sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128}
    mistral = {"model_type": "mistral", "max_position_embeddings": 256, **sizes, **keys}
    model = read_model(written(tmp_path, mistral))
    assert isinstance(model, ModelFamily)
    assert model.window == window


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"model_type": "t5"},
            ": model_type: no such family 't5' (an encoder and a decoder that attends to "
            "it, with biases by relative position); known: albert, bert, ",
        ),
        (
            {"model_type": "lla_va", "text_config": {"hidden_size": 8}},
            ": model_type: no such family 'lla_va'; text_config holds one model of "
            "several: give it a file of its own; known: albert, ",
        ),
        (
            MINILM
            | {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}},
            ": quantization_config: weights stored by gptq are not read, and a case says how it "
            "stores them; leave this key out and write 'storage: {backbone: {format: dense, "
            "bits: 4, groups: {size: 128, bits: 16}}}'",
        ),
        ({"model_type": ["bert"]}, ": model_type: no such family a list; known: albert, bert, "),
        ({"architectures": ["RobertaPreLayerNormModel"]}, ": architectures: no such family 'Rob"),
        ({"hidden_size": 3}, ": model_type: this key is missing; expected one of albert, bert, "),
        ({"model_type": "bert", "hidden_size": 8}, ": vocab_size, num_hidden_layers, "),
        (
            {k: v for k, v in MINILM.items() if k != "hidden_size"},
            ": hidden_size: missing; a bert has the keys vocab_size, hidden_size, num_",
        ),
        (
            {"hiden_size" if k == "hidden_size" else k: v for k, v in MINILM.items()},
            ":1: hiden_size: unknown key; did you mean 'hidden_size'?",
        ),
        (MINILM | {"hidden_size": "384"}, ':1: hidden_size: expected a number, got the text "384"'),
        (ALBERT | {"num_hidden_groups": 4}, ": num_hidden_groups is 4; expected 1, so that all "),
        (
            MINILM | {"position_embedding_type": "relative_key"},
            ': position_embedding_type: expected "absolute", for which the family bert is built, ',
        ),
        ({"peft_type": "LORA"}, ": this configures a PEFT adapter, not a model; name its base "),
        ([1], ": expected a JSON object, got a list"),
        ("{", ":1: not JSON: Expecting property name enclosed in double quotes"),
        ("[" * 100_000, ": not the JSON of a configuration; it nests too deep"),
    ],
)
def test_a_file_that_gives_no_model_is_one_message(
    tmp_path: Path, config: object, message: str
) -> None:
    file = written(tmp_path, config)
    with pytest.raises(ConfigError) as caught:
        read_model(file)
    assert str(caught.value).startswith(f"{file}{message}")
    assert "\n" not in str(caught.value)


_SMALL = {"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2}
_SMALL |= {"intermediate_size": 8, "vocab_size": 9, "max_position_embeddings": 8}


@pytest.mark.parametrize(
    ("kind", "biases"),
    [("llama", 14), ("smollm3", 14), ("qwen3", 8), ("gemma", 8), ("mistral", 0), ("phi3", 0)],
)
def test_biases_are_those_of_the_types_that_read_the_keys(
    tmp_path: Path, kind: str, biases: int
) -> None:
    both = {"attention_bias": True, "mlp_bias": True, "num_key_value_heads": 2}
    model = read_model(written(tmp_path, {**_SMALL, **both, "model_type": kind}))
    graph = model.build(sequence_length=4, classes=1)
    assert sum(p.name.endswith("bias") for p in graph.parameters) == biases


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"model_type": "bert", "layer_norm_eps": 0.1},
            ": model_family.norm_epsilon: expected one of 1e-12, ",
        ),
        (
            {"model_type": "vit", "image_size": 8, "patch_size": 4, "head_dim": 3},
            ":1: head_dim: heads are 6 wide together; expected hidden_size 8, for which",
        ),
        (
            {"model_type": "opt", "ffn_dim": 8, "layer_norm_elementwise_affine": False},
            ": layer_norm_elementwise_affine: expected true, for which the family opt is built, ",
        ),
        (
            {"model_type": "gpt_neox", "rotary_pct": 0.25},
            ": model_family: rotary_share 0.25 turns an odd 1 columns",
        ),
        (
            {"model_type": "llama", "tye_word_embeddings": True},
            ":1: tye_word_embeddings: unknown key; did you mean 'tie_word_embeddings'?",
        ),
        (
            {"model_type": "llama", "rope_scaling": {"rope_type": "yarm"}},
            ":1: rope_scaling: rope_type: expected one of default, linear, dynamic, yarn, ",
        ),
        (
            {"model_type": "gpt_neox", "rope_scaling": "linear"},
            ":1: rope_scaling: expected a mapping, got the text 'linear'",
        ),
        (
            {"model_type": "llama", "hidden_size": 260, "num_attention_heads": 8},
            ": model_family: hidden_size 260 is not divisible by heads 8; change one of them or ",
        ),
        (
            {"model_type": "llama", "hidden_size": 64.5},
            ": model_family.hidden_size: expected a whole number, got ",
        ),
    ],
)
def test_what_a_graph_is_not_made_for_is_told_of_the_file(
    tmp_path: Path, keys: dict[str, Any], message: str
) -> None:
    file = written(tmp_path, {**_SMALL, **keys})
    with pytest.raises(ConfigError) as caught:
        read_model(file)
    assert str(caught.value).startswith(f"{file}{message}")


def test_a_folder_without_a_configuration_is_one_message(tmp_path: Path) -> None:
    message = f"{tmp_path / 'config.json'}: no such file; name a config.json, or a folder with one"
    with pytest.raises(ConfigError, match=exactly(message)):
        read_model(tmp_path)


SIZES: dict[str, Any] = {
    "model_type": "distilbert",
    "vocab_size": 100,
    "dim": 32,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 64,
    "max_position_embeddings": 32,
}
WORKLOAD = """
name: imported
model: {huggingface: model}
sequence_length: 16
tasks: [MNLI]
requests: {pattern: round_robin, rounds: 1, sentences_per_task: 1}
cases:
  real:
    hardware: hwconfigs/adapter_mixed.yaml
    adaptation: {method: lora, rank: 2, targets: [q_lin, v_lin]}
    weights: {seed: 1, numbers: {kind: symmetric}}
    storage:
      embedding: {format: bitmask, bits: 8, density: 0.5}
      backbone: {format: bitmask, bits: 8, density: 0.5}
      task: {format: dense, bits: 8}
"""


def test_a_workload_runs_a_folder_with_its_weights(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    written(folder, SIZES)
    (tmp_path / "w.yaml").write_text(WORKLOAD)
    model = load_workload(tmp_path / "w.yaml").config.model
    graph = model.build(sequence_length=16, classes=3)
    backbone = {
        f"distilbert.{name}": values
        for name, values in synthetic_weights(graph, seed=5).tensors.items()
        if not name.startswith(("classifier", "pre_classifier"))
    }
    extra = {"vocab_layer_norm.weight": backbone["distilbert.embeddings.LayerNorm.weight"]}
    save_file({**backbone, **extra}, folder / "model.safetensors")
    case = load_workload(tmp_path / "w.yaml").config.cases["real"]
    assert case.weights
    assert case.weights.shared == ["model"]
    rows = [evaluate(Point(str(tmp_path / "w.yaml"))) for _ in range(2)]
    assert [row.status for row in rows] == ["ok", "ok"]
    written(folder, SIZES | {"n_layers": 3})
    with pytest.raises(ConfigError, match=r"tensors missing: transformer\.layer\.2"):
        evaluate(Point(str(tmp_path / "w.yaml")))


def test_every_encoder_runs_on_both_machines() -> None:
    sizes = "vocabulary_size: 300, hidden_size: 64, layers: 2, heads: 2, intermediate_size: 64"
    for name in ("roberta-base", "distilbert-base", "electra-base", "mobilebert"):
        small = "inner_size: 32" if name == "mobilebert" else "embedding_size: 64"
        changes = (f"model={{name: {name}, {sizes}, {small}}}", SMALL[1])
        for workload in ("mti_mnli_mrpc_qnli", "mti_systolic_npu"):
            cases = ("adapter_mixed",) if workload.startswith("mti_m") else ("adapter",)
            full = f"cases.{cases[0]}.adaptation={{method: full}}"
            row = evaluate(Point(f"workloads/{workload}.yaml", (*changes, full), cases))
            assert row.status == "ok", (name, row.reason)


@pytest.mark.parametrize("keys", ["lora, rank: 2, dora: true", "ia3, targets: [query, ffn]"])
def test_scales_of_rows_run_on_both_machines(keys: str) -> None:
    sizes = "vocabulary_size: 300, hidden_size: 64, layers: 4, heads: 2, intermediate_size: 64"
    model = f"model={{name: albert-base, {sizes}, embedding_size: 64}}"
    for workload, case in (
        ("mti_mnli_mrpc_qnli", "adapter_mixed"),
        ("mti_systolic_npu", "adapter"),
    ):
        own = f"cases.{case}.adaptation={{method: {keys}}}"
        row = evaluate(Point(f"workloads/{workload}.yaml", (model, SMALL[1], own), (case,)))
        assert row.status == "ok", row.reason
