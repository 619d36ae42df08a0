"""NE16, the convolution engine of pulp-platform/ne16: cycles of a job, and what it moves.

An engine makes a *patch* of 3 x 3 pixels of 32 channels (16 of a depthwise filter) at a time, from
16 channels after 16 (256 of a single row): it loads the pixels, fetches weight offsets, multiplies
bit after bit of the weights, and when all channels are in, scales, shifts and writes the patch. No
phase overlaps another. Strides of 2 make 2 x 2 of the 3 x 3 pixels.

Sources: phases and their lengths, pulp-platform/dory@edc45e4, GAP9_NE16/Tiler/Ne16PerfModel.py; a
single row (``linear``), gvsoc/gvsoc-pulp@8be83ac, pulp/ne16/src/ne16_load.cpp and ne16_fsm.cpp;
strides, pulp-platform/pulp-nnx@2223af9, ne16/hal/ne16_task.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from accelsim.units import ceil_div

PATCH, STRIDED_PATCH = 3, 2
_PIXELS = PATCH**2
_WEIGHT_BITS = 8
_FIFO, _UPDATE = 6, 2


@dataclass(frozen=True, slots=True)
class Filtered:
    """``rows`` pixels of ``columns`` channels, each of ``depth`` products, counted in MACs.

    ``mode`` names what the engine does with its multipliers; the pixels lie in so many ``patches``
    of the picture that it makes at a time.
    """

    mode: str
    rows: int
    columns: int
    depth: int
    patches: int

    @property
    def amount(self) -> int:
        """Multiply-accumulates."""
        return self.rows * self.columns * self.depth

    def join(self, other: Filtered) -> None:
        """Each is a job of its own."""


@dataclass(frozen=True)
class Mode:
    """Channels in and out of a step, vectors of pixels loaded, pixels made, vectors of weights.

    A vector of weights (``weight_bytes``) arrives a cycle; a channel takes ``vectors`` of them.
    """

    channels_in: int
    channels_out: int
    loaded: int
    load_latency: int
    offset_latency: int
    vectors: int
    weight_bytes: int
    made: int = _PIXELS
    taps: int = 1
    own_channel: bool = False


# The linear mode is GVSoC's, without the offset's latency of its 3 x 3 (10 cycles, as of 1 x 1).
MODES = {
    "3x3": Mode(16, 32, 25, _FIFO, _FIFO, _WEIGHT_BITS, 18, taps=9),
    "1x1": Mode(16, 32, 9, 10, _FIFO, 1, 16),
    "depthwise": Mode(16, 16, 25, _FIFO, _FIFO, _WEIGHT_BITS, 18, taps=9, own_channel=True),
    "linear": Mode(256, 32, 16, _FIFO, 10, _WEIGHT_BITS, 32, made=1),
}


@dataclass(frozen=True)
class Ne16Timing:
    """The scale of a channel takes ``scale_bits``, a shift and a bias where it has them."""

    scale_bits: int
    shift: bool
    bias: bool

    def cycles(self, asked: Filtered) -> int:
        """Return the cycles of a job."""
        mode = MODES[asked.mode]
        steps = _steps(mode, asked)
        return asked.patches * sum(
            blocks * (steps * self._step(mode, channels) + self._finish(mode, channels))
            for blocks, channels in _blocks(mode, asked.columns)
        )

    def slots(self, asked: Filtered) -> int:
        """Return the multiplications of all pixels and channels of patches and steps."""
        mode = MODES[asked.mode]
        deep = 1 if mode.own_channel else _steps(mode, asked) * mode.channels_in
        return asked.patches * mode.made * asked.columns * deep * mode.taps

    def reads(self, asked: Filtered) -> tuple[int, int]:
        """Return bytes and vectors that are read: pixels, weights, and what scales them."""
        mode = MODES[asked.mode]
        size = vectors = 0
        for blocks, channels in _blocks(mode, asked.columns):
            steps = blocks * _steps(mode, asked)
            fetched = mode.vectors * channels
            size += steps * (16 * mode.loaded + mode.weight_bytes * fetched)
            vectors += steps * (mode.loaded + fetched)
            scales = channels * (self.scale_bits // 8 + self.shift + 4 * self.bias)
            size += blocks * scales
            vectors += blocks * ceil_div(scales, 32)
        return asked.patches * size, asked.patches * vectors

    def writes(self, asked: Filtered) -> tuple[int, int]:
        """Return bytes and vectors that are written: pixels of patches that are kept."""
        blocks = sum(count for count, _ in _blocks(MODES[asked.mode], asked.columns))
        return asked.rows * asked.columns, asked.rows * blocks

    def _step(self, mode: Mode, channels: int) -> int:
        """Return the cycles of one block of channels that come in, for those that go out."""
        offset = mode.offset_latency + (channels if mode.own_channel else 0)
        multiplied = _FIFO + channels * mode.vectors
        return mode.load_latency + mode.loaded + offset + multiplied + _UPDATE

    def _finish(self, mode: Mode, channels: int) -> int:
        """Return the cycles of scaling and writing: 4 shifters, 4 multipliers, 8 adders."""
        shift = ceil_div(mode.channels_out, 4) if self.shift else 0
        scale = 9 + ceil_div(channels * (self.scale_bits // 8), 4)
        bias = 8 + ceil_div(channels, 8) if self.bias else 0
        return shift + scale + bias + 3 + mode.made + 1


def _steps(mode: Mode, asked: Filtered) -> int:
    return 1 if mode.own_channel else ceil_div(asked.depth, mode.channels_in * mode.taps)


def _blocks(mode: Mode, columns: int) -> Iterator[tuple[int, int]]:
    """Yield how many blocks of channels go out, and the channels of each."""
    full, rest = divmod(columns, mode.channels_out)
    yield full, mode.channels_out
    yield int(rest > 0), rest
