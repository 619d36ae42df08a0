"""Number formats: from float32 to codes of 2 to 16 bits and back.

A code is the bit pattern of a stored value, an unsigned integer. In every format code 0 is the
value zero, so a mask over the non-zero codes loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.weights.settings import NumberFormat
from accelsim.weights.weight_set import Values

Codes = NDArray[np.unsignedinteger[Any]]
Integers = NDArray[np.int32]

# A largest exponent lies in -64..127 (EdgeBERT's register has 3 bits, for exponents of -3 to 4):
# 2^-64 = 5e-20 is below any trained weight; from there on all codes are normal float32 [ours].
_SMALLEST_EXPONENT = -64
# Of float32 (IEEE 754): bits of the mantissa, bias of the exponent.
_FLOAT_MANTISSA = 23
_FLOAT_BIAS = 127


@dataclass(frozen=True, eq=False)
class SymmetricIntegers:
    """Two's complement integers times a scale.

    ``scale`` broadcasts against the tensor: one element, or one for each row. The most negative
    code is never written, but can be read where a bit has flipped.
    """

    bits: int
    scale: Values

    def encode(self, values: Values) -> Codes:
        """Return the codes of values, each the nearest step, half to even."""
        largest = 2 ** (self.bits - 1) - 1
        return _wrap(np.clip(_steps(values, self.scale), -largest, largest), self.bits)

    def decode(self, codes: Codes) -> Values:
        """Return the values of codes."""
        sign = 1 << (self.bits - 1)
        return _times((codes.astype(np.int32) ^ sign) - sign, self.scale)


@dataclass(frozen=True, eq=False)
class AffineIntegers:
    """Unsigned integers less a zero point, times a scale.

    A stored code is the integer less its zero point modulo 2^bits: zero is code 0, and flipping a
    bit moves the value by as many steps as it would in the integer itself. ``scale`` and
    ``zero_point`` broadcast against the tensor.
    """

    bits: int
    scale: Values
    zero_point: Integers

    def encode(self, values: Values) -> Codes:
        """Return the codes of values, each the nearest step, half to even."""
        largest = 2**self.bits - 1 - self.zero_point
        return _wrap(np.clip(_steps(values, self.scale), -self.zero_point, largest), self.bits)

    def decode(self, codes: Codes) -> Values:
        """Return the values of codes."""
        integers = (codes + self.zero_point) & (2**self.bits - 1)
        return _times(integers - self.zero_point, self.scale)


@dataclass(frozen=True, eq=False)
class AdaptivFloat:
    """Sign, exponent and mantissa, from the most significant bit; no denormals, no infinity.

    ``largest_exponent`` is that of the tensor's (or row's) largest magnitude, and broadcasts
    against the tensor: it is the paper's exponent bias plus 2^exponent_bits - 1. The code of the
    smallest magnitude stands for zero, of either sign (Tambe et al., DAC 2020; AdpfloatSpec.h of
    harvard-acc/EdgeBERT).
    """

    bits: int
    exponent_bits: int
    largest_exponent: Integers

    @property
    def mantissa_bits(self) -> int:
        """Bits of the mantissa, its leading 1 not counted."""
        return self.bits - 1 - self.exponent_bits

    def encode(self, values: Values) -> Codes:
        """Return the codes of values.

        The mantissa is rounded to nearest, half to even. Too large a value becomes the largest;
        one below the smallest becomes that from its half on, and zero below.
        """
        first = self.largest_exponent - (2**self.exponent_bits - 1)
        code = _round_mantissa(values, self.mantissa_bits)
        code -= (first + _FLOAT_BIAS) << self.mantissa_bits
        np.clip(code, 0, 2 ** (self.bits - 1) - 1, out=code)
        half = np.ldexp(np.float32(1 + 2.0**-self.mantissa_bits), first - 1)
        np.maximum(code, np.abs(values) >= half, out=code)
        code |= ((code > 0) & np.signbit(values)).astype(np.int32) << (self.bits - 1)
        return _wrap(code, self.bits)

    def decode(self, codes: Codes) -> Values:
        """Return the values of codes."""
        exponent = np.ldexp(np.float32(1), self.largest_exponent)
        # Twice as fast as an index.
        values: Values = self._magnitudes().take(codes)
        values *= exponent
        return values

    def _magnitudes(self) -> Values:
        """Return the values of all codes where the largest exponent is 0."""
        codes = np.arange(2 ** (self.bits - 1))
        exponents = (codes >> self.mantissa_bits) - (2**self.exponent_bits - 1)
        mantissas = 1 + (codes % 2**self.mantissa_bits) / 2**self.mantissa_bits
        positive = np.ldexp(mantissas, exponents)
        positive[0] = 0
        return np.concatenate([positive, -positive]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Grouped:
    """Numbers with a scale for each ``size`` elements of a tensor, side by side."""

    size: int
    numbers: SymmetricIntegers | AffineIntegers | AdaptivFloat

    @property
    def bits(self) -> int:
        """Bits of a value, scales apart."""
        return self.numbers.bits

    def encode(self, values: Values) -> Codes:
        """Return the codes of values."""
        codes = self.numbers.encode(grouped(values, self.size))
        return codes.reshape(-1)[: values.size].reshape(values.shape)

    def decode(self, codes: Codes) -> Values:
        """Return the values of codes."""
        values = self.numbers.decode(grouped(codes, self.size))
        return values.reshape(-1)[: codes.size].reshape(codes.shape)


def grouped(elements: NDArray[Any], size: int) -> NDArray[Any]:
    """Return elements with a row for each group, the last one filled with zeros."""
    return np.pad(elements.reshape(-1), (0, -elements.size % size)).reshape(-1, size)


Numbers = SymmetricIntegers | AffineIntegers | AdaptivFloat | Grouped


def fit(
    values: Values, bits: int, how: NumberFormat
) -> SymmetricIntegers | AffineIntegers | AdaptivFloat:
    """Return the number format with its scale fitted to the range of the values.

    A vector has one scale whatever ``how.scale_per`` says.
    """
    axes = tuple(range(1, values.ndim)) if how.scale_per == "row" and values.ndim > 1 else None
    low = np.minimum(values.min(axis=axes, keepdims=True), 0)
    high = np.maximum(values.max(axis=axes, keepdims=True), 0)
    if how.kind == "affine":
        scale = _scale(high.astype(np.float64) - low, 2**bits - 1)
        return AffineIntegers(bits, scale, np.rint(-low / scale).astype(np.int32))
    largest = np.maximum(high, -low)
    if how.kind == "symmetric":
        return SymmetricIntegers(bits, _scale(largest, 2 ** (bits - 1) - 1))
    exponent = np.maximum(np.frexp(largest)[1] - 1, _SMALLEST_EXPONENT)
    return AdaptivFloat(bits, how.exponent_width, exponent.astype(np.int32))


def _scale(span: NDArray[np.floating[Any]], steps: int) -> Values:
    """Return the size of a step; where all values are zero any will do."""
    return np.maximum(span / steps, np.finfo(np.float32).tiny).astype(np.float32)


def _steps(values: Values, scale: Values) -> Values:
    steps: Values = values / scale
    np.rint(steps, out=steps)
    return steps


def _wrap(numbers: NDArray[Any], bits: int) -> Codes:
    """Return integers modulo 2^bits in the narrowest unsigned type."""
    wrapped: Integers = numbers.astype(np.int32) & (2**bits - 1)
    return wrapped.astype(np.uint8 if bits <= 8 else np.uint16)


def _times(integers: Integers, scale: Values) -> Values:
    # A flipped sign bit can leave the range of float32 where the values all but fill it.
    with np.errstate(over="ignore"):
        return integers.astype(np.float32) * scale


def _round_mantissa(values: Values, bits: int) -> Integers:
    """Return biased exponent and mantissa of ``bits`` bits as one integer, sign dropped.

    A mantissa that rounds up to 2 carries into the exponent by itself.
    """
    dropped = _FLOAT_MANTISSA - bits
    magnitudes: Integers = values.view(np.int32) & 0x7FFF_FFFF
    odd = (magnitudes >> dropped) & 1
    magnitudes += odd
    magnitudes += (1 << (dropped - 1)) - 1
    magnitudes >>= dropped
    return magnitudes
