"""What tasks and uses waited for, and for how long: watched, never guessed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from accelsim.engine.segment_run import SegmentRecord, Span
from accelsim.program import Task
from accelsim.units import Tick

# What a use waits for whose port is free: the block's own way to it.
LEAD = "lead time of the block"


@dataclass(frozen=True, slots=True)
class Step:
    """A task at its place in its queue, in ticks from the start of the segment.

    The queue was free ``since``. Where the task starts later, ``cause`` is what it waited for: the
    one that ended last of those that it names.
    """

    task: Task
    since: Tick
    start: Tick
    end: Tick
    cause: Task | None

    @property
    def waited(self) -> Tick:
        """The ticks for which the queue stood still before the task."""
        return self.start - self.since


def steps(record: SegmentRecord) -> dict[str, list[Step]]:
    """Return the steps of each queue in order of time; they do not overlap."""
    tasks, begun, ended = record.segment.tasks, record.begun, record.ended
    found: dict[str, list[Step]] = {}
    for task in tasks:
        before = found.setdefault(task.queue, [])
        since, start = before[-1].end if before else 0, begun[task.id]
        last = max(task.after, key=lambda other: (ended[other], other), default=None)
        cause = None if last is None or start == since else tasks[last]
        before.append(Step(task, since, start, ended[task.id], cause))
    return found


class Wait(NamedTuple):
    """For how many ticks a use waited for its port, and for what: the operator that held it."""

    ticks: Tick
    reason: str


def port_waits(record: SegmentRecord) -> Iterator[Wait]:
    """Yield what each span of a record waited for since its task began or a rival cut its use."""
    tasks = record.segment.tasks
    before: dict[str, Span] = {}
    cut: dict[tuple[int, int], Tick] = {}
    for span in record.spans:
        ready = cut.get((span.task, span.use), record.begun[span.task])
        held = before.get(span.port)
        reason = tasks[held.task].operator if held and held.end == span.start else LEAD
        yield Wait(span.start - ready, reason if span.start > ready else "")
        before[span.port] = span
        if span.done + span.end - span.start < span.ticks:
            cut[span.task, span.use] = span.end


def arrows(record: SegmentRecord) -> list[tuple[int, int]]:
    """Return pairs of tasks (ids) of which the second waits for the first, in another queue.

    Those of one operator, which are its loads and what computes with them, and of others those
    that ended last before something that waited.
    """
    tasks = record.segment.tasks
    causes = {s.task.id: s.cause.id for each in steps(record).values() for s in each if s.cause}
    return [
        (earlier, task.id)
        for task in tasks
        for earlier in task.after
        if tasks[earlier].queue != task.queue
        and (tasks[earlier].operator == task.operator or causes.get(task.id) == earlier)
    ]


def levels(record: SegmentRecord) -> dict[str, list[tuple[Tick, int]]]:
    """Return from which tick on each buffer holds how many bytes, where tasks change that."""
    changes: dict[str, dict[Tick, int]] = {}
    for task in record.segment.tasks:
        for at, sign, pairs in (
            (record.begun[task.id], 1, task.holds),
            (record.ended[task.id], -1, task.releases),
        ):
            for buffer, size in pairs:
                by = changes.setdefault(buffer, {})
                by[at] = by.get(at, 0) + sign * size
    found = {}
    for buffer, by in changes.items():
        level = record.end_levels.get(buffer, 0) - sum(by.values())
        found[buffer] = [(0, level)]
        for at in sorted(by):
            level += by[at]
            found[buffer].append((at, level))
    return found
