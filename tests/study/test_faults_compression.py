from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from fault_subject import OPTIONS, subject
from small_workload import small_workload

from accelsim.inference.compare import cosines
from accelsim.inference.forward import ForwardResult
from accelsim.study.faults.compression import CompressionCosts, compression_costs
from accelsim.study.faults.subject import load_subject


@lru_cache
def costs(*overrides: str) -> CompressionCosts:
    return compression_costs(load_subject(small_workload(*overrides), OPTIONS))


def layer(values: np.ndarray) -> ForwardResult:
    return ForwardResult(np.zeros((2, 2), np.float32), (values,))


def test_cosines_see_directions_alone() -> None:
    values = np.random.default_rng(1).standard_normal((2, 3, 8)).astype(np.float32)
    mask = np.array([[True, True, False], [True, False, False]])
    for other, wanted in ((values, 1), (3 * values, 1), (-values, -1), (0 * values, 0)):
        assert cosines(layer(other), layer(values), mask) == pytest.approx([wanted], abs=1e-6)
    # What the padding holds counts for nothing.
    padded = np.where(mask[..., None], values, np.float32(np.nan))
    assert cosines(layer(padded), layer(values), mask) == pytest.approx([1])


def test_denser_models_are_closer_to_the_original() -> None:
    found = costs()
    every = (found.stated, *found.others)
    for figure in ("density", "stored"):
        values = [getattr(one, figure) for one in every]
        assert values == sorted(values)
    last = [one.layers[-1] for one in every]
    assert last == sorted(last)
    assert found.stated.logits > found.others[-1].logits > 0


def test_without_pruning_and_with_16_bits_nothing_is_lost() -> None:
    wide = "{format: dense, bits: 16}"
    storage = ", ".join(f"{role}: {wide}" for role in ("embedding", "backbone", "task"))
    found = costs(
        f"cases.adapter_mixed.storage={{{storage}}}",
        "cases.adapter_mixed.hardware.memories.rram.capacity=1 MiB",
    )
    assert found.fitting is None
    assert found.stated.density == 1
    assert found.stated.layers[-1] > 0.999
    assert found.stated.agreement == 1


def test_the_fitting_density_fills_the_room() -> None:
    found, one = costs(), subject()
    assert found.fitting is not None
    memories = one.case.hardware.memories
    assert found.room == memories["rram"].capacity + memories["rram_masks"].capacity
    # By as much as values of the masked tensors grow, from what is stored to all of the room.
    tensors = [one.compressed.tensors[name] for name in one.stored]
    full = sum(each.parameter.elements * each.numbers.bits for each in tensors if each.masked)
    grown = (found.fitting - found.stated.density) * full / 8
    assert found.stated.stored + grown == pytest.approx(found.room)


def test_real_weights_of_the_case_are_the_original() -> None:
    own = load_subject(small_workload("cases.adapter_mixed.weights={seed: 3}"), OPTIONS)
    drawn = load_subject(small_workload(), replace(OPTIONS, seed=3))
    for name, values in drawn.original.tensors.items():
        assert np.array_equal(own.original.tensors[name], values)
