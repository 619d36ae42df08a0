"""Where an output pixel reads a picture: what convolutions and poolings have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """A window of ``kernel`` pixels that moves over a picture in steps of ``stride``.

    Heights come before widths, all in pixels; ``padding`` is above, left, below and right. Pixels
    of a window are ``dilation`` apart.
    A picture is a matrix: a row a pixel, line by line, and a column a channel.
    """

    picture: Pair
    kernel: Pair
    stride: Pair = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: Pair = (1, 1)

    @classmethod
    def of_all(cls, rows: int) -> Window:
        """Return the one window of all rows."""
        return cls((rows, 1), (rows, 1), (rows, 1))

    @property
    def span(self) -> Pair:
        """Height and width from the first to the last pixel of a window."""
        down, across = self.dilation
        return (self.kernel[0] - 1) * down + 1, (self.kernel[1] - 1) * across + 1

    @property
    def made(self) -> Pair:
        """Height and width of what is made."""
        above, left, below, right = self.padding
        height = (self.picture[0] + above + below - self.span[0]) // self.stride[0] + 1
        return height, (self.picture[1] + left + right - self.span[1]) // self.stride[1] + 1

    @property
    def taps(self) -> int:
        """Pixels that an output pixel reads; beyond the edge they are read as padding."""
        return self.kernel[0] * self.kernel[1]

    @property
    def pixels(self) -> int:
        """Rows that are read."""
        return self.picture[0] * self.picture[1]

    @property
    def rows(self) -> int:
        """Rows that are made."""
        return self.made[0] * self.made[1]

    def patches(self, value: NDArray[np.float32], beyond: float = 0.0) -> Any:
        """Return (sentences, rows, channels, taps) of (sentences, pixels, channels)."""
        import numpy as np

        above, left, below, right = self.padding
        pictures = value.reshape(len(value), *self.picture, -1)
        edges = ((0, 0), (above, below), (left, right), (0, 0))
        padded = np.pad(pictures, edges, constant_values=beyond)
        views = np.lib.stride_tricks.sliding_window_view(padded, self.span, axis=(1, 2))
        (down, across), (tall, wide) = self.stride, self.dilation
        chosen = views[:, ::down, ::across, :, ::tall, ::wide]
        return chosen.reshape(len(value), self.rows, -1, self.taps)
