"""Error-correcting codes of stored words: sizes in bits, gates, and what remains wrong.

SECDED is the extended Hamming code, (72, 64) for a word of 64 bits: it corrects one wrong bit of a
word, detects two, and may miscorrect three or more. In systematic form every column of its check
matrix has odd weight, which is also Hsiao's condition (M. Y. Hsiao, "A Class of Optimal Minimum
Odd-weight-column SEC-DED Codes", IBM J. Res. Dev. 14(4), 1970).

BCH codes correct two to six wrong bits of a word, shortened from their binary primitive length
(S. Lin and D. J. Costello, "Error Control Coding", chapter 6): (552, 512) for four of 512.
EMBER's RRAM macro has such a decoder beside it (akashlevy/ember-python a633d338).

A level read as its neighbour is one wrong bit in Gray code, but up to three in plain binary: only
Gray-coded cells are sure to be corrected.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import islice
from operator import xor
from typing import TYPE_CHECKING, Literal

from accelsim.inputs.validation import ConfigModel
from accelsim.memory.faults.levels import BitFlips
from accelsim.units import ceil_div

if TYPE_CHECKING:
    from accelsim.memory.logic import Logic

Scheme = Literal["none", "secded", "bch2", "bch3", "bch4", "bch6"]
WordBits = Literal[8, 16, 32, 64, 128, 256, 512]

# Primitive polynomials of the fields of 2^m elements: Lin and Costello, section 2.4.
_PRIMITIVE = {4: 0x13, 5: 0x25, 6: 0x43, 7: 0x89, 8: 0x11D, 9: 0x211, 10: 0x409}
# A full adder is two XOR gates and a carry of about one more, and an 8-bit adder has eight of
# them: one of 24 equal parts for a two-input gate. [ours]
_GATES_PER_ADDER = 24


@dataclass(frozen=True)
class Code:
    """A code of one scheme over words of so many data bits."""

    scheme: Scheme
    word: int

    @property
    def name(self) -> str:
        """What the actions of its codec are called after."""
        return str(self.word) if self.scheme == "secded" else f"{self.scheme}_{self.word}"

    @property
    def correctable(self) -> int:
        """Wrong bits of a word that are surely corrected."""
        return 1 if self.scheme == "secded" else int(self.scheme.removeprefix("bch"))

    @property
    def check_bits(self) -> int:
        """Check bits of a word: 8 of SECDED for 64 bits of data, 40 of BCH-4 for 512."""
        if self.scheme == "secded":
            return next(r for r in range(2, self.word + 2) if 2**r >= self.word + r + 1) + 1
        return _bch_generator(self.word, self.correctable).bit_length() - 1

    @property
    def columns(self) -> tuple[int, ...]:
        """The check bits that each data bit takes part in, as integers, first bit first."""
        if self.scheme == "secded":
            return _secded_columns(self.word)
        return _bch_columns(self.word, self.correctable)

    @property
    def decoder_cycles(self) -> int:
        """What the decoder adds to the latency of a read; words follow one another every cycle.

        SECDED's trees of XOR gates are log2(36) + log2(9) = 10 gates deep for 64 bits, one stage;
        a BCH decoder has one for syndromes, two for the key equation, one for the search. [ours]
        """
        return 1 if self.scheme == "secded" else 4


class ProtectionConfig(ConfigModel):
    """What protects the values and the masks of a tensor.

    ``word``: data bits of a code word, 64 of SECDED and 512 of BCH unless given. Each part of a
    tensor begins a new word, and its last word is short: the missing bits are zeros that nobody
    stores. A word found wrong beyond correction is kept as it was read.
    """

    values: Scheme = "none"
    masks: Scheme = "none"
    word: WordBits | None = None

    def code(self, scheme: Scheme) -> Code | None:
        """Return the code of a scheme, None without protection."""
        if scheme == "none":
            return None
        return Code(scheme, self.word or (64 if scheme == "secded" else 512))


@lru_cache(maxsize=8)
def _secded_columns(word: int) -> tuple[int, ...]:
    """Return columns of odd weight.

    The low bits are the bit's position in the Hamming code (no power of two, 3, 5, 6, 7, 9 ...),
    the highest makes the weight odd: it is the parity of the whole code word.
    """
    parity = 1 << (Code("secded", word).check_bits - 1)
    positions = (place for place in range(3, 2 * parity) if place & (place - 1))
    places = islice(positions, word)
    return tuple(place if place.bit_count() % 2 else place | parity for place in places)


def _field_bits(word: int, correctable: int) -> int:
    """Return the bits of the smallest field whose words hold data and check bits."""
    return next(m for m in _PRIMITIVE if 2**m - 1 >= word + m * correctable)


@lru_cache(maxsize=32)
def _bch_generator(word: int, correctable: int) -> int:
    """Return the generator polynomial: the product of the minimal ones of a, a^3, a^5, ..."""
    bits = _field_bits(word, correctable)
    order, generator = 2**bits - 1, 1
    for first in range(1, 2 * correctable, 2):
        minimal, power = [1], first
        while True:
            times = [_product(each, _power(bits, power), bits) for each in minimal]
            minimal = [a ^ b for a, b in zip([0, *minimal], [*times, 0], strict=True)]
            power = 2 * power % order
            if power == first:
                break
        generator = _carryless(generator, sum(each << place for place, each in enumerate(minimal)))
    return generator


def _power(bits: int, power: int) -> int:
    """Return a power of the primitive element."""
    return reduce(lambda found, _: _product(found, 2, bits), range(power), 1)


def _carryless(first: int, second: int) -> int:
    shifted = (first << place for place in range(second.bit_length()) if second >> place & 1)
    return reduce(xor, shifted, 0)


def _product(first: int, second: int, bits: int) -> int:
    """Return a product in the field."""
    found = _carryless(first, second)
    for place in range(found.bit_length() - 1, bits - 1, -1):
        found ^= (_PRIMITIVE[bits] << (place - bits)) if found >> place & 1 else 0
    return found


@lru_cache(maxsize=8)
def _bch_columns(word: int, correctable: int) -> tuple[int, ...]:
    """Return the remainders of the powers of x that the data bits stand for."""
    generator = _bch_generator(word, correctable)
    degree = generator.bit_length() - 1
    remainder, columns = generator ^ (1 << degree), []
    for _ in range(word):
        columns.append(remainder)
        remainder <<= 1
        remainder ^= generator if remainder >> degree else 0
    return tuple(reversed(columns))


@dataclass(frozen=True)
class CodecCost:
    """What encoding and decoding a word costs [J a word], and the ``area`` of both [m2]."""

    encode_energy: float
    decode_energy: float
    area: float


def codec_cost(code: Code, logic: Logic) -> CodecCost:
    """Return the cost of the encoder and decoder of a word, from counted two-input gates.

    The encoder is one XOR tree a check bit. All gates are taken to switch at every word, so the
    energies are upper bounds of such a circuit without its registers.
    """
    encode = sum(map(int.bit_count, code.columns)) - code.check_bits
    decode = _decoder_gates(code)
    energy = logic.add_8_bit.energy / _GATES_PER_ADDER
    area = logic.add_8_bit.area / _GATES_PER_ADDER
    return CodecCost(encode * energy, decode * energy, (encode + decode) * area)


def _decoder_gates(code: Code) -> int:
    """Return the gates of a decoder that takes a word every cycle.

    SECDED builds the encoder's trees, compares each with the stored bit, matches the result with
    every data bit's column and flips that bit. BCH has t syndromes of m trees over half of the
    bits, about 2 t^2 products of 2 m^2 gates for the key equation, and at every bit t products
    with a constant of m^2 / 2 gates and a comparison [ours].
    """
    checks, word = code.check_bits, code.word
    if code.scheme == "secded":
        return sum(map(int.bit_count, code.columns)) + word * (checks - 1) + word
    t, m = code.correctable, _field_bits(word, code.correctable)
    bits = word + checks
    return ceil_div(t * m * bits, 2) + 4 * t * t * m * m + bits * (ceil_div(t * m * m, 2) + m)


def uncorrectable_probability(cells: Iterable[tuple[BitFlips, int]], correctable: int = 1) -> float:
    """Return the probability that a word has more wrong bits than are corrected.

    ``cells``: how likely a cell yields wrong bits, and how many such cells a word has, check bits
    included. The cells fail independently; one with several wrong bits counts as beyond
    correction: exact where one bit is corrected and in Gray code, else an upper bound. Every term
    is positive, so that small probabilities keep their digits.
    """
    wrong_bits, more = [1.0] + [0.0] * correctable, 0.0
    for flips, count in cells:
        wrong = flips.one + flips.more
        for _ in range(count):
            more += wrong_bits[-1] * flips.one + sum(wrong_bits) * flips.more
            fewer = zip(wrong_bits, [0.0, *wrong_bits[:-1]], strict=True)
            wrong_bits = [own * (1 - wrong) + below * flips.one for own, below in fewer]
    return more
