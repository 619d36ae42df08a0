"""What executors have in common: chunks of points to take, outcomes to give back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from accelsim.evaluation.point import Point
from accelsim.inputs.files import one_reading
from accelsim.inputs.memo import Memo
from accelsim.study.outcome import Outcome, outcome_of

# Points of a chunk: fewer cost more messages, more are lost with a worker of a cluster.
_FEWEST, _MOST = 10, 50
# Chunks for each worker, so that the last do not wait for one.
_EACH = 8

Numbered = tuple[tuple[int, Point], ...]


Results = Generator[tuple[int, Outcome], None, None]


class Chunk(NamedTuple):
    """Numbers of points that one worker evaluates in order; those of a group share simulations."""

    group: int
    numbers: tuple[int, ...]


class Pending:
    """Chunks that nobody evaluates yet.

    A worker goes on with the group that it is in, then takes one that nobody has begun, then helps
    with the largest. ``unknown`` returns those of some numbers that no other command has evaluated
    meanwhile; where one does, chunks are taken from the other end, so that the two meet.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[int]],
        workers: int,
        unknown: Callable[[tuple[int, ...]], tuple[int, ...]] = lambda numbers: numbers,
    ) -> None:
        self._unknown, self._backwards = unknown, False
        total = sum(map(len, groups))
        size = min(max(_FEWEST, -(-total // (_EACH * max(1, workers)))), _MOST)
        self._chunks: dict[int, deque[Chunk]] = {}
        self._begun = set[int]()
        for group, numbers in enumerate(_gathered(groups, size)):
            cut = (numbers[at : at + size] for at in range(0, len(numbers), size))
            self._chunks[group] = deque(Chunk(group, tuple(each)) for each in cut)

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def take(self, last: int | None = None) -> Chunk | None:
        """Return the next chunk for a worker whose last one was of a group; None for no more."""
        while self._chunks:
            group = self._group(last)
            self._begun.add(group)
            chunks = self._chunks[group]
            chunk = chunks.pop() if self._backwards else chunks.popleft()
            if not chunks:
                del self._chunks[group]
            left = self._unknown(chunk.numbers)
            self._backwards |= len(left) < len(chunk.numbers)
            if left:
                return Chunk(group, left)
        return None

    def _group(self, last: int | None) -> int:
        if last is not None and last in self._chunks:
            return last
        order = reversed(self._chunks) if self._backwards else iter(self._chunks)
        fresh = next((group for group in order if group not in self._begun), None)
        largest = max(self._chunks, key=lambda group: len(self._chunks[group]))
        return largest if fresh is None else fresh

    def put_back(self, chunk: Chunk) -> None:
        """Give back what a worker did not come to."""
        if chunk.numbers:
            self._chunks.setdefault(chunk.group, deque()).appendleft(chunk)


def _gathered(groups: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    """Yield groups, small ones together."""
    gathered: list[int] = []
    for numbers in groups:
        if len(numbers) >= size:
            yield list(numbers)
            continue
        gathered += numbers
        if len(gathered) >= size:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


class Executor(ABC):
    """Evaluates chunks of points. It is a context: what it has started ends with it."""

    workers: int

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def results(self, pending: Pending, points: Sequence[Point]) -> Results:
        """Yield the outcome of every pending point, in any order; each exactly once.

        When it is closed before, points in flight are lost. A point that has killed two of its
        workers is ``KILLED``.
        """

    def close(self) -> None:
        """End what was started."""
        return


def evaluated(chunk: Numbered, memo: Memo) -> Iterator[tuple[int, Outcome]]:
    """Yield the outcomes of a chunk, one by one, from one state of all files."""
    with one_reading():
        for number, point in chunk:
            yield number, outcome_of(point, memo)


class InProcess(Executor):
    """Evaluates in this process: for debuggers, and where a process more is not worth it."""

    workers = 1

    def __init__(self) -> None:
        self._memo = Memo()

    def results(self, pending: Pending, points: Sequence[Point]) -> Results:
        """Yield the outcome of every pending point in the order of chunks."""
        last = None
        while chunk := pending.take(last):
            last = chunk.group
            yield from evaluated(tuple((n, points[n]) for n in chunk.numbers), self._memo)
