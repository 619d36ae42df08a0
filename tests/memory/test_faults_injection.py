from __future__ import annotations

import numpy as np
import pytest
from fault_parts import applied, codes_of, draw, even, fit
from hypothesis import given
from hypothesis import strategies as st

from accelsim.memory.cells import CellFormat
from accelsim.memory.faults.injection import (
    draw_faults,
    fault_generator,
    level_counts,
    misread,
    program,
)
from accelsim.memory.faults.levels import Transitions

UNEVEN = Transitions((0.004, 0.01, 0.002), (0.008, 0.001, 0.006))


def cells(count: int, shares: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)) -> np.ndarray:
    return np.random.default_rng(1).choice(len(shares), count, p=shares).astype(np.uint8)


@given(st.lists(st.integers(0, 7), max_size=50))
def test_cells_are_counted_by_level(levels: list[int]) -> None:
    counts = level_counts(np.array(levels, np.uint8), 3)
    assert counts == tuple(levels.count(level) for level in range(8))


def test_counting_goes_over_all_chunks() -> None:
    levels = cells(600_003).reshape(3, -1)
    assert level_counts(levels, 2) == tuple(np.bincount(levels.ravel(), minlength=4))


def kinds_of(levels: np.ndarray, transitions: Transitions, seeds: range) -> np.ndarray:
    """Faults by level and direction of every draw, shape (seeds, 2 x gaps)."""
    rows = []
    for seed in seeds:
        faults = draw(levels, transitions, seed)
        started = levels[faults.positions]
        rows.append(
            [np.sum((started == gap) & (faults.steps == 1)) for gap in range(3)]
            + [np.sum((started == gap + 1) & (faults.steps == -1)) for gap in range(3)]
        )
    return np.array(rows)


@pytest.mark.parametrize("scale", [1.0, 40.0])  # Few faults are drawn one way, many another.
def test_the_number_of_faults_of_each_kind_follows_the_model(scale: float) -> None:
    levels = cells(20_000)
    model = Transitions(*(tuple(scale * p for p in each) for each in (UNEVEN.up, UNEVEN.down)))
    seen = kinds_of(levels, model, range(100))
    counts = np.array(level_counts(levels, 2))
    per_draw = np.concatenate((counts[:3] * model.up, counts[1:] * model.down))
    # Over all draws: a kind is unlikely to be off, and would be if the model were 5 % off.
    share = np.concatenate((model.up, model.down))
    statistic = seen.sum(axis=0), 100 * per_draw
    assert fit(*(part / (1 - share) for part in statistic)) > 1e-3
    assert fit(*(part / (1 - share) for part in (seen.sum(axis=0), 105 * per_draw))) < 1e-3
    # Draw by draw: the spread is that of a binomial, neither frozen nor wider.
    variance = per_draw * (1 - share)
    spread = ((seen - per_draw) ** 2).sum(axis=0) / variance
    assert np.all(spread > 58)
    assert np.all(spread < 155)


@pytest.mark.parametrize("probability", [0.002, 0.2])
def test_every_cell_of_a_level_is_equally_likely(probability: float) -> None:
    # One level lies in the first half alone, the other all over.
    levels = np.zeros(4000, np.uint8)
    levels[:2000:2] = 1
    hits = np.zeros(4000)
    for seed in range(400):
        hits[draw(levels, even(1, probability), seed).positions] += 1
    for level in (0, 1):
        where = hits[levels == level]
        bins = where.reshape(20, -1).sum(axis=1)
        assert fit(bins / (1 - probability), np.full(20, bins.mean()) / (1 - probability), 1) > 1e-3
        mean = 400 * probability * where.size
        assert where.sum() == pytest.approx(mean, abs=3.5 * mean**0.5)


def test_up_and_down_are_not_tied_to_positions() -> None:
    levels = np.ones(10_000, np.uint8)
    ups = np.zeros(10)
    for seed in range(200):
        faults = draw(levels, even(2, 0.01), seed)
        ups += np.bincount(faults.positions[faults.steps == 1] // 1000, minlength=10)
    assert fit(ups, np.full(10, ups.mean()), 1) > 1e-3


@given(st.integers(1, 3), st.sampled_from([1e-3, 0.05, 0.5]), st.integers(0, 99))
def test_faults_are_distinct_cells_one_level_away(bits: int, probability: float, seed: int):
    levels = np.random.default_rng(seed).integers(0, 2**bits, 3000, dtype=np.uint8)
    faults = draw(levels, even(bits, probability), seed)
    faulty = applied(faults, levels).astype(int)
    assert len(set(faults.positions.tolist())) == faults.positions.size
    assert np.sum(faulty != levels) == faults.positions.size
    assert np.all(abs(faulty - levels) <= 1)
    assert faulty.max(initial=0) < 2**bits


def test_certain_and_impossible_faults() -> None:
    levels = cells(1000)
    sure = draw(levels, Transitions((1.0,) * 3, (0.0,) * 3), 0)
    assert sorted(sure.positions) == np.flatnonzero(levels < 3).tolist()
    assert draw(levels, even(2, 0.0), 0).positions.size == 0
    assert draw(levels[:0], even(2, 0.5), 0).positions.size == 0


def test_rare_faults_do_happen() -> None:
    # The whole part of 0.15 expected faults is none, ever; a binomial has them in one draw of 7.
    levels = np.zeros(15_000, np.uint8)
    hit = sum(
        draw(levels, Transitions((1e-5,), (0.0,)), seed).positions.size > 0 for seed in range(400)
    )
    assert 32 <= hit <= 80  # 400 (1 - exp(-0.15)) = 56, within 3.5 standard deviations.


def test_few_of_many_cells_are_looked_at() -> None:
    class Watched(np.ndarray):
        looked = 0

        def __getitem__(self, key):  # type: ignore[no-untyped-def]
            Watched.looked += np.size(key)
            return super().__getitem__(key)

        def __eq__(self, other):  # type: ignore[no-untyped-def]
            Watched.looked += self.size
            return super().__eq__(other)

        __hash__ = None  # type: ignore[assignment]

    levels = np.zeros(2_000_000, np.uint8)
    levels[::50] = 1
    counts = level_counts(levels, 1)
    faults = draw_faults(levels.view(Watched), even(1, 5e-5), fault_generator(2), counts)
    assert 50 <= faults.positions.size <= 160
    assert Watched.looked < 2500


def test_the_same_seed_and_stream_draw_the_same_faults() -> None:
    levels = cells(50_000)

    def positions(*stream: str, seed: int = 3) -> list[int]:
        faults = draw(levels, UNEVEN, seed, *stream)
        return faults.positions.tolist()

    assert positions("a", "values") == positions("a", "values")
    others = [
        positions("a", "mask"),
        positions("b", "values"),
        positions("values", "a"),
        positions("a", seed=4),
    ]
    assert all(positions("a", "values") != other for other in others)
    # The documented seed: SeedSequence of [3, CRC-32 of "a"].
    sequence = np.random.SeedSequence([3, 0xE8B7BE43])
    assert (
        fault_generator(3, "a").random() == np.random.Generator(np.random.PCG64(sequence)).random()
    )


layouts = st.builds(
    CellFormat, bits_per_cell=st.integers(1, 3), coding=st.sampled_from(["binary", "gray"])
)


@given(layouts, st.integers(1, 16), st.integers(0, 50))
def test_misread_codes_are_those_of_the_faulty_levels(form: CellFormat, bits: int, seed: int):
    codes = np.random.default_rng(seed).integers(0, 2**bits, 300, dtype=np.uint16)
    array = program(codes, form.layout(bits))
    model = {width: even(width, 0.03) for width in (1, 2, 3)}
    read, faults = misread(array, model, fault_generator(seed))
    generator = fault_generator(seed)
    drawn = [
        draw_faults(plane, model[width], generator, counts)
        for plane, width, counts in zip(
            array.planes, array.layout.widths, array.counts, strict=True
        )
    ]
    planes = [applied(each, plane) for each, plane in zip(drawn, array.planes, strict=True)]
    assert read.tolist() == codes_of(planes, array.layout).tolist()
    assert faults == sum(each.positions.size for each in drawn)
    assert array.codes.tolist() == codes.tolist()


def test_expected_faults_are_the_mean_of_many_draws() -> None:
    codes = np.random.default_rng(5).integers(0, 256, 4000, dtype=np.uint8)
    array = program(codes, CellFormat(bits_per_cell=3).layout(8))
    assert array.cells == 12_000
    model = {3: even(3, 0.004), 2: even(2, 0.01)}
    mean = array.expected_faults(model)
    seen = [misread(array, model, fault_generator(seed))[1] for seed in range(100)]
    assert np.mean(seen) == pytest.approx(mean, abs=4 * (mean / 100) ** 0.5)
