from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from fault_subject import OPTIONS, stored, subject
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.evaluation.graphs import task_graph
from accelsim.placement.placement import place
from accelsim.study.faults.costs import machine_of, occupied_bits, storage_of
from accelsim.study.faults.schemes import SCHEMES, find_schemes
from accelsim.study.faults.stored_model import _mask_of, _store_mask
from accelsim.study.faults.study import cell_faults, write
from accelsim.study.faults.sweep import uniform_faults, uniform_transitions

SIMULATED = [name for name, scheme in SCHEMES.items() if not scheme.high]


@pytest.mark.parametrize("name", SCHEMES)
def test_without_faults_nothing_changes(name: str) -> None:
    faults = uniform_faults(0.0, "values")
    assert stored(name).expected(faults).total == 0
    reading = stored(name).read(faults, 0, "none")
    assert not reading.changed
    assert reading.counts.total == 0


@given(st.integers(1, 200), st.sampled_from(["mlc2", "mlc3", "slc", "mlc3-secded"]), st.data())
def test_masks_of_any_length_are_stored_exactly(size: int, name: str, data: st.DataObject) -> None:
    bits = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    part = _store_mask(np.array(bits), SCHEMES[name])
    assert _mask_of(part.data.codes, part.bits, (size,)).tolist() == bits


@pytest.mark.parametrize("seed", range(6))
def test_one_wrong_mask_bit_shifts_exactly_the_values_after_it(seed: int) -> None:
    reading = stored("mixed2").read_flipped("masks", seed, "none")
    ((name, faulty),) = reading.changed.items()
    written = subject().compressed.tensors[name].decode().ravel()
    read = faulty.ravel()
    place = int(np.flatnonzero((read != 0) != (written != 0))[0])
    assert np.array_equal(read[:place], written[:place])
    # What follows is the same sequence of values, one taken too many or too few.
    values, found = written[written != 0], read[read != 0]
    kept = min(len(values), len(found))
    assert np.array_equal(found[:kept], values[:kept])
    assert abs(len(found) - len(values)) <= 1
    pattern = (read != 0) != (written != 0)
    assert pattern.sum() in (1, 2)  # The flipped bit, and a last element that found no value.
    moved = np.flatnonzero(read != written)
    assert moved.size > (written[place:] != 0).sum() / 2


@pytest.mark.parametrize("seed", range(6))
def test_a_new_start_in_each_row_keeps_the_shift_in_it(seed: int) -> None:
    free = stored("mixed2").read_flipped("masks", seed, "none")
    rows = stored("mixed2").read_flipped("masks", seed, "row")
    ((name, faulty),) = rows.changed.items()
    written = subject().compressed.tensors[name].decode()
    wrong_rows = np.flatnonzero((faulty != written).any(axis=1)).tolist()
    first = int(np.flatnonzero((free.changed[name] != written).any(axis=1))[0])
    # A bit set behind the last value of its row asks for a value that the row does not have.
    last = np.flatnonzero(written[first])[-1]
    flipped = np.flatnonzero((free.changed[name] != 0)[first] != (written != 0)[first])[0]
    assert wrong_rows == ([] if flipped > last else [first])


@pytest.mark.parametrize("seed", range(4))
def test_one_wrong_value_cell_changes_one_weight(seed: int) -> None:
    reading = stored("mixed3").read_flipped("values", seed, "none")
    ((name, faulty),) = reading.changed.items()
    written = subject().compressed.tensors[name].decode()
    assert np.count_nonzero(faulty != written) == 1


@pytest.mark.parametrize("name", ["mlc3", "mixed3", "mlc3-secded", "high-mixed3"])
def test_injected_faults_are_as_many_as_expected(name: str) -> None:
    faults = cell_faults(subject(), SCHEMES[name], OPTIONS)
    expected = stored(name).expected(faults)
    counts = [stored(name).read(faults, seed, "none").counts for seed in range(40)]
    for part in ("values", "masks"):
        mean = getattr(expected, part)
        total = sum(getattr(count, part) for count in counts)
        assert abs(total - 40 * mean) <= 4 * math.sqrt(40 * mean)


def test_words_beyond_correction_are_as_many_as_expected() -> None:
    faults = cell_faults(subject(), SCHEMES["mlc3-secded"], OPTIONS)
    expected = 40 * stored("mlc3-secded").expected(faults).detected
    found = sum(
        stored("mlc3-secded").read(faults, seed, "none").counts.detected for seed in range(40)
    )
    # Words with three wrong bits look like one; cells that straddle words count twice.
    assert 0.9 * expected - 4 * math.sqrt(expected) < found < expected + 4 * math.sqrt(expected)
    assert found > 20


def test_protection_leaves_fewer_wrong_words_than_faults() -> None:
    faults = cell_faults(subject(), SCHEMES["mlc3-secded"], OPTIONS)
    expected = stored("mlc3-secded").expected(faults)
    assert 0 < expected.detected < 0.1 * expected.total


def test_the_same_seed_gives_the_same_reading_and_another_another() -> None:
    faults = uniform_faults(1e-3, "values")
    first, again, other = (stored("mixed2").read(faults, seed, "none") for seed in (5, 5, 6))
    assert first.counts == again.counts
    assert first.changed.keys() == again.changed.keys()
    for name, values in first.changed.items():
        assert np.array_equal(values, again.changed[name])
    assert any(not np.array_equal(v, other.changed.get(n)) for n, v in first.changed.items())


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_uniform_cells_fail_with_the_rate_at_every_level(bits: int) -> None:
    table = uniform_transitions(bits, 0.25)
    assert [sum(table.of_level(level)) for level in range(2**bits)] == [0.25] * 2**bits


@pytest.mark.parametrize("name", SIMULATED)
def test_the_capacity_is_what_placement_counts(name: str) -> None:
    scheme, one = SCHEMES[name], subject()
    occupied = occupied_bits(stored(name), scheme)
    hardware = machine_of(one, scheme, occupied)
    config = one.workload.config
    graph = task_graph(config, one.case, one.task, config.sequence_length)
    measured = {n: t.nonzeros for n, t in one.compressed.tensors.items() if t.masked}
    placed = place(graph, storage_of(one, scheme), hardware, measured)
    bits = placed.bits(task_specific=False)
    assert {f"rram_{kind}bit": amount for kind, amount in occupied.items()} == {
        memory: amount for memory, amount in bits.items() if amount
    }


def test_cells_that_a_value_does_not_fill_are_refused_on_request() -> None:
    with pytest.raises(
        ConfigError, match=r"^8 bits do not divide into cells of 3 bits: .*; choose .*$"
    ):
        write(subject(), SCHEMES["mixed3"], replace(OPTIONS, partial_cells=False))


def test_unknown_schemes_are_named() -> None:
    with pytest.raises(ConfigError, match=r"^unknown scheme 'mixd2'; did you mean 'mixed2'\?$"):
        find_schemes(["slc", "mixd2"])
    assert [one.name for one in find_schemes(["mlc2", "slc", "mlc2"])] == ["mlc2", "slc"]
    assert len(find_schemes([])) == len(SCHEMES)
