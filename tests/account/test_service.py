"""How requests were served: definitions of percentiles, Little's law, theory of queues."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_workload import small_results

from accelsim.account.service import (
    ALL,
    TaskService,
    distribution,
    nearest_rank,
    service_statistics,
)
from accelsim.engine.ledger import Ledger
from accelsim.engine.run import RequestOutcome, Run, Window
from accelsim.units import TICKS_PER_SECOND, to_seconds

SECOND = TICKS_PER_SECOND
CASE = "adapter_slc"


def a_run(outcomes: Sequence[RequestOutcome], makespan: int) -> Run:
    return Run(
        makespan, Ledger(), Window(), (), (), tuple(outcomes), {}, {}, 0, 0, 0, idle_plans={},
        traced=False, task_bits={}
    )  # fmt: skip


def outcome(arrival: int, wait: int, service: int, **more: object) -> RequestOutcome:
    start = arrival + wait
    plain = RequestOutcome(0, 0, "MNLI", arrival, start, start + service, tokens=10)
    return plain._replace(**more)


times = st.integers(0, 10**18)


@given(st.lists(times, min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_time_that_so_many_do_not_exceed(
    found: list[int], percent: int
) -> None:
    ordered = sorted(found)
    enough = [
        time
        for time in ordered
        if 100 * sum(other <= time for other in ordered) >= percent * len(ordered)
    ]
    assert nearest_rank(ordered, percent) == min(enough)


def test_percentiles_of_a_hundred() -> None:
    found = distribution(n * SECOND for n in range(100, 0, -1))
    assert found.mean == 50.5
    assert (found.p50, found.p95, found.p99, found.maximum) == (50.0, 95.0, 99.0, 100.0)


def test_no_times_have_no_distribution() -> None:
    with pytest.raises(ValueError, match=r"^no times: expected at least one$"):
        distribution([])


def test_each_figure_of_hand_made_requests() -> None:
    found = [
        outcome(0, 0, 2 * SECOND, switched=True, deadline=2 * SECOND, layers=3, planned=3,
                exit_layer=3, point="0.50 V"),
        outcome(SECOND, SECOND, SECOND, deadline=2 * SECOND, layers=6, planned=5, exit_layer=6),
        outcome(9 * SECOND, 0, SECOND, tokens=40, task="RTE", layers=2, planned=4, exit_layer=2),
    ]  # fmt: skip
    found_of = service_statistics(a_run(found, 20 * SECOND))
    assert list(found_of) == ["MNLI", "RTE", ALL]
    one = found_of["MNLI"]
    assert (one.requests, one.switches, one.deadlines, one.missed) == (2, 1, 2, 1)
    assert (one.waiting.mean, one.waiting.maximum) == (0.5, 1.0)
    assert (one.service.p50, one.latency.p99) == (1.0, 2.0)
    assert (one.utilisation, one.throughput) == (0.15, 0.1)
    assert (one.mean_tokens, one.mean_layers) == (10, 4.5)
    assert (one.planned_short, one.planned_long) == (1, 0)
    assert one.points == {"0.50 V": 1, "nominal": 1}
    everything = found_of[ALL]
    assert (everything.requests, everything.deadlines, everything.missed) == (3, 2, 1)
    assert (everything.utilisation, everything.mean_tokens) == (0.2, 20)
    assert (everything.planned_short, everything.planned_long) == (1, 1)


def test_a_request_done_at_its_deadline_is_in_time() -> None:
    in_time, late = outcome(0, 0, 5, deadline=5), outcome(0, 0, 6, deadline=5)
    assert service_statistics(a_run([in_time], 9))[ALL].missed == 0
    assert service_statistics(a_run([late], 9))[ALL].missed == 1


def test_without_plans_and_exits_there_are_no_layers() -> None:
    found = service_statistics(a_run([outcome(0, 0, 1)], 1))[ALL]
    assert found.mean_layers is None
    assert (found.planned_short, found.planned_long) == (0, 0)


def test_without_requests_there_are_no_statistics() -> None:
    assert service_statistics(a_run([], 5)) == {}


# -- simulated ---------------------------------------------------------------------------------

POISSON = "requests={pattern: poisson, mean_interval: 500 us, duration: 60 ms, deadline: 700 us}"


@lru_cache
def simulated() -> dict[str, TaskService]:
    return service_statistics(small_results(POISSON)[CASE].run)


def test_tasks_add_up_to_all() -> None:
    *each, everything = simulated().values()
    assert len(each) == 3
    for name in ("requests", "switches", "deadlines", "missed"):
        assert sum(getattr(one, name) for one in each) == getattr(everything, name) > 0, name
    for name in ("utilisation", "throughput"):
        total = sum(getattr(one, name) for one in each)
        assert math.isclose(total, getattr(everything, name), rel_tol=1e-12), name


def test_waiting_and_service_make_the_latency() -> None:
    for one in simulated().values():
        total = one.waiting.mean + one.service.mean
        assert math.isclose(one.latency.mean, total, rel_tol=1e-12)
        assert one.latency.p50 <= one.latency.p95 <= one.latency.p99 <= one.latency.maximum


def test_utilisation_is_throughput_times_service() -> None:
    for one in simulated().values():
        assert 0 < one.utilisation < 1
        product = one.throughput * one.service.mean
        assert math.isclose(one.utilisation, product, rel_tol=1e-12)


def requests_times_ticks(run: Run) -> int:
    """The number of requests in the system added up over time, from arrivals and departures."""
    changes: Counter[int] = Counter()
    for each in run.requests:
        changes[each.arrival] += 1
        changes[each.end] -= 1
    area = present = last = 0
    for time, change in sorted(changes.items()):
        area += present * (time - last)
        present, last = present + change, time
    return area


@pytest.mark.parametrize("case", ["vanilla_slc", "adapter_slc"])
def test_littles_law_holds_in_simulations(case: str) -> None:
    run = small_results(POISSON)[case].run
    assert max(each.end for each in run.requests) <= run.makespan
    assert any(each.start > each.arrival for each in run.requests)
    area = requests_times_ticks(run)
    assert area == sum(each.end - each.arrival for each in run.requests)
    found = service_statistics(run)[ALL]
    law = found.throughput * found.latency.mean
    assert math.isclose(area / run.makespan, law, rel_tol=1e-12)


def test_waiting_follows_the_theory_of_queues() -> None:
    # One task, always resident, one length: M/D/1, whose mean wait is load * service / 2(1 - load)
    # (Pollaczek, Khinchin).
    one_task = ("tasks=[MNLI]", "cases={adapter_slc: {hardware: ../hwconfigs/adapter_slc.yaml, "
                "adaptation: {method: houlsby, bottleneck: 32}, storage: {"
                "embedding: {format: dense, bits: 8}, backbone: {format: dense, bits: 8}, "
                "task: {format: dense, bits: 8}}}}")  # fmt: skip
    busy = small_results(
        *one_task, "requests={pattern: poisson, mean_interval: 400 us, duration: 4 s, "
        "lengths: full}"
    )[CASE].run  # fmt: skip
    services = [o.end - o.start for o in busy.requests[1:]]
    assert max(services) == min(services)
    service = to_seconds(services[0])
    load = service / 400e-6
    assert 0.4 < load < 0.95
    waits = [to_seconds(o.start - o.arrival) for o in busy.requests]
    size = len(waits) // 20
    batches = [statistics.mean(waits[at : at + size]) for at in range(0, 20 * size, size)]
    error = 3.883 * statistics.stdev(batches) / math.sqrt(20)  # Student, 19 degrees, 99.9 %
    expected = load * service / (2 * (1 - load))
    assert error < expected / 3
    assert abs(statistics.mean(waits) - expected) < error
