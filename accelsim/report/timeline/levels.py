"""Levels of detail: what is drawn of which part of a view, so that a file stays small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby

from accelsim.account.window import View
from accelsim.engine.run import Part
from accelsim.engine.segment_run import SegmentRecord
from accelsim.errors import OutputError
from accelsim.evaluation.cases import CaseResult
from accelsim.units import Tick, to_seconds

# [ours] Slices of a file whose level nobody chose: some 10 MB, written in a second.
USUAL = 120_000
# [ours] Some GB: viewers take no more.
MOST = 20_000_000


class Level(IntEnum):
    """What a slice is; each level is drawn with all those before it.

    Requests; their programs (switches of the task, inferences); layers (segments of a program);
    operators in each queue; panels (tasks) and stalls in each queue; uses of each block.
    """

    REQUEST = 0
    SWITCH = 1
    LAYER = 2
    OPERATOR = 3
    PANEL = 4
    USE = 5

    @property
    def label(self) -> str:
        """Its name."""
        return self.name.lower()


@dataclass(frozen=True)
class Plan:
    """A view of a case, its level of each part in order of time."""

    case: CaseResult
    shown: View
    levels: tuple[Level, ...]

    @property
    def parts(self) -> list[Part]:
        """The parts of all executions, in order of time."""
        return [part for execution in self.shown.executions for part in execution.parts]

    @property
    def word_bytes(self) -> dict[str, float]:
        """The bytes of a word of each memory."""
        regions = self.case.case.hardware.regions
        return {name: float(region.word_bytes) for name, region in regions.items()}

    def stretches(self) -> Iterator[tuple[Level, Tick, Tick]]:
        """Yield from when to when which level is drawn; nothing happens between."""
        drawn = zip(self.levels, self.parts, strict=True)
        for level, same in groupby(drawn, key=lambda pair: pair[0]):
            parts = [part for _, part in same]
            yield level, parts[0].began, parts[-1].began + parts[-1].record.duration


def plan_of(name: str, case: CaseResult, level: Level | None = None, usual: int = USUAL) -> Plan:
    """Return what is drawn of a case: all of it at a level, or what fits into so many slices.

    That is the finest level at which the whole view takes half of them, operators at best, and uses
    from its begin for as long as they fit. Raises OutputError when the run has no spans, when its
    window shows nothing, and when there would be more than MOST slices.
    """
    shown = _drawable(name, case)
    sizes = _sizes(Plan(case, shown, ()).parts)
    levels = _levels(shown, sizes, usual) if level is None else (level,) * len(sizes)
    if (count := _count(shown, sizes, levels)) > MOST:
        raise OutputError(
            f"cannot draw the timeline of '{name}': it would have {count:,} slices, expected at "
            f"most {MOST:,}; shorten the window or draw a coarser level"
        )
    return Plan(case, shown, levels)


def _drawable(name: str, case: CaseResult) -> View:
    run, refused = case.run, f"cannot draw the timeline of '{name}': "
    if not run.traced:
        raise OutputError(f"{refused}its run recorded no spans; simulate it with trace=True")
    if not run.executions and not run.states:
        raise OutputError(
            f"{refused}nothing happens in its window, which begins at "
            f"{to_seconds(run.window.start):g} s; the run ends at {to_seconds(run.makespan):g} s"
        )
    return case.view


# How many slices each level after the first adds to a part.
_Size = tuple[int, ...]


def _levels(shown: View, sizes: Sequence[_Size], most: int) -> tuple[Level, ...]:
    """Return the level of each part at which all slices are no more than so many."""

    def whole(level: Level) -> int:
        return _count(shown, sizes, [level] * len(sizes))

    fitting = (level for level in list(Level)[: Level.PANEL] if whole(level) <= most // 2)
    base = max(fitting, default=Level.REQUEST)
    left, levels = most - whole(base), list[Level]()
    for size in sizes:
        left -= sum(size[base : Level.USE])
        levels.append(Level.USE if left >= 0 else base)
    return tuple(levels)


def _count(shown: View, sizes: Sequence[_Size], levels: Sequence[Level]) -> int:
    inner = (sum(size[:level]) for size, level in zip(sizes, levels, strict=True))
    return len(shown.requests) + len(shown.stays) + sum(inner)


def _sizes(parts: Sequence[Part]) -> list[_Size]:
    known = {id(part.record): part.record for part in parts}
    sizes = {key: _size(record) for key, record in known.items()}
    return [sizes[id(part.record)] for part in parts]


def _size(record: SegmentRecord) -> _Size:
    tasks = record.segment.tasks
    queues: dict[str, list[str]] = {}
    for task in tasks:
        queues.setdefault(task.queue, []).append(task.operator)
    operators = sum(1 for names in queues.values() for _ in groupby(names))
    # A program, a layer; a panel may come with a stall before it and one inside.
    return (1, 1, operators, 2 * len(tasks), len(record.spans))
