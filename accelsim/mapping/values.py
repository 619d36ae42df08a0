"""Activations while a segment is planned: where they lie, who wrote and who read which rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from accelsim.units import ceil_div

Rows = tuple[int, int]
Tasks = dict[str, int]  # queue -> last task of that queue


@dataclass
class Value:
    """One activation tensor of ``rows`` x ``columns`` bytes (8 bits an element).

    The last ``spilled`` rows lie in DRAM, where the whole would begin at ``address``; the others in
    the activation memory. A cache has a ``home`` of its own instead, and elements of ``bits``.
    """

    name: str
    rows: int
    columns: int
    spilled: int = 0
    address: int = 0
    written: dict[Rows, Tasks] = field(default_factory=dict)
    read: dict[Rows, Tasks] = field(default_factory=dict)
    home: str = ""
    bits: int = 8

    def address_of(self, rows: Rows) -> int:
        """Return the DRAM address of the first of these rows that lies there."""
        return self.address + max(rows[0], self.rows - self.spilled) * self.columns

    def on_chip(self, rows: Rows, elements: int) -> int:
        """Return how many of the elements in these rows lie in the activation memory."""
        if self.home:
            return 0
        first, last = rows
        if not self.spilled and last <= self.rows:
            return elements
        kept = min(max(self.rows - self.spilled - first, 0), last - first)
        return elements * kept // (last - first)

    def size(self, elements: int) -> int:
        """Return the bytes of so many elements of a cache."""
        return ceil_div(elements * self.bits, 8)

    def note_written(self, rows: Rows, queue: str, task: int) -> None:
        """Remember the last task of a queue that writes these rows."""
        self.written.setdefault(rows, {})[queue] = task

    def note_read(self, rows: Rows, queue: str, task: int) -> None:
        """Remember the last task of a queue that reads these rows."""
        self.read.setdefault(rows, {})[queue] = task

    def writers(self, rows: Rows) -> set[int]:
        """Return the tasks to wait for before these rows may be read."""
        return _tasks_of(self.written, rows)

    def users(self, rows: Rows) -> set[int]:
        """Return the tasks to wait for before these rows may be overwritten or released."""
        return _tasks_of(self.written, rows) | _tasks_of(self.read, rows)

    def copy(self) -> Value:
        """Return an independent copy."""
        written = {rows: dict(tasks) for rows, tasks in self.written.items()}
        read = {rows: dict(tasks) for rows, tasks in self.read.items()}
        return replace(self, written=written, read=read)


def _tasks_of(by_rows: dict[Rows, Tasks], rows: Rows) -> set[int]:
    start, stop = rows
    met = (tasks for (first, last), tasks in by_rows.items() if first < stop and start < last)
    return {task for tasks in met for task in tasks.values()}


def split_rows(rows: int, block: int) -> list[Rows]:
    """Return consecutive row ranges of at most ``block`` rows."""
    return [(start, min(start + block, rows)) for start in range(0, rows, block)]


# [ours] Tiles of more rows than sentences have: pictures.
MANY = 64


def row_blocks(rows: int, tile: int) -> list[int]:
    """Return the block sizes worth trying: all rows, half, a third ... down to one tile.

    Of very many rows each size is three quarters of the one before or less.
    """
    sizes: list[int] = []
    shrink = Fraction(3, 4) if rows > MANY * tile else 1
    for parts in range(1, rows + 1):
        size = -(-rows // parts)
        size = min(rows, -(-size // tile) * tile)
        if not sizes or (size < sizes[-1] and (size <= shrink * sizes[-1] or size <= tile)):
            sizes.append(size)
        if size <= tile:
            break
    return sizes
