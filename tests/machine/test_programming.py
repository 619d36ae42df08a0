from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.machine.programming import programming_cost
from accelsim.machine.regions import Region
from accelsim.memory.arrays import find_array
from accelsim.memory.technology import Grade, load_technology

RRAM = load_technology("RRAM")
CAPACITY = 9 * 2**19  # 4.5 MiB


def region(bits_per_cell: int = 1, grade: Grade = "typical", lanes: int = 1) -> Region:
    array = find_array(RRAM, capacity=CAPACITY, word=64, bits_per_cell=bits_per_cell, grade=grade)
    return Region("rram", "parameters", array, 1, lanes, CAPACITY * lanes)


def test_writing_the_published_backbone_once() -> None:
    # The study of the arrays: 4.5 MB once at the low pulse cost 31 uJ and 6 ms, 64 bits at
    # a time, and about 6 s at 10 us. Ours interpolates the array; 6 % covers that.
    fast = programming_cost(region(grade="low"), 8 * 4_500_000)
    assert fast.joules == pytest.approx(31e-6, rel=0.06)
    assert fast.seconds == pytest.approx(6e-3, rel=0.06)
    slow = programming_cost(region(grade="high"), 8 * 4_500_000)
    assert slow.seconds == pytest.approx(6, rel=0.08)


@pytest.mark.parametrize("grade", ["low", "typical", "high"])
@pytest.mark.parametrize("bits_per_cell", [1, 2])
def test_pulses_bound_the_time_and_energy(bits_per_cell: int, grade: Grade) -> None:
    device = RRAM.devices[bits_per_cell]
    assert device.write_pulse is not None
    assert device.write_energy is not None
    steps = device.verify_steps.at(grade) if device.verify_steps else 1
    cost = programming_cost(region(bits_per_cell, grade), 8 * CAPACITY)
    assert cost.words == CAPACITY // 8
    assert cost.cells == 8 * CAPACITY // bits_per_cell
    assert cost.pulses == cost.cells * steps
    assert cost.seconds > cost.words * steps * device.write_pulse.at(grade)
    assert cost.joules > cost.pulses * device.write_energy.at(grade)
    assert cost.endurance == device.endurance.at(grade)  # type: ignore[union-attr]
    assert cost.grade == grade


def test_cells_of_several_steps_are_read_after_each() -> None:
    one, two = (programming_cost(region(bits), 6400) for bits in (1, 2))
    array = region(2).array
    assert (one.verify_seconds, one.verify_joules) == (0, 0)
    assert two.verify_seconds == pytest.approx(100 * 17 * array.read_latency)
    assert two.verify_joules == pytest.approx(100 * 17 * array.read_energy)
    assert two.seconds == pytest.approx(100 * array.write_latency + two.verify_seconds)


@given(st.integers(0, 8 * CAPACITY), st.sampled_from([1, 2]))
def test_cost_is_that_of_whole_words_one_by_one(bits: int, bits_per_cell: int) -> None:
    cost = programming_cost(region(bits_per_cell), bits)
    word = programming_cost(region(bits_per_cell), 1)
    assert cost.words == math.ceil(bits / 64)
    assert cost.seconds == pytest.approx(cost.words * word.seconds)
    assert cost.joules == pytest.approx(cost.words * word.joules)
    assert cost.pulses == cost.words * word.pulses  # type: ignore[operator]


@pytest.mark.parametrize("bits_per_cell", [1, 2])
def test_lanes_write_and_verify_together(bits_per_cell: int) -> None:
    narrow, wide = (programming_cost(region(bits_per_cell, lanes=n), 12_800) for n in (1, 2))
    assert wide.words * 2 == narrow.words
    assert wide.seconds == pytest.approx(narrow.seconds / 2)
    assert wide.joules == pytest.approx(narrow.joules)
    assert wide.verify_seconds == pytest.approx(narrow.verify_seconds / 2)
    assert wide.verify_joules == pytest.approx(narrow.verify_joules)
    assert wide.pulses == narrow.pulses


def test_grades_are_in_order() -> None:
    costs = [programming_cost(region(2, grade), 10**6) for grade in ("low", "typical", "high")]
    for figure in ("seconds", "joules", "verify_seconds", "verify_joules"):
        values = [getattr(cost, figure) for cost in costs]
        assert values == sorted(values)


def test_sram_has_no_pulses_and_no_wear() -> None:
    sram = load_technology("SRAM")
    array = find_array(sram, capacity=2**20, word=64)
    cost = programming_cost(Region("sram", "parameters", array, 1, 1, 2**20), 6400)
    assert (cost.pulses, cost.endurance) == (None, None)
    assert cost.seconds == pytest.approx(100 * array.write_latency)


def test_what_does_not_fit_is_refused() -> None:
    message = r"^65 bits do not fit memory 'rram' of 64 bits; enlarge it or place less there$"
    with pytest.raises(ConfigError, match=message):
        programming_cost(replace(region(), capacity=8), 65)
