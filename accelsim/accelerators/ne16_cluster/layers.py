"""Layers as they are worked off, one after the other, and the tiles that fit the cluster's memory.

A tile is so many lines of the picture that is made, of so many of its channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from accelsim.errors import CapacityError
from accelsim.machine.timing.ne16 import PATCH, STRIDED_PATCH, Filtered
from accelsim.mapping.values import Rows
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Operator, Reach
from accelsim.units import ceil_div, format_bytes

# [ours] Channels that tiles are cut into: what the engine makes at a time.
_CHANNELS = 32


@dataclass(frozen=True)
class Layer:
    """An operator, the ReLU that clips what leaves it, and lines and width of what it makes."""

    operator: Operator
    clip: Operator | None
    picture: tuple[int, int]

    @property
    def last(self) -> Operator:
        """Whose output leaves."""
        return self.clip or self.operator

    @property
    def is_product(self) -> bool:
        """Whether weights are multiplied."""
        return self.operator.kind.reach is Reach.MATRIX

    @cached_property
    def mode(self) -> str | None:
        """What the engine does for it; None where cores work it off."""
        own, window = self.operator, self.operator.window
        if not self.is_product:
            return None
        if window is None:
            return "1x1" if own.rows > 1 else "linear"
        grouped = own.groups > 1
        depthwise = grouped and own.groups == own.columns and own.depth == window.taps
        kinds = {((3, 3), False): "3x3", ((3, 3), True): "depthwise", ((1, 1), False): "1x1"}
        plain = window.stride in ((1, 1), (2, 2)) and window.dilation == (1, 1)
        if not plain or grouped != depthwise:
            return None
        return kinds.get((window.kernel, depthwise))

    def rows(self, lines: Rows) -> int:
        """Return the pixels of some lines."""
        return (lines[1] - lines[0]) * self.picture[1]

    def job(self, lines: Rows, columns: Rows) -> Filtered:
        """Return what the engine is asked for a tile."""
        assert self.mode
        own, window, count = self.operator, self.operator.window, self.rows(lines)
        size = STRIDED_PATCH if window and window.stride != (1, 1) else PATCH
        down, across = ceil_div(lines[1] - lines[0], size), ceil_div(self.picture[1], size)
        # Rows of no picture are laid out in patches.
        patches = down * across if self.picture[1] > 1 else ceil_div(count, PATCH**2)
        return Filtered(self.mode, count, columns[1] - columns[0], own.depth, patches)

    def read(self, lines: Rows, channels: Rows) -> list[int]:
        """Return the bytes of each input that some lines read; depthwise, of their channels."""
        own, window, count = self.operator, self.operator.window, lines[1] - lines[0]
        shapes = own.kind.inputs(own)
        if own.sources:
            return [self.rows(lines) * own.columns]
        if window is None:
            return [self.rows(lines) * width for _, width in shapes]
        ((_, width),) = shapes
        width = channels[1] - channels[0] if width == own.columns == own.groups else width
        seen = min(window.picture[0], (count - 1) * window.stride[0] + window.span[0])
        return [seen * window.picture[1] * width]

    def weights(self, columns: Rows) -> int:
        """Return the elements of the parameters of some columns."""
        whole = sum(parameter.elements for parameter in self.operator.parameters)
        return whole * (columns[1] - columns[0]) // self.operator.columns

    def tile(self, room: int) -> tuple[int, int]:
        """Return lines and columns of the largest tiles of which two lie in so many bytes.

        One that is a whole layer lies there alone. Raises CapacityError.
        """
        lines, columns = self.picture[0], self.operator.columns
        across = ceil_div(columns, _CHANNELS) if self.is_product else 1
        cuts = [(d * a, a, d) for a in range(1, across + 1) for d in range(1, lines + 1)]
        for count, parts, deep in sorted(cuts):
            tall = ceil_div(lines, deep)
            wide = ceil_div(ceil_div(columns, parts), _CHANNELS) * _CHANNELS
            wide = min(columns, wide)
            if self._size((0, tall), (0, wide)) * (1 if count == 1 else 2) <= room:
                return tall, wide
        least = 2 * self._size((0, 1), (0, min(columns, _CHANNELS)))
        label = self.operator.label
        raise CapacityError(
            f"{label} needs {format_bytes(least)} in 'l1' for two of its smallest tiles, which has "
            f"{format_bytes(room)}; enlarge 'l1'",
            label,
            "l1",
        )

    def _size(self, lines: Rows, columns: Rows) -> int:
        made = self.rows(lines) * (columns[1] - columns[0])
        return sum(self.read(lines, columns)) + self.weights(columns) + made


def layers_of(graph: LayerGraph) -> list[Layer]:
    """Return the layers of a graph, in an order in which they can be worked off."""
    found, pictures = list[Layer](), dict[str, tuple[int, int]]()
    clipped = {each.name for each in graph.operators if _clips(graph, each)}
    for operator in graph.operators:
        if operator.name in clipped:
            continue
        after = graph.successors(operator)
        clip = after[0] if after and after[0].name in clipped else None
        before = [pictures[each.name] for each in graph.predecessors(operator)]
        same = [each for each in before if each[0] * each[1] == operator.rows]
        made = operator.window.made if operator.window else (same or [(operator.rows, 1)])[0]
        found.append(Layer(operator, clip, made))
        pictures |= dict.fromkeys((operator.name, found[-1].last.name), made)
    return found


def _clips(graph: LayerGraph, operator: Operator) -> bool:
    """Say whether an operator is a ReLU of what nothing else reads and that is scaled anyway."""
    before = graph.predecessors(operator)
    if operator.kind.name != "relu" or len(before) != 1:
        return False
    scaled = before[0].kind.reach is Reach.MATRIX or before[0].kind.name == "add"
    return scaled and len(graph.successors(before[0])) == 1
