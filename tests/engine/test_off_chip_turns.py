"""A memory off the chip that masters share: a turn each, as if every turn were an event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import pytest
from burst_gold import BurstGold
from engine.engine_gold import FixedMachine, segments
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.engine.clock import CountingEnvironment
from accelsim.engine.segment_run import SegmentRecord, SegmentRun
from accelsim.machine.components.burst_memory import BurstMemory
from accelsim.machine.components.dram import Dram, DramConfig
from accelsim.machine.components.off_chip import OffChipServer, Turn
from accelsim.machine.components.simple_dram import SimpleDram, SimpleDramConfig
from accelsim.machine.servers import Machine
from accelsim.memory.burst_memory import load_burst_memory
from accelsim.program import Command, Range, Segment, Task, Use
from accelsim.units import Tick

PAGE = 2048
STRETCH = 10**8
SIMPLE = {"kind": "simple_dram", "access": "32 B", "bandwidth": "2 GB/s", "latency": "0 s"}
MEMORIES: dict[str, Callable[[], OffChipServer]] = {
    "lpddr4": lambda: Dram("dram", DramConfig(technology="lpddr4_3200")),
    "standby": lambda: Dram("dram", DramConfig(technology="lpddr3_1600", idle_state="standby")),
    "psram": lambda: BurstMemory("dram", load_burst_memory("psram_octal"), "standby"),
    "flash": lambda: BurstMemory("dram", load_burst_memory("nor_octal"), "standby"),
    "simple": lambda: SimpleDram("dram", SimpleDramConfig.model_validate(SIMPLE)),
}
memories = st.sampled_from(sorted(MEMORIES))


class MachineWithMemory(FixedMachine):
    """Fixed blocks, and a memory that its masters share by turns of so many bytes."""

    def __init__(self, memory: OffChipServer, turn: int) -> None:
        super().__init__()
        self.dram = memory  # type: ignore[assignment]
        self.dram_turn = turn
        self.blocks["dram"] = memory


class EveryTurn:
    """The gold model's memory, served whenever the port gives it a turn."""

    def __init__(self, memory: OffChipServer, turn: int) -> None:
        self.memory, self.caused = memory, Counter[str]()
        whole = -(-turn // memory.grain) * memory.grain
        self._whole = whole
        self._last: tuple[int, int] | None = None

    def _turns(self, use: Use) -> list[Turn]:
        asked, found = use.expect(Range), list[Turn]()
        for piece in range(asked.pieces):
            first = asked.address + piece * asked.stride
            begin = first // self._whole * self._whole if self.memory.aligned else first
            cuts = range(begin + self._whole, first + asked.size, self._whole)
            edges = [first, *cuts, first + asked.size]
            found += [Turn(a, b - a, fresh=a == first) for a, b in pairwise(edges)]
        return found

    def bursts(self, use: Use) -> int:
        return len(self._turns(use))

    def serve(self, task: int, use: Use, left: int, now: Tick) -> Tick:
        turns = self._turns(use)
        follows = self._last == (task, left + 1) and left < len(turns)
        self._last = (task, left)
        ticks = self.memory.turn(use.action, turns[-left], now, follows=follows)
        self.caused.update(self.memory.extra_amounts())
        return ticks


def _place(number: int, use: Use, action: str) -> Use:
    """Return a read or a write of a few pages, in place of a use of the port 'alpha'."""
    if use.block != "alpha":
        return Use(use.block, use.action, Command(use.amount * STRETCH))
    size = 700 + use.amount * 1900
    pieces, address = 1 + number % 2, number * 8 * PAGE + 300 * use.amount
    return Use("dram", action, Range(address, size, pieces, 4 * PAGE))


@st.composite
def sharing(draw: st.DrawFn, actions: tuple[str, ...] = ("read", "write")) -> Segment:
    """Random tasks of which some share a memory; each asks for it once."""
    tasks = []
    for task in draw(segments(8)).tasks:
        uses = [_place(task.id, use, draw(st.sampled_from(actions))) for use in task.uses]
        once = {use.block: use for use in uses}.values()
        tasks.append(Task(task.id, task.queue, task.operator, tuple(once), task.after))
    return Segment("sharing", tuple(tasks))


def run(segment: Segment, memory: OffChipServer, turn: int, *, trace: bool = False) -> Any:
    env, machine = CountingEnvironment(), cast("Machine", MachineWithMemory(memory, turn))
    memory.take_background(0)
    process = SegmentRun(env, machine, segment, {}, trace=trace)
    env.run(until=env.process(process.run()))
    return process.record, env.event_count


def by_amount(use: Use) -> tuple[str, Tick]:
    return use.block, use.amount


def commands(record: SegmentRecord) -> Counter[str]:
    """Return what was asked of and caused at the memory."""
    found = Counter[str]()
    for (block, action, _), amount in record.amounts.items():
        if block == "dram" and action not in ("read", "write"):
            found[action] += amount
    return found


@settings(max_examples=80, deadline=None)
@given(memories, sharing(("read",)), st.sampled_from([64, 1000, PAGE]))
def test_turns_equal_a_simulation_of_every_turn(name: str, segment: Segment, turn: int) -> None:
    check(name, segment, turn)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["lpddr4", "standby", "psram"]), sharing(), st.sampled_from([64, PAGE]))
def test_so_do_writes(name: str, segment: Segment, turn: int) -> None:
    check(name, segment, turn)


def check(name: str, segment: Segment, turn: int) -> None:
    memory, gold = MEMORIES[name](), EveryTurn(MEMORIES[name](), turn)
    record, _ = run(segment, memory, turn)
    simulated = BurstGold(segment, by_amount, memories={"dram": gold}).run()
    assert record.duration == simulated
    # What is left at the end is due at once; unused, the memory is not settled by a segment.
    found = commands(record) + memory.take_background(simulated)
    assert found == gold.caused + gold.memory.take_background(simulated)
    assert memory.residency == gold.memory.residency
    assert memory.state_key(simulated) == gold.memory.state_key(simulated)
    ticks = record.ports.get("dram", (0, 0, 0))
    assert ticks[0] + memory.idle == memory.free_at


@settings(max_examples=60, deadline=None)
@given(memories, sharing(("read",)))
def test_watching_changes_nothing_and_sees_all_bytes(name: str, segment: Segment) -> None:
    silent, _ = run(segment, MEMORIES[name](), PAGE)
    record, _ = run(segment, MEMORIES[name](), PAGE, trace=True)
    assert (record.duration, record.amounts, record.ports) == (
        silent.duration,
        silent.amounts,
        silent.ports,
    )
    seen, free = Counter[int](), 0
    for span in record.spans:
        if span.port == "dram":
            seen[span.task] += span.share(10**6)
            assert free <= span.start <= span.end
            free = span.end
    asking = {t.id for t in segment.tasks for use in t.uses if use.block == "dram"}
    assert seen == dict.fromkeys(asking, 10**6)


@pytest.mark.parametrize("name", sorted(MEMORIES))
def test_a_lone_transfer_is_one_event_and_a_rival_cuts_it(name: str) -> None:
    """A rival that comes 5 us after the start of 1 MiB waits for one turn, not for all."""
    long = Task(0, "load", "long", (Use("dram", "read", Range(0, 2**20)),))
    wait = Task(1, "move", "wait", (Use("beta", "work", Command(50 * STRETCH)),))
    short = Task(2, "move", "short", (Use("dram", "read", Range(2**21, 64)),), after=(1,))
    alone, events = run(Segment("alone", (long,)), MEMORIES[name](), PAGE)
    record, more = run(Segment("rivals", (long, wait, short)), MEMORIES[name](), PAGE, trace=True)
    ends = {span.task: span.end for span in record.spans}
    turn = alone.duration * PAGE // 2**20
    assert 5 * 10**9 < ends[2] < 5 * 10**9 + 3 * turn + 10**9
    assert ends[0] >= alone.duration
    assert more < events + 12
