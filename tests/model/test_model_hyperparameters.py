from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from model_strategies import SIZES, exactly, model_configs

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document, parse_document
from accelsim.inputs.validation import validate
from accelsim.model.hyperparameters import AdaptationConfig, ModelConfig

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


def document(text: str) -> Document:
    return parse_document(text, Path("model.yaml"))


def test_a_preset_fills_what_is_not_given() -> None:
    model = validate(document("name: albert-xlarge"), ModelConfig)
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
    }


@pytest.mark.parametrize("size", SIZES)
def test_every_hyperparameter_overrides_the_preset(size: str) -> None:
    preset = ModelConfig(name=size).model_dump()
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
        assert ModelConfig(**{"name": size, key: value}).model_dump() == preset | {key: value}


def test_the_embedding_of_bert_follows_its_hidden_size() -> None:
    assert ModelConfig(name="bert-base", hidden_size=96).embedding_size == 96
    assert ModelConfig(name="albert-base", hidden_size=96).embedding_size == 128


def test_a_custom_model_is_what_is_given() -> None:
    given_text = document(CUSTOM)
    assert validate(given_text, ModelConfig).model_dump() == given_text.data


@given(model_configs())
def test_a_resolved_model_reads_back_as_itself(model: ModelConfig) -> None:
    assert ModelConfig.model_validate(model.model_dump()) == model


def test_the_schema_demands_the_name_alone() -> None:
    schema = ModelConfig.model_json_schema()
    assert schema["required"] == ["name"]
    assert all("description" in field for field in schema["properties"].values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "layers: 3",
            "model.yaml:1: name: this key is missing; expected 'albert-base', 'albert-large', "
            "'albert-xlarge', 'albert-xxlarge', 'bert-base', 'bert-large' or 'custom'",
        ),
        (
            "name: albert-bse",
            "model.yaml:1: name: expected 'albert-base', 'albert-large', 'albert-xlarge', "
            "'albert-xxlarge', 'bert-base', 'bert-large' or 'custom', got the text 'albert-bse'; "
            "did you mean 'albert-base'?",
        ),
        (
            "name: albert-base\nheads: 7",
            "model.yaml:2: document: hidden_size 768 is not divisible by heads 7; every head must "
            "have the same width",
        ),
        (
            "name: bert-base\nembedding_size: 128",
            "model.yaml:2: document: embedding_size 128 differs from hidden_size 768, but family "
            "bert has no projection between them; make them equal or choose family albert",
        ),
        (
            "name: custom\nfamily: bert\nhidden_size: 64",
            "model.yaml:1: document: a custom model gives all its hyperparameters; add "
            "vocabulary_size, layers, heads, intermediate_size, maximum_positions, "
            "type_vocabulary_size, shared_layers, pooler, or start from a preset such as "
            "albert-base",
        ),
        (
            CUSTOM.replace("heads", "haeds"),
            "model.yaml:8: haeds: unknown key; did you mean 'heads'?",
        ),
        (
            "name: albert-base\nlayers: 0",
            "model.yaml:2: layers: input should be greater than 0, got 0",
        ),
        (
            "name: albert-base\nlayers: '3'",
            "model.yaml:2: layers: expected a whole number, got the text '3'; write 3",
        ),
    ],
)
def test_a_wrong_model_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=exactly(message)):
        validate(document(text), ModelConfig)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "method: houlsby",
            "model.yaml:1: document: method houlsby needs a bottleneck, such as bottleneck: 64",
        ),
        (
            "method: full\nbottleneck: 64",
            "model.yaml:2: document: bottleneck belongs to method houlsby, not to full; remove it "
            "or change the method",
        ),
        (
            "method: full\nshared_across_layers: false",
            "model.yaml:2: document: shared_across_layers belongs to method houlsby, not to full; "
            "remove it or change the method",
        ),
        (
            "method: houlsby\nbottleneck: 0",
            "model.yaml:2: bottleneck: input should be greater than 0, got 0",
        ),
        (
            "method: adapter",
            "model.yaml:1: method: expected 'full' or 'houlsby', got the text 'adapter'",
        ),
    ],
)
def test_a_wrong_adaptation_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=exactly(message)):
        validate(document(text), AdaptationConfig)


def test_the_configuration_layer_does_not_import_networkx() -> None:
    code = (
        "import sys, accelsim.model.hyperparameters, accelsim.model.tasks; "
        "sys.exit('networkx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
