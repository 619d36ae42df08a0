"""Modules and multiply-accumulates equal those of the library, counted by make_families.py."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from model_strategies import SIZES

from accelsim.model.families import MODEL_FAMILIES, find_model
from accelsim.study.validation.check import read_rows

REFERENCE = Path(__file__).parents[1] / "reference"
ROWS = list(read_rows(REFERENCE, "family_parameters.csv"))
MACS = list(read_rows(REFERENCE, "family_macs.csv"))
MODELS = list(dict.fromkeys(row["model"] for row in ROWS))


def test_every_preset_is_counted() -> None:
    presets = {name for family in MODEL_FAMILIES.all().values() for name in family.presets}
    assert presets == {*MODELS, *SIZES}


@pytest.mark.parametrize("preset", MODELS)
def test_modules_are_those_of_the_library(preset: str) -> None:
    graph = find_model(preset).build(sequence_length=8, classes=2)
    modules: Counter[str] = Counter()
    for parameter in graph.parameters:
        modules[parameter.module] += parameter.elements
    alike = Counter((re.sub(r"(?<=\.)\d+(?=\.|$)", "*", m), n) for m, n in modules.items())
    assert alike == {
        (row["module"], int(row["parameters"])): int(row["copies"])
        for row in ROWS
        if row["model"] == preset
    }


@pytest.mark.parametrize("row", MACS, ids=lambda row: row["model"])
def test_macs_are_those_that_the_library_takes(row: dict[str, str]) -> None:
    model = find_model(row["model"])
    graph = model.build(sequence_length=int(row["sequence_length"]), classes=2)
    assert graph.macs == int(row["macs"])
