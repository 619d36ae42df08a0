"""What tasks and uses waited for, and for how long: watched, never guessed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
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


class PathPiece(NamedTuple):
    """Ticks of a critical path: an action of a block with the amount done, or a wait without."""

    block: str
    what: str
    amount: int
    ticks: Tick


# What a critical path may hold beside actions.
PORT_WAIT, ANSWER = "wait for its port", "answer under way"


def critical_path(record: SegmentRecord, lags: Mapping[str, Tick]) -> Iterator[PathPiece]:
    """Yield what the end of a segment waited for, back to its start: ticks add up to all of it.

    From the task that ended last to the one that it waited for longest, and so on; of each task
    the use whose outcome came last. ``lags`` are ticks from when a port is free to its outcome.
    """
    spans: defaultdict[int, list[Span]] = defaultdict(list)
    for span in record.spans:
        spans[span.task].append(span)
    tasks, ended = record.segment.tasks, record.ended
    before: dict[int, int] = {}
    last: dict[str, int] = {}
    for task in tasks:
        earlier = {*task.after, *([last[task.queue]] if task.queue in last else [])}
        if earlier:
            before[task.id] = max(earlier, key=lambda other: (ended[other], other))
        last[task.queue] = task.id
    at = max(ended, key=lambda task: (ended[task], task), default=None)
    while at is not None:
        yield from _on_path(record, tasks[at], spans[at], lags)
        at = before.get(at)


def _on_path(
    record: SegmentRecord, task: Task, spans: list[Span], lags: Mapping[str, Tick]
) -> Iterator[PathPiece]:
    """Yield what a task spends its time on, from its begin to its end."""
    now, end = record.begun[task.id], record.ended[task.id]
    if now == end:
        return
    last = max(spans, key=lambda span: span.end + lags.get(span.port, 0))
    use = task.uses[last.use]
    for span in (each for each in spans if each.use == last.use):
        if span.start > now:
            yield PathPiece(use.block, PORT_WAIT, 0, span.start - now)
        yield PathPiece(use.block, use.action, span.share(use.amount), span.end - span.start)
        now = span.end
    if end > now:
        yield PathPiece(use.block, ANSWER, 0, end - now)


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
