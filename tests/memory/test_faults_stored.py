from __future__ import annotations

import itertools

import numpy as np
import pytest
from fault_parts import even
from hypothesis import given
from hypothesis import strategies as st

from accelsim.memory.cells import CellFormat
from accelsim.memory.faults.hamming import correct, encode, pack_words, restore, unpack_words
from accelsim.memory.faults.injection import fault_generator
from accelsim.memory.faults.levels import Transitions
from accelsim.memory.faults.stored import read_part, store_part
from accelsim.memory.protection import Code, ProtectionConfig

WORDS = [8, 16, 32, 64, 128]
SECDED = {word: Code("secded", word) for word in WORDS}
USUAL = SECDED[64]


def slow_encode(data: list[int], checks: int) -> int:
    """Hamming's code as in the books: bits at numbered places, parity of those with a common bit.

    Check bits stand at the powers of two; one more is the parity of all.
    """
    places = (place for place in itertools.count(1) if place & (place - 1))
    placed = dict(zip(places, data, strict=False))
    hamming = sum(
        (sum(bit for place, bit in placed.items() if place >> r & 1) % 2) << r
        for r in range(checks - 1)
    )
    return hamming | ((sum(data) + hamming.bit_count()) % 2) << (checks - 1)


def random_words(word: int, count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, word // 8), dtype=np.uint8)


@pytest.mark.parametrize("word", WORDS)
def test_check_bits_are_those_of_the_textbook(word: int) -> None:
    words = random_words(word, 20)
    slow = [slow_encode(np.unpackbits(row).tolist(), SECDED[word].check_bits) for row in words]
    assert encode(words, SECDED[word]).tolist() == slow


@pytest.mark.parametrize("word", WORDS)
def test_a_word_with_one_wrong_bit_is_restored(word: int) -> None:
    bits = word + SECDED[word].check_bits
    words = np.repeat(random_words(word, 1, seed=word), bits, axis=0)
    wrong, checks = flipped(words, encode(words, SECDED[word]), [(place,) for place in range(bits)])
    fixed = correct(wrong, checks, SECDED[word])
    assert np.array_equal(fixed.words, words)
    assert len(fixed.corrected) == bits
    assert len(fixed.detected) == 0


@pytest.mark.parametrize("word", WORDS)
def test_a_word_with_two_wrong_bits_is_detected(word: int) -> None:
    pairs = list(itertools.combinations(range(word + SECDED[word].check_bits), 2))
    words = np.repeat(random_words(word, 1, seed=word), len(pairs), axis=0)
    wrong, checks = flipped(words, encode(words, SECDED[word]), pairs)
    found = correct(wrong, checks, SECDED[word])
    assert found.detected.tolist() == list(range(len(pairs)))
    assert np.array_equal(found.words, wrong)


def test_three_wrong_bits_may_be_made_four() -> None:
    triples = list(itertools.combinations(range(16), 3))
    words = np.zeros((len(triples), 8), np.uint8)
    found = correct(*flipped(words, encode(words, USUAL), triples), USUAL)
    wrong = np.unpackbits(found.words, axis=1).sum(axis=1)
    assert set(wrong[found.corrected]) <= {2, 3, 4}
    assert np.sum(wrong == 4) > 0
    assert np.all(wrong[found.detected] == 3)


def flipped(words: np.ndarray, checks: np.ndarray, places: list[tuple[int, ...]]):  # type: ignore[no-untyped-def]
    """Flip these places of each word; those beyond the data are check bits."""
    words, checks, data = words.copy(), checks.copy(), 8 * words.shape[1]
    for row, each in enumerate(places):
        for place in each:
            if place < data:
                words[row, place // 8] ^= 0x80 >> place % 8
            else:
                checks[row] ^= np.uint64(1 << (place - data))
    return words, checks


@pytest.mark.parametrize("word", WORDS)
def test_columns_are_distinct_and_of_odd_weight(word: int) -> None:
    columns = SECDED[word].columns
    assert len(set(columns)) == word
    assert {column.bit_count() % 2 for column in columns} == {1}
    assert min(map(int.bit_count, columns)) >= 3
    assert max(columns) < 2 ** SECDED[word].check_bits


@given(st.integers(1, 32), st.sampled_from(WORDS), st.data())
def test_words_hold_the_codes_in_order(bits: int, word: int, data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=30))
    packed = pack_words(np.array(codes, np.uint32), bits, word)
    text = "".join(format(code, f"0{bits}b") for code in codes)
    stored = "".join(map(str, np.unpackbits(packed).tolist()))
    assert stored == text + "0" * (-len(text) % word)
    assert packed.shape == (-(-len(text) // word), word // 8)
    assert unpack_words(packed, bits, len(codes)).tolist() == codes


forms = st.builds(
    CellFormat, bits_per_cell=st.integers(1, 3), coding=st.sampled_from(["binary", "gray"])
)


@given(
    forms, st.integers(1, 16), st.sampled_from(["none", "secded", "bch3"]), st.sampled_from(WORDS)
)
def test_without_faults_a_part_reads_as_written(form, bits, scheme, word) -> None:  # type: ignore[no-untyped-def]
    codes = np.random.default_rng(bits).integers(0, 2**bits, 77, dtype=np.uint16)
    part = store_part(codes, bits, form, ProtectionConfig(word=word).code(scheme))
    none = {width: even(width, 0.0) for width in (1, 2, 3)}
    found = read_part(part, none, fault_generator(0))
    assert found.codes.tolist() == codes.tolist()
    assert (found.faults, found.corrected, found.detected) == (0, 0, 0)
    assert part.expected_faults(none) == 0


def test_gray_cells_are_corrected_and_binary_ones_only_detected() -> None:
    # Only levels 1 and 2 are mistaken for each other: two wrong bits of a plain binary cell.
    model = {2: Transitions((0.0, 2e-4, 0.0), (0.0, 2e-4, 0.0))}
    codes = np.random.default_rng(1).integers(0, 256, 40_000, dtype=np.uint8)
    results = {}
    for coding in ("binary", "gray"):
        form = CellFormat(bits_per_cell=2, coding=coding)  # type: ignore[arg-type]
        results[coding] = read_part(store_part(codes, 8, form, USUAL), model, fault_generator(6))
    gray, binary = results["gray"], results["binary"]
    assert gray.faults > 10
    assert gray.corrected + 2 * gray.detected == gray.faults
    assert np.sum(gray.codes != codes) <= 2 * gray.detected
    assert binary.corrected == 0
    assert binary.detected >= binary.faults - 2
    assert np.sum(binary.codes != codes) > 5


def test_check_bits_are_misread_too() -> None:
    part = store_part(np.zeros(8000, np.uint8), 8, CellFormat(), USUAL)
    model = {1: Transitions((0.001,), (0.0,))}
    assert part.cells == 72_000
    bare = store_part(np.zeros(8000, np.uint8), 8, CellFormat())
    assert part.expected_faults(model) == pytest.approx(72.0)
    assert bare.expected_faults(model) == pytest.approx(64.0)
    seen = [read_part(part, model, fault_generator(seed)).faults for seed in range(30)]
    assert np.mean(seen) == pytest.approx(72, abs=4 * (72 / 30) ** 0.5)


# Generators as Lin and Costello's table of them has (octal), and the code of EMBER's size.
BCH = [
    (Code("bch2", 7), 0o721),
    (Code("bch3", 16), 0o107657),
    (Code("bch3", 45), 0o1701317),
    (Code("bch4", 39), 0o166623567),
]


@pytest.mark.parametrize(("code", "generator"), BCH)
def test_bch_columns_are_those_of_the_textbook(code: Code, generator: int) -> None:
    degree = generator.bit_length() - 1
    assert code.check_bits == degree
    # The last data bit stands for x^degree, whose remainder is the rest of the generator.
    assert code.columns[-1] == generator ^ 1 << degree
    for place, column in enumerate(reversed(code.columns)):
        rest = 1 << (degree + place)
        while rest.bit_length() > degree:
            rest ^= generator << (rest.bit_length() - degree - 1)
        assert column == rest


@pytest.mark.parametrize("scheme", ["bch2", "bch3", "bch4", "bch6"])
def test_words_of_bch_are_far_apart(scheme: str) -> None:
    code = ProtectionConfig().code(scheme)  # type: ignore[arg-type]
    assert code is not None
    assert (code.word, code.check_bits) == (512, 10 * code.correctable)
    # Any one, two or three data bits that differ bring so many check bits with them.
    columns = np.array(code.columns, np.uint64)
    drawn = np.random.default_rng(2).integers(512, size=(20_000, 3))
    drawn = drawn[(np.diff(np.sort(drawn)) > 0).all(axis=1)]
    for data in (1, 2, 3):
        checks = np.bitwise_xor.reduce(columns[drawn[:, :data]], axis=1)
        assert min(int(each).bit_count() for each in checks) + data >= 2 * code.correctable + 1


@pytest.mark.parametrize("scheme", ["bch2", "bch3", "bch4"])
def test_bch_restores_as_many_bits_as_it_says(scheme: str) -> None:
    code = ProtectionConfig().code(scheme)  # type: ignore[arg-type]
    assert code is not None
    words, generator = random_words(512, 200), np.random.default_rng(3)
    written = encode(words, code)
    counts = [row % (code.correctable + 2) for row in range(200)]
    bits = 512 + code.check_bits
    places = [tuple(generator.choice(bits, count, replace=False).tolist()) for count in counts]
    wrong, checks = flipped(words, written, places)
    fixed = restore(wrong, checks, words, written, code)
    beyond = [row for row, count in enumerate(counts) if count > code.correctable]
    assert fixed.detected.tolist() == beyond
    assert len(fixed.corrected) == 200 - len(beyond) - counts.count(0)
    right = np.setdiff1d(np.arange(200), beyond)
    assert np.array_equal(fixed.words[right], words[right])
    assert np.array_equal(fixed.words[beyond], wrong[beyond])
