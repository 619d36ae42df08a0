"""No order of the queues can overfill a buffer that a plan fills."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import pytest
from engine.engine_gold import PORTS, QUEUES, run_segment
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.mapping.plan import NoRoomError, Plan
from accelsim.program import Command, Segment, Task, Use

CAPACITIES = {"left": 10, "right": 6}


@dataclass
class Planned:
    """A random plan, and what lies in the buffers when it starts."""

    plan: Plan
    held: dict[str, int]


_few = st.integers(0, 3)
_bytes = st.lists(st.tuples(st.sampled_from(list(CAPACITIES)), st.integers(0, 6)), max_size=2)
_uses = st.lists(
    st.builds(Use, st.sampled_from(PORTS), st.just("work"), st.builds(Command, st.integers(0, 4))),
    max_size=2,
)


@st.composite
def plans(draw: st.DrawFn) -> Planned:
    """Tasks take random bytes of two buffers; each is released by its taker or by one after it."""
    held = {"left": draw(st.integers(0, 4)), "right": 0}
    planned = Planned(Plan("random", CAPACITIES, held), dict(held))
    owned: list[tuple[str, int, set[int]]] = [("left", held["left"], set())]
    for _ in range(draw(st.integers(1, 25))):
        freed = [owned.pop(draw(st.integers(0, len(owned) - 1))) for _ in owned[: draw(_few)]]
        after = {taker for _, _, takers in freed for taker in takers}
        task, taken = _add_task(draw, planned, after)
        for buffer, size, _ in freed:
            planned.plan.release(task, buffer, size)
        owned += [(buffer, size, {task}) for buffer, size in taken]
        if owned and draw(st.booleans()) and owned[-1][2] == {task}:
            buffer, size, _ = owned.pop()
            planned.plan.release(task, buffer, size)
    return planned


def _add_task(
    draw: st.DrawFn, planned: Planned, after: set[int]
) -> tuple[int, list[tuple[str, int]]]:
    """Add a task that takes what still fits; return it with what it took."""
    queue, uses, taken = draw(st.sampled_from(QUEUES)), draw(_uses), draw(_bytes)
    trial = planned.plan.copy()
    try:
        task = trial.task(queue, "work", uses, after, taken)
    except NoRoomError:
        return planned.plan.task(queue, "idle", uses, after), []
    planned.plan = trial
    return task, taken


def checked_run(segment: Segment, held: dict[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    record = run_segment(segment, levels=dict(held))
    return record.peak, record.end_levels


@settings(max_examples=200)
@given(plans())
def test_no_buffer_ever_holds_more_than_its_capacity(planned: Planned) -> None:
    peak, end = checked_run(planned.plan.build(), planned.held)
    assert all(peak[buffer] <= size for buffer, size in CAPACITIES.items() if buffer in peak)
    expected = planned.plan.end_held()
    assert {buffer: end.get(buffer, 0) for buffer in CAPACITIES} == expected


@settings(max_examples=100)
@given(plans(), st.permutations(range(8)))
def test_delays_of_any_task_cannot_overfill_a_buffer(planned: Planned, delays: list[int]) -> None:
    # Other service times are another order of events; the plan does not know them.
    segment = planned.plan.build()
    tasks = tuple(
        t._replace(
            uses=tuple(
                replace(u, demand=Command(delays[(t.id + i) % 8])) for i, u in enumerate(t.uses)
            ),
        )
        for t in segment.tasks
    )
    peak, _ = checked_run(Segment("delayed", tasks), planned.held)
    assert all(peak[buffer] <= size for buffer, size in CAPACITIES.items() if buffer in peak)


@settings(max_examples=100)
@given(plans(), st.integers(0, 12))
def test_a_plan_is_good_for_all_sizes_in_which_it_fits(planned: Planned, more: int) -> None:
    fitting = {name: peak for name, (peak, _) in planned.plan.bounds.items()}
    least = {name: max(fitting[name], planned.held[name]) for name in fitting}
    sizes = {name: size + more for name, size in least.items()}
    segment, bounds = planned.plan.built(sizes)
    peak, _ = checked_run(segment, planned.held)
    assert all(peak[buffer] <= size for buffer, size in sizes.items() if buffer in peak)
    alike = {name: max(low, least[name]) for name, (low, _) in bounds.items()}
    assert all(low <= sizes[name] < beyond for name, (low, beyond) in bounds.items())
    assert planned.plan.built(alike)[0].tasks == segment.tasks


def test_without_the_waits_of_a_plan_a_buffer_overflows() -> None:
    plan = Plan("two", {"left": 10}, {})
    use = [Use("alpha", "work", Command(3))]
    first = plan.task("load", "first", use, holds=[("left", 6)])
    plan.release(first, "left", 6)
    second = plan.task("pe", "second", [Use("beta", "work", Command(1))], holds=[("left", 6)])
    segment = plan.build()
    assert segment.tasks[second].after == (first,)
    assert checked_run(segment, {})[0]["left"] == 6
    careless: tuple[Task, ...] = tuple(task._replace(after=()) for task in segment.tasks)
    assert checked_run(Segment("careless", careless), {})[0]["left"] == 12


def test_room_is_found_to_the_last_byte_and_no_further() -> None:
    plan = Plan("tight", {"left": 10}, {"left": 4})
    other = plan.copy()
    other.task("pe", "fits", [], holds=[("left", 6)])
    assert other.bounds["left"] == (10, inf)
    with pytest.raises(NoRoomError) as caught:
        plan.copy().task("pe", "too much", [], holds=[("left", 7)])
    assert caught.value.args == ("too much", "left", 7, 6, 10)


def test_copies_are_independent() -> None:
    plan = Plan("one", {"left": 10}, {})
    other = plan.copy()
    other.task("pe", "task", [], holds=[("left", 10)])
    assert (plan.fits("left", 10), other.fits("left", 1)) == (True, False)
    assert len(plan.build().tasks) == 0
