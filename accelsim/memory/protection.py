"""Error-correcting codes of stored words: sizes in bits, gates, and what remains wrong.

SECDED is the extended Hamming code, (72, 64) for a word of 64 bits: it corrects one wrong bit of a
word, detects two, and may miscorrect three or more. In systematic form every column of its check
matrix has odd weight, which is also Hsiao's condition (M. Y. Hsiao, "A Class of Optimal Minimum
Odd-weight-column SEC-DED Codes", IBM J. Res. Dev. 14(4), 1970).

A level read as its neighbour is one wrong bit in Gray code, but up to three in plain binary: only
Gray-coded cells are sure to be corrected.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from accelsim.inputs.validation import ConfigModel
from accelsim.memory.faults.levels import BitFlips

if TYPE_CHECKING:
    from accelsim.memory.logic import Logic

Scheme = Literal["none", "secded"]
WordBits = Literal[8, 16, 32, 64, 128]


class ProtectionConfig(ConfigModel):
    """What protects the values and the masks of a tensor.

    ``word``: data bits of a code word. Each part of a tensor begins a new word, and its last word
    is short: the missing bits are zeros that nobody stores. A word found wrong beyond correction
    is kept as it was read.
    """

    values: Scheme = "none"
    masks: Scheme = "none"
    word: WordBits = 64


def check_bits(word: int) -> int:
    """Return the check bits of a SECDED word: 8 for 64 bits of data."""
    hamming = next(r for r in range(2, word + 2) if 2**r >= word + r + 1)
    return hamming + 1


@lru_cache(maxsize=8)
def secded_columns(word: int) -> tuple[int, ...]:
    """Return the check bits that each data bit takes part in, as integers of odd weight.

    The low bits are the bit's position in the Hamming code (no power of two, 3, 5, 6, 7, 9 ...),
    the highest makes the weight odd: it is the parity of the whole code word.
    """
    parity = 1 << (check_bits(word) - 1)
    positions = (place for place in range(3, 2 * parity) if place & (place - 1))
    return tuple(
        place if place.bit_count() % 2 else place | parity
        for place, _ in zip(positions, range(word), strict=False)
    )


@dataclass(frozen=True)
class CodecCost:
    """What encoding and decoding a SECDED word costs.

    ``encode_energy`` and ``decode_energy`` in J a word, ``area`` of both in m2. ``cycles`` is what
    the decoder adds to the latency of a read; words still follow one another every cycle.
    """

    encode_energy: float
    decode_energy: float
    area: float
    cycles: int


# A full adder is two XOR gates and a carry of about one more, and an 8-bit adder has eight of
# them: one of 24 equal parts for a two-input gate. [ours]
_GATES_PER_ADDER = 24
# The trees of XOR gates are log2(36) + log2(9) = 10 gates deep for 64 bits: one pipeline stage.
# [ours]
DECODER_CYCLES = 1


def codec_cost(word: int, logic: Logic) -> CodecCost:
    """Return the cost of the encoder and decoder of a word, from counted two-input gates.

    The encoder is one XOR tree a check bit. The decoder builds the same trees, compares each with
    the stored bit, matches the result with every data bit's column and flips that bit. All gates
    are taken to switch, so the energies are upper bounds of such a circuit without its registers.
    """
    ones, checks = sum(map(int.bit_count, secded_columns(word))), check_bits(word)
    encode = ones - checks
    decode = ones + word * (checks - 1) + word
    energy = logic.add_8_bit.energy / _GATES_PER_ADDER
    area = logic.add_8_bit.area / _GATES_PER_ADDER
    return CodecCost(
        encode_energy=encode * energy,
        decode_energy=decode * energy,
        area=(encode + decode) * area,
        cycles=DECODER_CYCLES,
    )


def uncorrectable_probability(cells: Iterable[tuple[BitFlips, int]]) -> float:
    """Return the probability that a word has more than the one wrong bit that is corrected.

    ``cells``: how likely a cell yields wrong bits, and how many such cells a word has, check bits
    included. The cells fail independently. Every term is positive, so that small probabilities
    keep their digits.
    """
    none, one, more = 1.0, 0.0, 0.0
    for flips, count in cells:
        wrong = flips.one + flips.more
        for _ in range(count):
            more += one * wrong + none * flips.more
            one = one * (1 - wrong) + none * flips.one
            none *= 1 - wrong
    return more
