from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_laws import age, serve, switches

from accelsim.engine.streams import WaitingRequests
from accelsim.policies.scheduling import SCHEDULING_POLICIES, SchedulingPolicy
from accelsim.policies.scheduling.earliest_deadline import EarliestDeadline
from accelsim.policies.scheduling.fifo import Fifo
from accelsim.policies.scheduling.task_affinity import TaskAffinity
from accelsim.requests.request import Request
from accelsim.units import TICKS_PER_SECOND

FIFO = Fifo(name="fifo")
DEADLINE = EarliestDeadline(name="earliest_deadline")
MS = TICKS_PER_SECOND // 1000


def affinity(milliseconds: int) -> TaskAffinity:
    delay = f"{milliseconds} ms"
    return TaskAffinity.model_validate({"name": "task_affinity", "maximum_delay": delay})


POLICIES = [FIFO, DEADLINE, affinity(0), affinity(7), affinity(1000)]


def request(number: int, arrival: int, task: str, deadline: int | None = None) -> Request:
    return Request(number=number, task=task, arrival=arrival * MS, tokens=8,
                   deadline=None if deadline is None else deadline * MS)  # fmt: skip


@st.composite
def streams(draw: st.DrawFn) -> list[Request]:
    times = draw(st.lists(st.integers(0, 40), min_size=1, max_size=25))
    return [
        request(number, at, draw(st.sampled_from("ABC")), draw(st.none() | st.integers(at, 99)))
        for number, at in enumerate(sorted(times))
    ]


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@given(requests=streams(), service=st.integers(1, 9))
def test_every_request_is_served_once_and_the_server_never_rests_while_one_waits(
    policy: SchedulingPolicy, requests: list[Request], service: int
) -> None:
    served = serve(policy, requests, service * MS)
    assert sorted(each.request.number for each in served) == [each.number for each in requests]
    # The times of service are those of any work-conserving order: Lindley's recursion.
    ready = 0
    for each, arrival in zip(served, sorted(each.arrival for each in requests), strict=True):
        assert each.start == max(ready, arrival)
        ready = each.start + service * MS


@given(requests=streams(), service=st.integers(1, 9))
def test_fifo_serves_by_arrival_then_number(requests: list[Request], service: int) -> None:
    order = [each.request for each in serve(FIFO, requests, service * MS)]
    assert order == sorted(requests, key=age)


@given(requests=streams(), service=st.integers(1, 9), delay=st.integers(0, 30))
def test_affinity_overtakes_only_for_the_present_task_and_within_the_delay(
    requests: list[Request], service: int, delay: int
) -> None:
    served = serve(affinity(delay), requests, service * MS)
    for position, chosen in enumerate(served):
        overtaken = [
            later.request
            for later in served[position + 1 :]
            if age(later.request) < age(chosen.request)
        ]
        for older in overtaken:
            assert chosen.request.task == served[position - 1].request.task
            assert chosen.start < older.arrival + delay * MS


@given(requests=streams(), service=st.integers(1, 9))
def test_affinity_leaves_a_task_only_when_it_must(requests: list[Request], service: int) -> None:
    served = serve(affinity(10), requests, service * MS)
    for position, (before, chosen) in enumerate(pairwise(served), 1):
        if chosen.request.task != before.request.task:
            present = [
                later.request
                for later in served[position:]
                if later.request.arrival <= chosen.start
                and later.request.task == before.request.task
            ]
            assert not present or chosen.start >= chosen.request.arrival + 10 * MS


@given(requests=streams(), service=st.integers(1, 9))
def test_affinity_without_patience_is_fifo(requests: list[Request], service: int) -> None:
    assert serve(affinity(0), requests, service * MS) == serve(FIFO, requests, service * MS)


def test_the_delay_is_tight_to_the_tick() -> None:
    waiting = [request(0, 0, "A"), request(1, 1, "B")]
    assert affinity(7).choose(waiting, "B", 7 * MS - 1) == 1
    assert affinity(7).choose(waiting, "B", 7 * MS) == 0


def test_affinity_saves_switches_in_a_burst() -> None:
    burst = [request(number, 0, "ABC"[number % 3]) for number in range(30)]
    assert switches(serve(FIFO, burst, MS)) == 30
    assert switches(serve(affinity(1000), burst, MS)) == 3


@given(requests=streams(), service=st.integers(1, 9))
def test_the_earliest_deadline_of_those_that_wait_is_served(
    requests: list[Request], service: int
) -> None:
    def urgency(each: Request) -> tuple[bool, int, tuple[int, int]]:
        return (each.deadline is None, each.deadline or 0, age(each))

    served = serve(DEADLINE, requests, service * MS)
    for position, chosen in enumerate(served):
        waiting = [each.request for each in served[position:]]
        here = [each for each in waiting if each.arrival <= chosen.start]
        assert chosen.request == min(here, key=urgency)


@given(
    deadlines=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    service=st.integers(1, 9),
    shuffle=st.randoms(use_true_random=False),
)
def test_no_order_of_a_burst_is_less_late_than_earliest_deadline(
    deadlines: list[int], service: int, shuffle: random.Random
) -> None:
    # Jackson's rule: earliest due date minimises the maximum lateness.
    burst = [request(number, 0, "A", due) for number, due in enumerate(deadlines)]

    def lateness(order: Sequence[Request]) -> int:
        return max(
            (place + 1) * service * MS - (each.deadline or 0) for place, each in enumerate(order)
        )

    best = [each.request for each in serve(DEADLINE, burst, service * MS)]
    other = shuffle.sample(burst, len(burst))
    assert lateness(best) <= lateness(other)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_a_choice_looks_at_each_request_once_or_twice(policy: SchedulingPolicy) -> None:
    looks = 0

    class Watched(list[Request]):
        def __getitem__(self, at: Any) -> Any:
            nonlocal looks
            looks += 1
            return super().__getitem__(at)

        def __iter__(self) -> Iterator[Request]:
            nonlocal looks
            for each in super().__iter__():
                looks += 1
                yield each

    policy.choose(
        Watched(request(number, number, "AB"[number % 2]) for number in range(500)), "C", 0
    )
    assert looks <= 2 * 500


def test_the_shipped_policies() -> None:
    assert list(SCHEDULING_POLICIES.all()) == ["earliest_deadline", "fifo", "task_affinity"]


@pytest.mark.parametrize("policy", [FIFO, DEADLINE], ids=str)
@given(requests=streams())
def test_a_rank_says_what_choose_says(policy: SchedulingPolicy, requests: list[Request]) -> None:
    waiting = sorted(requests, key=age)
    ranks = [policy.rank(each) for each in waiting]
    assert None not in ranks
    assert ranks.index(min(rank for rank in ranks if rank)) == policy.choose(waiting, None, 10**20)
    assert affinity(1).rank(requests[0]) is None


@given(st.sampled_from(POLICIES), streams())
def test_each_request_that_waits_is_taken_once(
    policy: SchedulingPolicy, stream: list[Request]
) -> None:
    waiting = WaitingRequests(policy)
    waiting.add(stream)
    latest = max(each.arrival for each in stream)
    taken = [waiting.take(None, latest).number for _ in stream]
    assert sorted(taken) == sorted(each.number for each in stream)
    assert not waiting
