"""Layers that are alike are cut alike, as each would be alone."""

from __future__ import annotations

from itertools import groupby

import pytest

from accelsim.mapping import cutting
from accelsim.model.adaptations import find_adaptation
from accelsim.model.builder import GraphBuilder
from accelsim.model.families import find_model
from accelsim.model.families.base import Exits
from accelsim.model.operators import OperatorKind, Reach, Recipe
from accelsim.model.tensors import Role


class Gain(OperatorKind):
    """A function that may have a vector of its own."""

    name, reach, recipe = "gain", Reach.ELEMENT, Recipe(1, 1, 0)

    def parameters(self, operator):  # type: ignore[no-untyped-def]
        return (((operator.columns,),), ())

    def compute(self, operator, inputs, parameters, state):  # type: ignore[no-untyped-def]
        raise NotImplementedError


@pytest.mark.parametrize("exits", ["none", "per_layer"])
@pytest.mark.parametrize("spans", [None, (128,) * 6 + (0,) * 6])
def test_layers_are_cut_as_each_alone(exits: Exits, spans: tuple[int, ...] | None) -> None:
    model = find_model("albert-base")
    graph = model.build(sequence_length=32, classes=2, exits=exits, attention_spans=spans)
    stages = [stage for segment in cutting.cut(graph) for stage in segment]
    layers = groupby(graph.operators, key=lambda operator: operator.layer)
    assert stages == [one for _, part in layers for one in cutting._stages(graph, list(part))]
    names = [operator.name for stage in stages for operator in stage.operators]
    assert sorted(names) == sorted(operator.name for operator in graph.operators)


def test_scales_of_queries_work_on_whole_rows_before_the_attention() -> None:
    base = find_model("bert-base", layers=1).build(sequence_length=8, classes=2)
    for keys in (
        {"method": "ia3", "targets": ["query"]},
        {"method": "lora", "rank": 2, "dora": True},
    ):
        graph = find_adaptation(**keys).apply(base)
        (stage,) = (s for segment in cutting.cut(graph) for s in segment if s.attention)
        made = {operator.name for operator in stage.operators}
        assert not {"encoder.0.query_ia3", "encoder.0.query_lora.scale", "encoder.0.query"} & made
        assert "encoder.0.key" in made or keys["method"] == "lora"


def test_layers_are_not_alike_where_only_one_has_vectors() -> None:
    graph, role, square = GraphBuilder(8), Role.BACKBONE, (32, 32)
    hidden = graph.gather("token", "table", (50, 32), Role.EMBEDDING)
    for layer in range(4):
        graph.enter("encoder", layer, layer=layer)
        query, key, value = (graph.linear(n, f"{layer}.{n}", hidden, square, role) for n in "qkv")
        vectors = (graph.parameter("gain", (32,), role),) if layer == 2 else ()
        scaled = graph.place("gain", Gain(), query, parameters=vectors)
        hidden = graph.attention(scaled, key, value, 2)
    stages = (s for segment in cutting.cut(graph.build()) for s in segment if s.attention)
    made = [{operator.label for operator in stage.operators} for stage in stages]
    assert ["encoder.gain" in each for each in made] == [True, True, False, True]
