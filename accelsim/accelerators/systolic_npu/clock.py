"""When the array, the loads and the vector unit of a systolic machine are free, about."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from accelsim.accelerators.systolic_npu.ports import Figures


@dataclass(frozen=True)
class Clock:
    """Cycles at which the array, the loads and the vector unit are free.

    The array's last tile takes ``tile`` of them, and what is loaded next comes behind the tile
    before it.
    """

    array: Figures
    loads: Figures
    functions: Figures
    tile: Figures

    @property
    def end(self) -> Figures:
        """When all is done."""
        return np.maximum(self.array, self.functions)

    def on(self, before: Self, times: int) -> Self:
        """Return the clock after so many further steps like the one from ``before``."""
        now = {each.name: getattr(self, each.name) for each in fields(self)}
        steps = {n: times * (value - getattr(before, n)) for n, value in now.items()}
        return replace(self, **{n: now[n] + steps[n] for n in now if n != "tile"})


@dataclass(frozen=True)
class Work:
    """What a unit on some rows takes [cycles, J, commands], each in tiles of many sizes.

    ``weights`` and ``moved`` bring the first panels, ``ahead`` the weights of a tile, ``loads`` all
    operands; ``array`` is the busiest of the other ports, ``tile`` a tile's part of it, ``piece``
    the last product, and ``last`` the way of the last sums. All tiles in ``turns`` of two, of which
    one is loaded when the one before it has ended, take no less. ``functions`` take so long in all,
    those of a panel a ``panel`` of it.
    """

    joules: Figures
    commands: Figures
    functions: Figures
    panel: Figures
    array: Figures | None = None
    weights: Figures | float = 0.0
    moved: Figures | float = 0.0
    ahead: Figures | float = 0.0
    loads: Figures | float = 0.0
    tile: Figures | float = 0.0
    piece: Figures | float = 0.0
    last: Figures | float = 0.0
    turns: Figures | float = 0.0

    def after(self, clock: Clock, ready: Figures) -> tuple[Clock, Figures]:
        """Return the clock behind it, and when its results are there, of what is ``ready`` then."""
        if self.array is None:
            ready = np.maximum(clock.functions, ready) + self.functions
            return replace(clock, functions=ready), ready
        begin = np.maximum(clock.loads, clock.array - clock.tile)
        start = np.maximum(ready, begin + self.weights) + self.moved
        start = np.maximum(clock.array, start)
        loads = np.maximum(begin, ready - self.ahead) + self.loads
        end = np.maximum(start + self.array, loads + self.piece)
        ready, functions = end + self.last, clock.functions
        if self.functions.any():
            first = start + self.tile + self.last
            functions = np.maximum(functions, first) + self.functions
            functions = ready = np.maximum(functions, ready + self.panel)
        return Clock(end, loads, functions, self.tile + 0 * end), ready
