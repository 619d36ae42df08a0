"""Weights of a case: measured sizes take the place of stated densities in a run."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from small_workload import SMALL, small_workload

from accelsim.errors import ConfigError
from accelsim.evaluation.graphs import task_graph
from accelsim.evaluation.stages import design_of, run_workload
from accelsim.evaluation.weights import compressed_weights
from accelsim.weights.synthetic import synthetic_weights
from accelsim.workload.schema import load_workload

CASE = "adapter_mixed"
SEEDED = f"cases.{CASE}.weights={{seed: 4}}"


def test_placement_has_the_measured_sizes_to_the_bit() -> None:
    workload = small_workload(SEEDED)
    models = compressed_weights(workload, workload.cases[CASE])
    design = design_of(workload, workload.cases[CASE])
    for task, model in models.items():
        for name, tensor in model.tensors.items():
            stored = design.placements[task].tensors[name]
            assert stored.value_bits == tensor.value_bits, name
            assert stored.mask_bits == tensor.mask_bits, name
            if tensor.masked:
                # A value that rounds to zero is stored as none: never more than asked for.
                most = Fraction("0.27") * tensor.parameter.elements + 1
                assert tensor.nonzeros <= most
    assert "synthetic, seed 4" in design.weights


def test_dense_storage_has_weights_too() -> None:
    dense = "{format: dense, bits: 8}"
    parts = [f"cases.{CASE}.storage.{role}={dense}" for role in ("embedding", "backbone", "task")]
    stated, measured = (
        design_of(workload, workload.cases[CASE]).placements["MNLI"].tensors
        for workload in (small_workload(*parts), small_workload(*parts, SEEDED))
    )
    assert measured == stated


def test_sparser_weights_move_fewer_bytes(tmp_path: Path) -> None:
    workload = small_workload()
    graph = task_graph(workload.config, workload.cases[CASE], "MNLI", 32)
    tensors = dict(synthetic_weights(graph, 1).tensors)
    for name, values in tensors.items():
        if values.ndim == 2:
            tensors[name] = np.where(np.arange(values.size).reshape(values.shape) % 10, 0, values)
    np.savez(tmp_path / "sparse.npz", **tensors)
    one_task = ("tasks=[MNLI]", f"cases.{CASE}.weights={{shared: [{tmp_path / 'sparse.npz'}]}}")
    stated, measured = (
        run_workload(load_workload("workloads/mti_mnli_mrpc_qnli.yaml", (*SMALL, *more)))[CASE]
        for more in (("tasks=[MNLI]",), one_task)
    )
    before, after = (r.run.ledger.amount("rram", "read") for r in (stated, measured))
    # Values of a tenth of all instead of 0.26 and 0.27.
    assert 0.3 < after / before < 0.6
    assert "sparse.npz" in measured.design.weights
    assert not stated.design.weights


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((f"cases.{CASE}.weights={{}}",), r"weights: expected files \(shared, tasks\), a seed"),
        (
            (SEEDED, f"cases.{CASE}.storage.task.bits=32"),
            rf"^cases\.{CASE}\.storage\.task\.bits is 32; numbers of kind adaptivfloat have 4 to",
        ),
        ((f"cases.{CASE}.weights={{shared: [nowhere.npz]}}",), r"nowhere\.npz"),
    ],
)
def test_weights_that_cannot_be_are_one_line(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run_workload(small_workload(*overrides))
