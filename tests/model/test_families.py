from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from hypothesis import given
from model_strategies import SIZES, exactly, model_configs

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document, parse_document
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.model.adaptations import AdaptationConfig
from accelsim.model.families import MODEL_FAMILIES, ModelConfig, ModelFamily, find_model

FAMILIES = MODEL_FAMILIES.all().values()
PRESETS = [name for family in FAMILIES for name in family.presets]
CUSTOM = """
name: custom
family: albert
vocabulary_size: 100
embedding_size: 8
hidden_size: 16
layers: 2
heads: 4
intermediate_size: 32
maximum_positions: 64
type_vocabulary_size: 2
shared_layers: true
pooler: false
"""


class Host(ConfigModel):
    model: ModelConfig | None = None
    adaptation: AdaptationConfig | None = None


def document(text: str, key: str = "model") -> Document:
    """Return a document with the text below a key, which stands on line 1."""
    return parse_document(f"{key}:\n{indent(text, '  ')}", Path("model.yaml"))


def read(text: str) -> ModelFamily:
    model = validate(document(text), Host).model
    assert model
    return model


def test_a_preset_fills_what_is_not_given() -> None:
    model = read("name: albert-xlarge")
    assert model.model_dump() == {
        "name": "albert-xlarge",
        "family": "albert",
        "vocabulary_size": 30000,
        "embedding_size": 128,
        "hidden_size": 2048,
        "layers": 24,
        "heads": 16,
        "intermediate_size": 8192,
        "maximum_positions": 512,
        "type_vocabulary_size": 2,
        "shared_layers": True,
        "pooler": True,
        "activation": "gelu_new",
        "norm_epsilon": 1e-12,
    }


@pytest.mark.parametrize("size", SIZES)
def test_every_hyperparameter_overrides_the_preset(size: str) -> None:
    preset = find_model(size).model_dump()
    changed: dict[str, Any] = {
        "vocabulary_size": 7,
        "layers": 3,
        "heads": 2,
        "intermediate_size": 5,
        "maximum_positions": 9,
        "type_vocabulary_size": 1,
        "shared_layers": not preset["shared_layers"],
        "pooler": False,
    }
    for key, value in changed.items():
        assert find_model(size, **{key: value}).model_dump() == preset | {key: value}


def test_the_embedding_of_bert_follows_its_hidden_size() -> None:
    assert find_model("bert-base", hidden_size=96).embedding_size == 96
    assert find_model("albert-base", hidden_size=96).embedding_size == 128


def test_a_custom_model_is_what_is_given() -> None:
    usual = {"activation": "gelu_new", "norm_epsilon": 1e-12}
    assert read(CUSTOM).model_dump() == document(CUSTOM).data["model"] | usual


@given(model_configs())
def test_a_resolved_model_reads_back_as_itself(model: ModelFamily) -> None:
    assert find_model(**model.model_dump()) == model


def test_the_schema_demands_the_name_alone() -> None:
    schema = Host.model_json_schema()["properties"]["model"]
    families = schema["anyOf"][0]["oneOf"]
    *own, imported, onnx = families
    assert [part["title"] for part in own] == [each.__name__ for each in FAMILIES]
    assert [imported["required"], onnx["required"]] == [["huggingface"], ["onnx"]]
    for part in own:
        assert part["required"] == ["name"]
        assert all("description" in field for field in part["properties"].values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "layers: 3",
            "1: model.name: expected a preset or 'custom', this key is missing; presets: "
            f"{', '.join([*PRESETS, 'custom'])}",
        ),
        (
            "name: albert-bse",
            "2: model.name: expected a preset or 'custom', got the text 'albert-bse'; did you mean "
            "'albert-base'?",
        ),
        (
            "name: albert-base\nheads: 7",
            "3: model: hidden_size 768 is not divisible by heads 7; every head must "
            "have the same width",
        ),
        (
            "name: bert-base\nembedding_size: 128",
            "3: model: embedding_size 128 differs from hidden_size 768, but family "
            "bert has no projection between them; make them equal or choose family albert",
        ),
        (
            "name: custom\nfamily: bert\nhidden_size: 64",
            "1: model: a custom model gives all its hyperparameters; add "
            "layers, vocabulary_size, heads, maximum_positions, type_vocabulary_size, "
            "intermediate_size, shared_layers, pooler, or start from a preset such as "
            "albert-base",
        ),
        (
            CUSTOM.replace("heads", "haeds"),
            "9: model.haeds: unknown key; did you mean 'heads'?",
        ),
        (
            "name: albert-base\nlayers: 0",
            "3: model.layers: input should be greater than 0, got 0",
        ),
        (
            "name: albert-base\nlayers: '3'",
            "3: model.layers: expected a whole number, got the text '3'; write 3",
        ),
    ],
)
def test_a_wrong_model_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=exactly(f"model.yaml:{message}")):
        validate(document(text), Host)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "method: houlsby",
            "1: adaptation.bottleneck: this key is missing; expected a value such as '64' "
            "or a list",
        ),
        (
            "method: full\nbottleneck: 64",
            "3: adaptation.bottleneck: unknown key; known keys: frozen, method, peft, trainable",
        ),
        (
            "method: lora\nrank: 8\nshared_across_layers: false",
            "4: adaptation.shared_across_layers: unknown key; known keys: alpha, alphas, bias, "
            "dora, excluded, frozen, layer_lists, layers, merged, method, peft, rank, ranks, "
            "rooted, targets, trainable",
        ),
        (
            "method: lora\nrank: 8\ntargets: []",
            "4: adaptation.targets: this is empty; expected at least one entry",
        ),
        (
            "method: houlsby\nbottleneck: 0",
            "3: adaptation.bottleneck: input should be greater than 0, got 0",
        ),
        (
            "method: adapter",
            "2: adaptation.method: expected 'bitfit', 'full', 'head', 'houlsby', 'ia3', 'lora', "
            "'pfeiffer', 'prefix', 'prompt' or 'residual', got the text 'adapter'",
        ),
    ],
)
def test_a_wrong_adaptation_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=exactly(f"model.yaml:{message}")):
        validate(document(text, "adaptation"), Host)


def test_the_configuration_layer_does_not_import_networkx() -> None:
    code = (
        "import sys, accelsim.model.families, accelsim.model.adaptations, accelsim.model.tasks; "
        "sys.exit('networkx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
