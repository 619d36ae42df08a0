"""Parameter names, shapes and counts equal those of Hugging Face transformers.

The reference file is made by tests/reference/huggingface_parameters.py; where transformers is
installed, test_huggingface_live.py compares with the library itself.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from model_strategies import SIZES

from accelsim.model.families import find_model
from accelsim.model.graph import LayerGraph

REFERENCE = Path(__file__).parents[1] / "reference" / "huggingface_parameters.json"
MODELS = json.loads(REFERENCE.read_text(encoding="utf-8"))["models"]


def build(size: str) -> LayerGraph:
    return find_model(size).build(sequence_length=128, classes=2)


def test_the_reference_has_every_preset() -> None:
    assert tuple(MODELS) == SIZES


@pytest.mark.parametrize("size", SIZES)
def test_every_parameter_has_the_name_and_shape_of_hugging_face(size: str) -> None:
    found = {parameter.name: list(parameter.shape) for parameter in build(size).parameters}
    assert found.pop("classifier.weight") == [2, find_model(size).hidden_size]
    assert found.pop("classifier.bias") == [2]
    assert found == MODELS[size]["parameters"]


@pytest.mark.parametrize("size", SIZES)
def test_every_module_has_the_parameter_count_of_hugging_face(size: str) -> None:
    graph = build(size)
    modules = {parameter.module for parameter in graph.parameters} - {"classifier"}
    assert {name: graph.parameter_count(module=name) for name in modules} == MODELS[size]["modules"]
    total = graph.parameter_count() - graph.parameter_count(module="classifier")
    assert total == MODELS[size]["total"]


def test_albert_base_has_the_published_size() -> None:
    graph = build("albert-base")
    assert graph.parameter_count() - graph.parameter_count(module="classifier") == 11_683_584
    assert graph.parameter_count(module="embeddings") == 3_906_048
    assert graph.parameter_count(module="encoder.albert_layer_groups") == 7_087_872
    assert graph.parameter_count() == 11_685_122
