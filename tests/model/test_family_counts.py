"""Modules and multiply-accumulates equal those of the library, counted by make_families.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from model_strategies import SIZES

from accelsim.model.families import MODEL_FAMILIES, find_model
from accelsim.study.validation.check import read_rows
from accelsim.study.validation.model import alike_modules, as_counted

REFERENCE = Path(__file__).parents[1] / "reference"
ROWS = list(read_rows(REFERENCE, "family_parameters.csv"))
MACS = list(read_rows(REFERENCE, "family_macs.csv"))
# The weights and multiply-accumulates of KULeuven-MICAS/zigzag-imc's graphs of MLPerf Tiny, and the
# parameters of its autoencoder as Keras counts them, less means and variances of batch norms.
TINY = {"resnet-8": (10, 77_360, 12_501_632), "ds-cnn": (12, 22_016, 2_656_768)}
TINY |= {"autoencoder": (1, 264_192, 264_192)}
MODELS = list(dict.fromkeys(row["model"] for row in ROWS))


def test_every_preset_is_counted() -> None:
    presets = {name for family in MODEL_FAMILIES.all().values() for name in family.presets}
    assert presets == {*MODELS, *SIZES, *TINY}


@pytest.mark.parametrize("preset", MODELS)
def test_modules_are_those_of_the_library(preset: str) -> None:
    assert alike_modules(as_counted(preset)) == {
        (row["module"], int(row["parameters"])): int(row["copies"])
        for row in ROWS
        if row["model"] == preset
    }


@pytest.mark.parametrize("row", MACS, ids=lambda row: row["model"])
def test_macs_are_those_that_the_library_takes(row: dict[str, str]) -> None:
    model = find_model(row["model"])
    graph = model.build(sequence_length=int(row["sequence_length"]), classes=2)
    assert graph.macs == int(row["macs"])


@pytest.mark.parametrize("preset", TINY)
def test_mlperf_tiny_has_its_published_sizes(preset: str) -> None:
    classes, weights, macs = TINY[preset]
    graph = find_model(preset).build(sequence_length=1, classes=classes)
    assert sum(p.elements for p in graph.parameters if len(p.shape) == 2) == weights
    assert graph.macs == macs
