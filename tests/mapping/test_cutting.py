"""Layers that are alike are cut alike, as each would be alone."""

from __future__ import annotations

from itertools import groupby

import pytest

from accelsim.mapping import cutting
from accelsim.model.families import find_model
from accelsim.model.families.base import Exits


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
