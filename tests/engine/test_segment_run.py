"""Laws of the execution of one segment, against plain SimPy and against bounds."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest
from burst_gold import BurstGold
from engine.engine_gold import (
    PORTS,
    FixedBlock,
    FixedMachine,
    gold_intervals,
    intervals_of,
    run_segment,
    segments,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import ConservationError, ProgramError
from accelsim.program import Command, Segment, SegmentBuilder, Task, Transfer, Use

RUNS = settings(max_examples=150)


def task_ticks(task: Task) -> int:
    """The least a task takes: its uses of one port follow one another."""
    by_port: dict[str, int] = defaultdict(int)
    for use in task.uses:
        by_port[use.block] += use.amount
    return max(by_port.values(), default=0)


@RUNS
@given(segments())
def test_booking_equals_a_fifo_resource(segment: Segment) -> None:
    record = run_segment(segment)
    assert (intervals_of(record), record.duration) == gold_intervals(segment)


def by_amount(use: Use) -> tuple[str, int]:
    return use.block, use.amount


@settings(max_examples=500)
@given(segments())
def test_booking_equals_ports_that_serve_whole_uses(segment: Segment) -> None:
    assert BurstGold(segment, by_amount).run() == run_segment(segment).duration


bursts_of = st.dictionaries(st.sampled_from(PORTS), st.integers(1, 5))


@settings(max_examples=500)
@given(segments(), bursts_of)
def test_turns_equal_a_simulation_of_every_burst(segment: Segment, bursts: dict[str, int]) -> None:
    record = run_segment(segment, machine=FixedMachine(bursts))
    assert record.duration == BurstGold(segment, by_amount, bursts).run()


@RUNS
@given(segments(), bursts_of, st.integers(2, 5))
def test_at_another_pace_all_takes_as_many_times_longer(
    segment: Segment, bursts: dict[str, int], pace: int
) -> None:
    slow = FixedMachine({port: pace * burst for port, burst in bursts.items()})
    for block in slow.blocks.values():
        assert isinstance(block, FixedBlock)
        block.pace = pace
    plain = run_segment(segment, machine=FixedMachine(bursts), trace=False)
    assert run_segment(segment, machine=slow, trace=False) == plain.at_pace(pace, 1)
    assert plain.at_pace(pace, 1).at_pace(1, pace) == plain


def test_masters_in_turn_go_on_where_they_were() -> None:
    queues, use = ("one", "other"), Use(PORTS[0], "work", Command(20))
    tasks = tuple(Task(n, queue, "x", (use,)) for n, queue in enumerate(queues))
    record = run_segment(Segment("two", tasks), machine=FixedMachine({PORTS[0]: 5}))
    assert record.duration == 40
    for task in (0, 1):
        spans = sorted((s.start, s.done, s.end) for s in record.spans if s.task == task)
        starts = [10 * turn + 5 * task for turn in range(4)]
        assert spans == [(start, 5 * turn, start + 5) for turn, start in enumerate(starts)]


@RUNS
@given(segments(), bursts_of, st.integers(0, 1000))
def test_stretches_of_turns_sum_to_uses(
    segment: Segment, bursts: dict[str, int], seed: int
) -> None:
    machine = FixedMachine(bursts)
    record = run_segment(segment, machine=machine)
    assert record.amounts == segment.amounts
    shares: dict[tuple[int, int], int] = defaultdict(int)
    done: dict[tuple[int, int], int] = defaultdict(int)
    for span in sorted(record.spans, key=lambda one: (one.start, one.end)):
        assert span.done == done[span.task, span.use]
        done[span.task, span.use] += span.end - span.start
        amount = segment.tasks[span.task].uses[span.use].amount
        shares[span.task, span.use] += span.share(amount)
    uses = [(task.id, n) for task in segment.tasks for n, use in enumerate(task.uses) if use.amount]
    assert {use: shares[use] for use in uses} == {
        (task, n): segment.tasks[task].uses[n].amount for task, n in uses
    }
    for port in PORTS:
        spans = sorted((s.start, s.end) for s in record.spans if s.port == port and s.end > s.start)
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
        machine.blocks[port].settle(record.duration)
        busy = machine.blocks[port].busy
        assert busy + machine.blocks[port].idle == record.duration
        assert sum(end - start for start, end in spans) == busy
    silent = run_segment(segment, machine=FixedMachine(bursts), trace=False, seed=seed)
    assert (silent.duration, silent.ports) == (record.duration, record.ports)


@RUNS
@given(segments(), st.integers(1, 5))
def test_a_lone_master_is_not_slowed_by_bursts(segment: Segment, burst: int) -> None:
    alone = SegmentBuilder("alone")
    for task in segment.tasks:
        alone.add("pe", task.operator, task.uses, task.after)
    made = alone.build()
    in_bursts = BurstGold(made, by_amount, dict.fromkeys(PORTS, burst))
    assert in_bursts.run() == run_segment(made).duration


@RUNS
@given(segments(), st.integers(0, 1000))
def test_the_order_of_the_events_of_a_tick_changes_nothing(segment: Segment, seed: int) -> None:
    record, shuffled = run_segment(segment), run_segment(segment, seed=seed)
    assert record.duration == shuffled.duration
    assert record.spans == shuffled.spans
    assert record.ports == shuffled.ports
    assert list(record.amounts.items()) == list(shuffled.amounts.items())


class UnsteadyMachine(FixedMachine):
    """The same machine, each use booked by its server when it starts."""

    def __init__(self) -> None:
        super().__init__()
        for block in self.blocks.values():
            block.steady = False  # type: ignore[misc]


@RUNS
@given(segments())
def test_what_is_known_beforehand_is_what_a_server_books(segment: Segment) -> None:
    assert run_segment(segment, machine=UnsteadyMachine()) == run_segment(segment)


def test_tasks_of_one_tick_start_in_the_order_of_their_ids() -> None:
    # The queue of task 0 is created first, but waits for task 1; 2 and 3 are ready with it.
    use = (Use("alpha", "work", Command(5)),)
    tasks = (
        Task(0, "load", "a", (Use("beta", "work", Command(3)),)),
        Task(1, "pe", "b", (Use("gamma", "work", Command(3)),)),
        Task(2, "sfu", "c", use, after=(0, 1)),
        Task(3, "load", "d", use, after=(1,)),
        Task(4, "pe", "e", use),
    )
    starts = {
        span.task: span.start for span in run_segment(Segment("tie", tasks)).spans if span.task > 1
    }
    assert starts == {2: 3, 3: 8, 4: 13}


@RUNS
@given(segments())
def test_the_makespan_lies_between_its_bounds(segment: Segment) -> None:
    record = run_segment(segment)
    busy = [record.ports[port][0] for port in record.ports]
    # While anything is left to do, some port is busy: no tick passes with all of them idle.
    assert max(busy, default=0) <= record.duration <= sum(busy)
    assert critical_path(segment) <= record.duration


def critical_path(segment: Segment) -> int:
    ends: list[int] = []
    last_of_queue: dict[str, int] = {}
    for task in segment.tasks:
        before = [
            *task.after,
            *([last_of_queue[task.queue]] if task.queue in last_of_queue else []),
        ]
        ends.append(max((ends[other] for other in before), default=0) + task_ticks(task))
        last_of_queue[task.queue] = task.id
    return max(ends)


@RUNS
@given(segments())
def test_spans_of_a_port_do_not_overlap_and_sum_to_busy(segment: Segment) -> None:
    record = run_segment(segment)
    for port in PORTS:
        spans = sorted((s.start, s.end) for s in record.spans if s.port == port and s.end > s.start)
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
        assert sum(end - start for start, end in spans) == record.ports.get(port, (0,))[0]


@RUNS
@given(segments())
def test_waits_are_respected(segment: Segment) -> None:
    record = run_segment(segment)
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for span in record.spans:
        starts[span.task] = min(span.start, starts.get(span.task, span.start))
        ends[span.task] = max(span.end, ends.get(span.task, 0))
    for task in segment.tasks:
        for earlier in task.after:
            assert starts.get(task.id, record.duration) >= ends.get(earlier, 0)


@RUNS
@given(segments())
def test_trace_changes_nothing(segment: Segment) -> None:
    traced, silent = run_segment(segment), run_segment(segment, trace=False)
    assert silent.spans == []
    assert traced.begun.keys() == traced.ended.keys() == set(range(len(segment.tasks)))
    traced.spans, traced.begun, traced.ended = [], {}, {}
    assert traced == silent


@RUNS
@given(segments())
def test_everything_asked_for_is_counted_once(segment: Segment) -> None:
    machine = FixedMachine()
    record = run_segment(segment, machine=machine)
    assert record.amounts == segment.amounts
    for block in machine.blocks.values():
        block.settle(record.duration)
        assert block.busy + block.idle == record.duration


@RUNS
@given(segments())
def test_a_second_execution_repeats_the_first(segment: Segment) -> None:
    machine = FixedMachine()
    first = run_segment(segment, machine=machine)
    for block in machine.blocks.values():
        block.free_at = 0  # The clock of the second environment starts again.
    second = run_segment(segment, machine=machine)
    assert (first.duration, first.ports, first.spans) == (
        second.duration,
        second.ports,
        second.spans,
    )


def test_an_empty_segment_takes_no_time() -> None:
    assert run_segment(Segment("nothing", ())).duration == 0


def test_a_release_of_what_is_not_held_is_refused() -> None:
    tasks = (Task(0, "pe", "matmul", (), releases=(("weight_buffer", 3),)),)
    with pytest.raises(
        ConservationError, match=r"^matmul: releases 3 B of 'weight_buffer' that it does not hold$"
    ):
        run_segment(Segment("wrong", tasks))


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ((Task(1, "pe", "a", ()),), r"^segment 's': the task at position 0 has the id 1$"),
        (
            (Task(0, "pe", "a", (), after=(0,)),),
            r"^segment 's': task 0 \(a\) waits for 0, which is not an earlier task$",
        ),
        (
            (Task(0, "pe", "a", (), after=(1,)), Task(1, "pe", "b", ())),
            r"^segment 's': task 0 \(a\) waits for 1, which is not an earlier task$",
        ),
        (
            (Task(0, "pe", "a", (), after=(-1,)),),
            r"^segment 's': task 0 \(a\) waits for -1, which is not an earlier task$",
        ),
        (
            (Task(0, "pe", "a", (Use("bus", "transfer", Transfer(-2)),)),),
            r"^segment 's': task 0 \(a\) asks for -2 of 'bus', expected 0 or more$",
        ),
    ],
)
def test_a_wrong_task_is_refused(tasks: tuple[Task, ...], message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        Segment("s", tasks)


def test_uses_of_nothing_are_left_out() -> None:
    builder = SegmentBuilder("s")
    builder.add("pe", "a", [Use("bus", "transfer", Transfer(size)) for size in (1, 0)])
    assert len(builder.build().tasks[0].uses) == 1
