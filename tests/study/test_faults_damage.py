from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from fault_subject import OPTIONS, judge, stored, subject
from small_workload import small_workload

from accelsim.study.faults.damage import Judge
from accelsim.study.faults.schemes import SCHEMES
from accelsim.study.faults.stored_model import FaultCounts, Reading, StoredModel
from accelsim.study.faults.subject import load_subject
from accelsim.study.faults.sweep import (
    LEVEL,
    SATURATED,
    SweepPoint,
    crossing,
    sweep_faults,
    uniform_faults,
)

NOTHING = FaultCounts(0, 0, 0, 0)


def read(model: StoredModel, rate: float, part: str, seed: int) -> Reading:
    return model.read(uniform_faults(rate, part), seed, "none")  # type: ignore[arg-type]


def test_without_faults_the_logits_are_the_same() -> None:
    found = judge().judge(Reading({}, NOTHING))
    assert (found.weights, found.largest, found.sign_flips, found.logits) == (0, 0, 0, 0)
    assert found.layers == (0,) * 3
    assert found.agreement == 1
    assert found.accuracy is None


def test_a_head_that_is_off_is_harmed_by_nothing() -> None:
    one = load_subject(small_workload("attention_spans={MNLI: [0, 9]}"), OPTIONS)
    (name,) = [n for n in one.stored if n.endswith("attention.value.weight")]
    value = one.compressed.tensors[name].decode()
    off, on = (np.array(value), np.array(value))
    off[:32] *= -1
    on[32:] *= -1
    assert Judge(one).judge(Reading({name: off}, NOTHING)).logits == 0
    assert Judge(one).judge(Reading({name: on}, NOTHING)).logits > 0


def test_equal_tensors_run_again_change_nothing() -> None:
    name = subject().stored[0]
    same = subject().compressed.tensors[name].decode()
    assert judge().judge(Reading({name: same}, NOTHING)) == judge().unharmed


def test_weight_errors_have_closed_forms() -> None:
    name = "encoder.albert_layer_groups.0.albert_layers.0.ffn.weight"
    weights = {n: subject().compressed.tensors[n].decode() for n in subject().stored}
    found = judge().judge(Reading({name: -weights[name]}, NOTHING))
    own = float(np.square(weights[name], dtype=np.float64).sum())
    every = math.fsum(np.square(w, dtype=np.float64).sum() for w in weights.values())
    assert found.weights == pytest.approx(2 * math.sqrt(own / every), rel=1e-9)
    assert found.largest == pytest.approx(2 * float(np.abs(weights[name]).max()))
    nonzeros = sum(np.count_nonzero(w) for w in weights.values())
    assert found.sign_flips == pytest.approx(np.count_nonzero(weights[name]) / nonzeros)
    assert found.logits > 0
    # Twice the size is the same sign.
    assert judge().judge(Reading({name: 2 * weights[name]}, NOTHING)).sign_flips == 0


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2])
def test_masks_are_more_harmful_than_values_at_the_same_rate(rate: float) -> None:
    model, seeds = stored("mixed2"), range(4)
    by_part = {
        part: judge().judge_seeds(lambda seed, part=part: read(model, rate, part, seed), seeds)
        for part in ("values", "masks")
    }
    assert by_part["masks"].weights.mean > by_part["values"].weights.mean
    assert by_part["masks"].logits.mean > by_part["values"].logits.mean
    assert by_part["masks"].agreement.mean <= by_part["values"].agreement.mean


def test_seeds_that_change_nothing_are_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Judge(subject())
    runs = []
    forward = Judge._forward
    monkeypatch.setattr(
        Judge, "_forward", lambda self, changed: runs.append(1) or forward(self, changed)
    )
    summary = own.judge_seeds(lambda seed: Reading({}, NOTHING), range(5))
    assert not runs
    assert (summary.harmed, summary.logits.mean, summary.agreement.mean) == (0, 0, 1)


def point(rate: float, error: float) -> SweepPoint:
    summary = judge().judge_seeds(lambda seed: Reading({}, NOTHING), [0])
    damage = replace(summary, logits=replace(summary.logits, mean=error))
    return SweepPoint(rate, 1.0, damage)


def test_the_crossing_of_a_power_law_is_exact() -> None:
    # error = (rate / 1e-5)^(1/2) x LEVEL crosses LEVEL at 1e-5.
    points = [point(rate, LEVEL * math.sqrt(rate / 1e-5)) for rate in (1e-7, 1e-6, 3e-4)]
    assert crossing(points) == pytest.approx(1e-5)
    assert crossing(points[:2]) is None
    assert crossing(points[2:]) is None
    assert crossing([point(1e-7, 0.0), *points]) == pytest.approx(1e-5)
    assert crossing([point(1e-7, LEVEL / 2), point(1e-6, math.inf)]) is not None


def test_the_sweep_finds_masks_more_harmful_per_fault() -> None:
    rates, seeds = (1e-7, 1e-6, 3e-6, 1e-4, 1e-2, 1e-1), range(12)
    sweep = sweep_faults(
        judge(), SCHEMES["mixed2"], stored("mixed2"), rates, seeds, 0.05, lambda text: None
    )
    values, masks, rows = sweep.curves
    assert [one.damage is None for one in values.points[:3]] == [True, False, False]
    assert values.points[4].expected == pytest.approx(values.cells * 1e-2)
    # Masks are lost at a rate where values are not: higher ones are not run.
    assert masks.points[-1].rate == 1e-4
    assert masks.points[-1].damage is not None
    assert masks.points[-1].damage.logits.mean >= SATURATED
    assert (sweep.sentences, sweep.seeds) == (8, 12)
    assert sweep.harm_per_cell(values) == 1
    assert (sweep.harm_per_fault(masks) or 0) > 10
    assert masks.rate is not None
    assert values.rate is not None
    # As many faults as the part has cells times their rate.
    faults = values.rate * values.cells, masks.rate * masks.cells
    assert sweep.harm_per_fault(masks) == pytest.approx(faults[0] / faults[1])
    assert (sweep.harm_per_cell(masks) or 0) > (sweep.harm_per_cell(rows) or 0) > 1
    assert (sweep.harm_of_one(masks) or 0) > 50
    shapes = [one.tensor.parameter.shape for one in stored("mixed2").tensors.values() if one.masks]
    assert sweep.resync_bits == sum(rows * columns.bit_length() for rows, columns in shapes)
