"""The contract between mapping and engine: what the accelerator does, as a static list of tasks.

A *use* is one demand on one block. A *task* is a set of uses that start together; it stands in
an in-order *queue*, waits for earlier tasks, and ends with its slowest use. A *segment* is a list
of tasks that starts and ends with every queue empty. A *program* is a list of segments: power-up,
a switch to a task, one inference, a change of the operating point.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, Protocol, Self, TypeVar, runtime_checkable

from accelsim.errors import ProgramError


@runtime_checkable
class Demand(Protocol):
    """What a use asks of a block; each kind holds all that its duration depends on.

    ``amount`` is the integer that the ledger counts, in the unit that the block declares for the
    action. ``join`` returns one demand for two of a kind, or None when they must stay apart.
    """

    @property
    def amount(self) -> int:
        """What the ledger counts."""

    def join(self, other: Self) -> Self | None:
        """Return one demand for both; None when there is none."""


@dataclass(frozen=True, slots=True)
class Product:
    """Panels C[rows x columns] = A[rows x depth] W[columns x depth]^T of ``groups``, in MACs."""

    rows: int
    columns: int
    depth: int
    groups: int = 1

    @property
    def amount(self) -> int:
        """Multiply-accumulates."""
        return self.rows * self.columns * self.depth * self.groups

    def join(self, other: Product) -> None:
        """Each panel is a command of its own."""


@dataclass(frozen=True, slots=True)
class Elements:
    """A function of every element of rows x columns, of so many ``operands`` each.

    It goes over them in so many ``turns``: a sum of three takes two. ``sources`` are the blocks
    that operands, then parameters are read from, where a unit waits for each vector.
    """

    rows: int
    columns: int
    operands: int = 1
    turns: int = 1
    sources: tuple[str, ...] = ()

    @property
    def amount(self) -> int:
        """Elements of the results of all turns."""
        return self.rows * self.columns * self.turns

    def join(self, other: Elements) -> None:
        """Each function is a command of its own."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """``amount`` bytes or decodings that pass a port as so many vectors, one a cycle.

    Words of ``masks`` follow, as many a cycle as ``bus`` brings.
    """

    amount: int
    vectors: int
    masks: int = 0
    bus: str = ""

    def join(self, other: Vectors) -> Vectors | None:
        """Vectors follow one another; masks that come apart take cycles of their own."""
        if self.masks or other.masks:
            return None
        return Vectors(self.amount + other.amount, self.vectors + other.vectors)


@dataclass(frozen=True, slots=True)
class Words:
    """``amount`` consecutive words of a memory."""

    amount: int

    def join(self, other: Words) -> Words:
        """Words follow one another."""
        return Words(self.amount + other.amount)


@dataclass(frozen=True, slots=True)
class CodeWords:
    """``amount`` code words that stream through a codec; it takes ``cycles`` longer for all."""

    amount: int
    cycles: int = 0

    def join(self, other: CodeWords) -> CodeWords:
        """Code words stream behind one another: the longer latency is seen once."""
        return CodeWords(self.amount + other.amount, max(self.cycles, other.cycles))


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bytes of data, and of masks of so many vectors; whoever answers does ``wait`` cycles late."""

    data_bytes: int
    mask_bytes: int = 0
    mask_vectors: int = 0
    wait: int = 0

    @property
    def amount(self) -> int:
        """Bytes."""
        return self.data_bytes + self.mask_bytes

    def join(self, other: Transfer) -> Transfer:
        """Data and masks are one command each; the longer wait is that of all."""
        one, two = self, other
        data, masks = one.data_bytes + two.data_bytes, one.mask_bytes + two.mask_bytes
        return Transfer(data, masks, one.mask_vectors + two.mask_vectors, max(one.wait, two.wait))


@dataclass(frozen=True, slots=True)
class Range:
    """``size`` bytes from an address on, or pieces of that size ``stride`` bytes apart.

    A stride of 0 reads one range again and again.
    """

    address: int
    size: int
    pieces: int = 1
    stride: int = 0

    @property
    def amount(self) -> int:
        """Bytes."""
        return self.size * self.pieces

    def join(self, other: Range) -> Range | None:
        """Ranges that begin at one place lie one behind the other; others stay apart."""
        place = (self.address, self.pieces, self.stride)
        if (other.address, other.pieces, other.stride) != place:
            return None
        return Range(self.address, self.size + other.size, self.pieces, self.stride)


@dataclass(frozen=True, slots=True)
class Command:
    """``amount`` equal commands, such as register writes or changes of the supply."""

    amount: int = 1

    def join(self, other: Command) -> Command:
        """Commands follow one another."""
        return Command(self.amount + other.amount)


_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class Use:
    """One demand on one block."""

    block: str
    action: str
    demand: Demand

    @property
    def amount(self) -> int:
        """What the ledger counts, in the unit that the block declares for the action."""
        return self.demand.amount

    def expect(self, kind: type[_Kind]) -> _Kind:
        """Return the demand. Raises ProgramError when it is not of the kind that a block takes."""
        if isinstance(self.demand, kind):
            return self.demand
        raise ProgramError(
            f"'{self.block}' cannot serve '{self.action}' of {self.demand}, expected a demand of "
            f"the kind {kind.__name__}"
        )

    def join(self, other: Use) -> Use | None:
        """Return one use for both; None when they must stay apart."""
        if (self.block, self.action) != (other.block, other.action):
            return None
        if type(self.demand) is not type(other.demand):
            return None
        demand = self.demand.join(other.demand)
        return None if demand is None else Use(self.block, self.action, demand)


Pairs = tuple[tuple[str, int], ...]
Counted = tuple[str, str, str]  # block, action, operator


class Task(NamedTuple):
    """Uses that start together, at a place in a queue.

    ``after`` are ids of earlier tasks of the segment. ``holds`` are bytes taken in buffers when
    the task starts, ``releases`` bytes given back when it ends: (buffer, bytes) pairs.
    """

    id: int
    queue: str
    operator: str
    uses: tuple[Use, ...]
    after: tuple[int, ...] = ()
    holds: Pairs = ()
    releases: Pairs = ()


class ProgramKind(StrEnum):
    """What a program is for; energy and time are reported by kind."""

    POWER_UP = "power_up"
    SWITCH = "switch"
    INFER = "infer"
    SCALE = "scale"


@dataclass(frozen=True, eq=False)
class Segment:
    """Tasks in program order. A task waits for earlier ones only, so it cannot deadlock.

    Segments are compared by identity: the mapping shares one object between equal work.

    Raises ProgramError when a task's id is not its position, when it waits for itself or a later
    task, or when it asks for a negative amount.
    """

    name: str
    tasks: tuple[Task, ...]

    def __post_init__(self) -> None:
        for position, task in enumerate(self.tasks):
            if task.id != position:
                raise ProgramError(
                    f"segment '{self.name}': the task at position {position} has the id {task.id}"
                )
            late = [other for other in task.after if not 0 <= other < position]
            if late:
                raise ProgramError(
                    f"segment '{self.name}': task {task.id} ({task.operator}) waits for "
                    f"{late[0]}, which is not an earlier task"
                )
        sizes = ((task, size) for task in self.tasks for size in (*task.holds, *task.releases))
        asked = ((task, (u.block, u.amount)) for task in self.kinds[0] for u in task.uses)
        for task, (name, amount) in (*sizes, *asked):
            if amount < 0:
                raise ProgramError(
                    f"segment '{self.name}': task {task.id} ({task.operator}) asks for {amount} "
                    f"of '{name}', expected 0 or more"
                )

    @cached_property
    def kinds(self) -> tuple[tuple[Task, ...], tuple[int, ...]]:
        """The first task of each kind and the kind of each: of one queue, operator, and uses."""
        numbers: dict[tuple[object, ...], int] = {}
        keys = ((task.queue, task.operator, *map(id, task.uses)) for task in self.tasks)
        kinds = tuple(numbers.setdefault(key, len(numbers)) for key in keys)
        first = dict(zip(reversed(kinds), reversed(self.tasks), strict=True))
        return tuple(first[kind] for kind in range(len(numbers))), kinds

    @cached_property
    def followers(self) -> tuple[tuple[int, ...], ...]:
        """The tasks that wait for each task: all that name it, and the next one of its queue."""
        found: list[list[int]] = [[] for _ in self.tasks]
        last: dict[str, int] = {}
        for task in self.tasks:
            before = last.get(task.queue)
            if before is not None and before not in task.after:
                found[before].append(task.id)
            for earlier in task.after:
                found[earlier].append(task.id)
            last[task.queue] = task.id
        return tuple(map(tuple, found))

    @cached_property
    def wait_counts(self) -> tuple[int, ...]:
        """The number of tasks that each task waits for."""
        counts = Counter(task for followers in self.followers for task in followers)
        return tuple(counts[task.id] for task in self.tasks)

    @cached_property
    def distinct_uses(self) -> tuple[Use, ...]:
        """Every use once: programs repeat few of them many thousand times."""
        return tuple({id(use): use for task in self.kinds[0] for use in task.uses}.values())

    @cached_property
    def keys(self) -> tuple[tuple[Counted, ...], ...]:
        """What counts each use of the tasks of each kind."""
        every = (((u.block, u.action, task.operator) for u in task.uses) for task in self.kinds[0])
        return tuple(map(tuple, every))

    @cached_property
    def use_counts(self) -> tuple[tuple[Use, Counted, int], ...]:
        """Each distinct use with what counts it, and how often it stands in the tasks of that."""
        times, uses = Counter[tuple[int, Counted]](), {id(use): use for use in self.distinct_uses}
        repeated = Counter(self.kinds[1]).values()
        for task, keys, count in zip(self.kinds[0], self.keys, repeated, strict=True):
            for use, key in zip(task.uses, keys, strict=True):
                times[id(use), key] += count
        return tuple((uses[use], key, count) for (use, key), count in times.items())

    @cached_property
    def amounts(self) -> Counter[Counted]:
        """Amounts of one execution."""
        total: Counter[Counted] = Counter()
        for use, key, times in self.use_counts:
            total[key] += use.amount * times
        return total

    @cached_property
    def masters(self) -> dict[str, frozenset[str]]:
        """The queues that use each block."""
        found: dict[str, set[str]] = {}
        for task in self.kinds[0]:
            for use in task.uses:
                found.setdefault(use.block, set()).add(task.queue)
        return {block: frozenset(queues) for block, queues in found.items()}

    @property
    def blocks(self) -> Set[str]:
        """Names of all blocks in use."""
        return self.masters.keys()


@dataclass(frozen=True)
class Program:
    """Segments in order; the same segment object may stand in it many times.

    ``layers`` are the encoder layers of the segments; a program of no layer has none.
    """

    name: str
    kind: ProgramKind
    segments: tuple[Segment, ...]
    layers: tuple[int | None, ...] = ()


@dataclass
class SegmentBuilder:
    """Collects tasks with their ids; releases may be added to a task until the end."""

    name: str
    _tasks: list[tuple[str, str, tuple[Use, ...], tuple[int, ...], Pairs]] = field(
        default_factory=list
    )
    _releases: dict[int, list[tuple[str, int]]] = field(default_factory=dict)

    def add(
        self,
        queue: str,
        operator: str,
        uses: Iterable[Use],
        after: Iterable[int] = (),
        holds: Iterable[tuple[str, int]] = (),
    ) -> int:
        """Append a task and return its id. Uses of amount zero are left out."""
        wanted = tuple([use for use in uses if use.demand.amount])
        self._tasks.append((queue, operator, wanted, tuple(sorted(set(after))), tuple(holds)))
        return len(self._tasks) - 1

    def release(self, task: int, buffer: str, size: int) -> None:
        """Give back bytes of a buffer when the task ends."""
        self._releases.setdefault(task, []).append((buffer, size))

    def build(self) -> Segment:
        """Return the segment."""
        releases = (tuple(self._releases.get(n, ())) for n in range(len(self._tasks)))
        both = enumerate(zip(self._tasks, releases, strict=True))
        return Segment(self.name, tuple(Task(n, *task, back) for n, (task, back) in both))
