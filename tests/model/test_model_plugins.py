"""A family and an adaptation are one new file each, from anywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from readme_examples import example
from small_workload import MAIN

from accelsim.evaluation.examine import evaluate
from accelsim.evaluation.point import Point
from accelsim.inference.forward import forward
from accelsim.inputs import plugins
from accelsim.inputs.document import parse_document
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.model.adaptations import AdaptationConfig, find_adaptation
from accelsim.model.families import ModelConfig, find_model
from accelsim.model.operators import Operator, find_kind
from accelsim.model.tensors import Role
from accelsim.weights.synthetic import synthetic_weights

FAMILY = """
from typing import Literal
from accelsim.model.families import ModelFamily
from accelsim.model.operators import ADD, RELU, RMS_NORM
from accelsim.model.tensors import Role

class Tiny(ModelFamily):
    presets = {"tiny-1": {
        "vocabulary_size": 20, "hidden_size": 8, "layers": 2, "heads": 2, "maximum_positions": 16,
        "type_vocabulary_size": 1, "inner": 12}}
    family: Literal["tiny"]
    inner: int

    def add_embedding(self, graph):
        shape = (self.vocabulary_size, self.hidden_size)
        return graph.gather("embedding.token", "table", shape, Role.EMBEDDING)

    def add_layer(self, graph, layer, hidden, heads, masked):
        width, role, module = self.hidden_size, Role.BACKBONE, f"layer.{layer}"
        normal = graph.norm("norm", f"{module}.norm", hidden, role, RMS_NORM, ("weight",))
        query, key, value = (
            graph.linear(name, f"{module}.{name}", normal, (width, width), role)
            for name in ("query", "key", "value"))
        context = graph.attention(query, key, value, heads, masked=masked)
        up = graph.linear("up", f"{module}.up", context, (self.inner, width), role)
        up = graph.place("relu", RELU, up)
        down = graph.linear("down", f"{module}.down", up, (width, self.inner), role)
        return graph.place("add", ADD, down, hidden)
"""
ADAPTATION = """
from typing import Literal
from accelsim.model.adaptations.base import Adaptation, with_roles
from accelsim.model.tensors import Role

class Vectors(Adaptation):
    method: Literal["vectors"]

    def adapt(self, graph):
        def role(operator, parameter):
            return Role.TASK if len(parameter.shape) == 1 else parameter.role
        return with_roles(graph, role)
"""


class Host(ConfigModel):
    model: ModelConfig
    adaptation: AdaptationConfig


def test_files_from_outside_are_a_family_and_an_adaptation(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text(FAMILY)
    (tmp_path / "vectors.py").write_text(ADAPTATION)
    plugins.load_plugins([tmp_path])
    text = "model: {name: tiny-1, layers: 3}\nadaptation: {method: vectors}"
    host = validate(parse_document(text, Path("w.yaml")), Host)
    graph = host.model.build(sequence_length=4, classes=2, exits="shared")
    assert graph.layers == 3
    adapted = host.adaptation.adapt(graph)
    biases, norms = 3 * (8 + 8 + 8 + 12 + 8), 3 * 8
    assert adapted.parameter_count(Role.TASK) == biases + norms + 2 * (8 + 1)
    weights = synthetic_weights(adapted, seed=1).tensors
    tokens = [[1, 2, 3, 4], [5, 6, 7, 8]]
    found = forward(host.model, host.adaptation, weights, tokens, exits=True)
    assert [logits.shape for logits in found.exits] == [(2, 2)] * 3
    assert len({logits.tobytes() for logits in found.exits}) == 3


TIED = """
from typing import Literal
from accelsim.model.families.bert import Bert

class Tied(Bert):
    presets = {"tied-2": {**Bert.presets["bert-base"], "layers": 2, "shared_layers": True}}
    family: Literal["tied"]
"""


def test_they_run_the_main_job(tmp_path: Path) -> None:
    (tmp_path / "tied.py").write_text(TIED)
    (tmp_path / "vectors.py").write_text(ADAPTATION)
    plugins.load_plugins([tmp_path])
    sizes = "vocabulary_size: 1000, hidden_size: 64, intermediate_size: 256, heads: 2"
    small = (f"model={{name: tied-2, {sizes}}}", "sequence_length=32")
    case = "adapter_mixed"
    point = Point(MAIN, (*small, f"cases.{case}.adaptation={{method: vectors}}"))
    rows = [evaluate(point), evaluate(Point(MAIN, small))]
    assert [row.status for row in rows] == ["ok", "ok"]
    # The adapters of the workload's own case have products of their own.
    vectors, houlsby = (float(row[f"{case}.energy.part.compute"] or 0) for row in rows)
    assert 0 < vectors < houlsby


def test_what_the_readme_shows_works(tmp_path: Path) -> None:
    for name in ("An operator kind", "A model family", "An adaptation"):
        (tmp_path / f"{name.split()[-1]}.py").write_text(example(name))
    plugins.load_plugins([tmp_path])
    square = Operator("x", find_kind("square"), 2, 3, 3)
    assert square.kind.compute(square, [np.full((1, 2, 3), 3)], [], {}).tolist() == [[[9] * 3] * 2]
    graph = find_model("tiny-1", layers=3).build(sequence_length=16, classes=2)
    adapted = find_adaptation("vectors").adapt(graph)
    assert adapted.parameter_count(Role.TASK) == 3 * 32 + 2 * 33
