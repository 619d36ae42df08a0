from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from fault_parts import even, word_cells
from hypothesis import given
from hypothesis import strategies as st

from accelsim.machine.schema import load_hardware
from accelsim.memory.cells import CellFormat
from accelsim.memory.faults.hamming import encode
from accelsim.memory.faults.injection import fault_generator
from accelsim.memory.faults.levels import BitFlips
from accelsim.memory.faults.stored import read_part, store_part
from accelsim.memory.protection import (
    Code,
    codec_cost,
    uncorrectable_probability,
)

WORDS = [8, 16, 32, 64, 128]
SECDED = {word: Code("secded", word) for word in WORDS}


def test_code_words_have_their_known_lengths() -> None:
    assert [word + SECDED[word].check_bits for word in WORDS] == [13, 22, 39, 72, 137]


def binomial_tail(cells: int, probability: float, least: int) -> float:
    return sum(
        math.comb(cells, k) * probability**k * (1 - probability) ** (cells - k)
        for k in range(least, cells + 1)
    )


@given(st.integers(1, 140), st.floats(0, 1), st.integers(1, 4))
def test_one_bit_cells_follow_the_binomial(cells: int, probability: float, correct: int) -> None:
    flips = [(BitFlips(probability, 0.0), cells)]
    expected = binomial_tail(cells, probability, correct + 1)
    found = uncorrectable_probability(flips, correct)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_rare_failures_keep_their_digits() -> None:
    found = uncorrectable_probability([(BitFlips(1e-12, 0.0), 72)])
    assert found == pytest.approx(math.comb(72, 2) * 1e-24, rel=1e-9)
    # A cell that yields two wrong bits at once is beyond correction by itself.
    assert uncorrectable_probability([(BitFlips(0.0, 1e-9), 36)]) == pytest.approx(36e-9)


CASES = [
    (1, "binary", 8, 64, 0.004),
    (2, "gray", 8, 64, 0.004),
    (2, "binary", 8, 64, 0.002),
    (3, "gray", 4, 128, 0.003),
    (3, "binary", 8, 32, 0.004),
]


@pytest.mark.parametrize(("kind", "coding", "bits", "word", "probability"), CASES)
def test_injected_words_fail_as_often_as_computed(
    kind: int, coding: str, bits: int, word: int, probability: float
) -> None:
    form = CellFormat(bits_per_cell=kind, coding=coding)  # type: ignore[arg-type]
    model = {width: even(width, probability) for width in (1, 2, 3)}
    # Check bits are computed, so their levels are as mixed as those of random data.
    checks = form.layout(SECDED[word].check_bits)
    cells = word_cells(word, form.layout(bits), checks, model)
    words, per_word = 30_000, word // bits
    codes = np.random.default_rng(kind).integers(0, 2**bits, words * per_word, dtype=np.uint8)
    part = store_part(codes, bits, form, SECDED[word])  # type: ignore[arg-type]
    found = read_part(part, model, fault_generator(11))
    # Two wrong bits are detected, three or more are in part miscorrected: count both.
    failed = (found.codes != codes).reshape(words, per_word).any(axis=1)
    beyond = uncorrectable_probability(cells)
    wrong = 1 - math.prod((1 - flips.one - flips.more) ** count for flips, count in cells)
    # A detected word may have its wrong bits among the check bits alone: its values are right.
    assert failed.sum() <= found.detected + found.corrected
    assert found.corrected + found.detected == pytest.approx(
        words * wrong, abs=4 * (words * wrong) ** 0.5
    )
    assert found.detected <= words * beyond + 4 * (words * beyond) ** 0.5
    share = (word / (word + SECDED[word].check_bits)) ** 2
    assert failed.sum() >= share * words * beyond - 4 * (words * beyond) ** 0.5
    assert failed.sum() <= words * beyond + 4 * (words * beyond) ** 0.5


@pytest.mark.parametrize("word", WORDS)
def test_gates_are_those_of_the_trees(word: int) -> None:
    logic = load_hardware("hwconfigs/edgebert.yaml").site.logic
    gate = logic.add_8_bit.energy / 24
    cost = codec_cost(SECDED[word], logic)
    # Every data bit that feeds a check bit is a leaf of its tree: one gate less than leaves.
    single = np.packbits(np.eye(word, dtype=np.uint8), axis=1)
    leaves = sum(int(check).bit_count() for check in encode(single, SECDED[word]))
    assert leaves == sum(map(int.bit_count, SECDED[word].columns))
    assert cost.encode_energy == pytest.approx((leaves - SECDED[word].check_bits) * gate)
    assert cost.decode_energy == pytest.approx((leaves + word * SECDED[word].check_bits) * gate)
    assert cost.area == pytest.approx(
        logic.add_8_bit.area / 24 * (cost.encode_energy + cost.decode_energy) / gate
    )
    assert SECDED[word].decoder_cycles == 1


def test_longer_words_cost_less_storage_and_more_gates() -> None:
    logic = load_hardware("hwconfigs/edgebert.yaml").site.logic
    shares = [SECDED[word].check_bits / word for word in WORDS]
    costs = [codec_cost(SECDED[word], logic).decode_energy for word in WORDS]
    assert shares == sorted(shares, reverse=True)
    assert costs == sorted(costs)


def test_gates_of_a_bch_decoder_are_those_counted_by_hand() -> None:
    logic = load_hardware("hwconfigs/edgebert.yaml").site.logic
    # Four of 512 bits: 40 check bits, a field of 2^10. Trees over half of 552 bits for ten
    # bits of each of four syndromes; 2 t^2 products of 2 m^2 gates; at each bit t constants.
    syndromes, key, search = 4 * 10 * 552 // 2, 2 * 16 * 200, 552 * (4 * 100 // 2 + 10)
    cost = codec_cost(Code("bch4", 512), logic)
    assert cost.decode_energy == pytest.approx(
        (syndromes + key + search) * logic.add_8_bit.energy / 24
    )


def test_more_correction_costs_more_of_everything() -> None:
    logic = load_hardware("hwconfigs/edgebert.yaml").site.logic
    codes = [SECDED[64], *(Code(scheme, 512) for scheme in ("bch2", "bch3", "bch4"))]  # type: ignore[arg-type]
    costs = [codec_cost(code, logic) for code in codes]
    for figure in ("encode_energy", "decode_energy", "area"):
        found = [getattr(cost, figure) for cost in costs]
        assert found == sorted(found)
    cells = [(BitFlips(1e-3, 0.0), 552)]
    left = [uncorrectable_probability(cells, correct) for correct in (1, 2, 3, 4)]
    assert all(one > 5 * other for one, other in itertools.pairwise(left))
