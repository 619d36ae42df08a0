"""Crossover: against a line through two simulations, and against the closed loop."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_workload import small_results, small_workload

from accelsim.account.purposes import energy_per_inference
from accelsim.errors import ConfigError
from accelsim.report.crossover import crossover_report
from accelsim.report.table import Table
from accelsim.requests import Request
from accelsim.requests.patterns.at_rate import RequestShape
from accelsim.requests.patterns.at_rate import request_shape as shape_of
from accelsim.study.crossover import (
    Crossover,
    RateCost,
    RatePoint,
    brackets,
    find_crossover,
    rate_grid,
)
from accelsim.study.store import IN_MEMORY, Store
from accelsim.study.sweep.run import Evaluation
from accelsim.study.sweep.space import remembered
from accelsim.study.sweep.table import StudyTable
from accelsim.units import TICKS_PER_SECOND, to_seconds, to_ticks
from accelsim.workload.request_rules import request_context
from accelsim.workload.schema import Workload

POISSON = "requests={pattern: poisson, mean_interval: 10 ms, duration: 1 s}"
# A long bus makes each access of the adapter case dear, and leaks nothing.
DEAR = "cases.adapter_slc.hardware.bus.length=1 m"
DESIGN, BASELINE = "adapter_slc", "vanilla_slc"


@lru_cache
def crossover(*overrides: str, lowest: float = 10.0, highest: float = 2000.0) -> Crossover:
    return find_crossover(
        small_workload(*overrides), DESIGN, BASELINE, lowest=lowest, highest=highest, requests=20
    )


def request_shape(workload: Workload, limit: int) -> RequestShape:
    context = request_context(workload.config, workload.path.parent)
    return shape_of(workload.config.requests, context, limit)


# -- the search --------------------------------------------------------------------------------


@pytest.mark.parametrize("requests", [POISSON, "requests.rounds=2"])
def test_without_sleep_the_crossing_is_that_of_two_lines(requests: str) -> None:
    # A request costs a + b / rate: what serving takes, and what idleness leaks until the next.
    found = crossover(requests, DEAR)
    (crossing,) = found.crossings
    first, last = found.served[0], found.served[-1]
    slope = (first.difference - last.difference) / (1 / first.rate - 1 / last.rate)
    expected = slope / -(first.difference - slope / first.rate)
    assert math.isclose(crossing.rate, expected, rel_tol=0.012)
    # The adapter leaks less and spends more.
    assert (crossing.below, crossing.above) == (DESIGN, BASELINE)


def test_both_cost_the_same_at_the_crossing() -> None:
    (crossing,) = crossover(POISSON, DEAR).crossings
    near = crossover(POISSON, DEAR, lowest=crossing.rate, highest=1.001 * crossing.rate)
    point = near.points[0]
    assert math.isclose(point.design.energy, point.baseline.energy, rel_tol=0.01)
    assert math.isclose(point.design.energy, crossing.energy, rel_tol=0.01)
    assert near.crossings == ()


def test_cases_change_roles_and_the_crossing_stays() -> None:
    (crossing,) = crossover(POISSON, DEAR).crossings
    workload = small_workload(POISSON, DEAR)
    other = find_crossover(workload, BASELINE, DESIGN, lowest=10.0, highest=2000.0, requests=20)
    assert other.crossings == (crossing,)


def test_one_that_always_costs_less_has_no_crossover() -> None:
    found = crossover(POISSON)
    assert found.crossings == ()
    assert {found.cheaper(point) for point in found.served} == {DESIGN}


def test_equal_machines_cost_the_same() -> None:
    same = find_crossover(
        small_workload(
            POISSON,
            "cases.adapter_slc.hardware=../hwconfigs/vanilla_slc.yaml",
            "cases.adapter_slc.adaptation={method: full}",
            "cases.adapter_slc.storage.task={format: bitmask, bits: 8, density: 0.21}",
        ),
        DESIGN, BASELINE, lowest=1.0, highest=10.0, requests=10,
    )  # fmt: skip
    assert same.crossings == ()
    assert {same.cheaper(point) for point in same.points} == {None}


def test_power_is_energy_at_the_rate() -> None:
    for point in crossover(POISSON).served:
        for cost in (point.design, point.baseline):
            # The last request may end after the time in which requests come.
            assert math.isclose(cost.energy * point.rate, cost.power, rel_tol=0.02)


def test_load_grows_with_the_rate_and_saturated_rates_are_left_out() -> None:
    found = crossover(POISSON, highest=1e5)
    for low, high in pairwise(found.points):
        assert low.design.load <= high.design.load * (1 + 1e-9)
    assert 0 < len(found.served) < len(found.points)
    assert all(point.saturated for point in found.points[len(found.served) :])
    assert max(p.design.load for p in found.served) < 1 <= found.points[-1].design.load


def test_progress_names_every_rate() -> None:
    seen: list[float] = []
    find_crossover(
        small_workload(POISSON), DESIGN, BASELINE,
        lowest=1.0, highest=10.0, requests=5, progress=seen.append,
    )  # fmt: skip
    assert seen == rate_grid(1.0, 10.0)


def test_rows_are_in_the_store_and_the_same_question_asks_for_none() -> None:
    kept, how = Store(IN_MEMORY), Evaluation(jobs=0)
    asked = {"lowest": 10.0, "highest": 2000.0, "requests": 20, "store": kept, "how": how}
    workload = small_workload(
        POISSON, DEAR, "cases.vanilla_slc.hardware.memories.sram.capacity=fit"
    )
    first = find_crossover(workload, DESIGN, BASELINE, **asked)  # type: ignore[arg-type]
    rows = kept.count()
    assert find_crossover(workload, DESIGN, BASELINE, **asked) == first  # type: ignore[arg-type]
    assert kept.count() == rows > len(first.points) > 5
    (source,) = kept.studies()
    table = list(StudyTable(remembered(kept.made(source)), kept))
    assert len(table) == rows
    energies = {float(row.point.values["rate"].split()[0]): row for row in table}
    for one in first.points:
        assert energies[one.rate][f"{DESIGN}.energy.request"] == one.design.energy
        assert energies[one.rate][f"{BASELINE}.power"] == one.baseline.power


def point(rate: float, difference: float) -> RatePoint:
    return RatePoint(rate, RateCost(1 + difference, None, 0, 0), RateCost(1, None, 0, 0))


def test_a_difference_that_the_figures_hide_is_told_as_a_share() -> None:
    points = (point(1.0, -0.5), point(2.0, -2e-4), point(3.0, 0.0))
    found = Crossover(DESIGN, BASELINE, 1, points, ())
    [rates, *_] = crossover_report(small_workload(POISSON), found, ["crossover"]).sections
    assert isinstance(rates, Table)
    assert [row[-1] for row in rates.rows] == [DESIGN, f"{DESIGN}, by 0.020 %", "neither"]


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=12))
def test_each_change_of_sign_is_bracketed_once(signs: list[float]) -> None:
    points = [point(rate + 1, sign) for rate, sign in enumerate(signs)]
    found = list(brackets(points))
    unequal = [sign for sign in signs if sign]
    changes = sum(a != b for a, b in pairwise(unequal))
    assert len(found) == changes
    for low, high in found:
        assert low.rate < high.rate
        assert low.difference * high.difference < 0
        between = [p for p in points if low.rate < p.rate < high.rate]
        assert all(p.difference == 0 for p in between)


@given(st.floats(1e-6, 1e5), st.floats(1.001, 1e9))
def test_the_grid_goes_from_end_to_end_in_equal_ratios(lowest: float, ratio: float) -> None:
    grid = rate_grid(lowest, lowest * ratio)
    assert (grid[0], grid[-1]) == (lowest, lowest * ratio)
    steps = [high / low for low, high in pairwise(grid)]
    assert max(steps) <= 10 ** (1 / 3) * (1 + 1e-6)
    assert math.isclose(min(steps), max(steps), rel_tol=1e-6)


# -- requests ----------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**17), min_size=1), st.floats(1e-3, 1e3))
def test_stretching_keeps_order_number_and_proportion(arrivals: list[int], rate: float) -> None:
    horizon = max(arrivals) + 1
    requests = tuple(Request(n, "MNLI", at, 9) for n, at in enumerate(sorted(arrivals)))
    moved, end = RequestShape(requests, horizon).at(rate)
    assert math.isclose(len(moved) / to_seconds(end), rate, rel_tol=1e-9)
    for before, after in zip(requests, moved, strict=True):
        assert 0 <= before.arrival * end - after.arrival * horizon < horizon
        assert replace(after, arrival=before.arrival) == before
    assert [m.arrival for m in moved] == sorted(m.arrival for m in moved)


def test_deadlines_keep_their_distance() -> None:
    shape = RequestShape((Request(0, "MNLI", 4 * 10**15, 9, deadline=4 * 10**15 + 7),), 8 * 10**15)
    (moved,), end = shape.at(2.0)
    assert end == TICKS_PER_SECOND // 2
    assert moved.arrival == TICKS_PER_SECOND // 4
    assert moved.deadline == moved.arrival + 7


def test_the_first_requests_come_until_the_next() -> None:
    workload = small_workload(POISSON)
    everything, few = request_shape(workload, 10**6), request_shape(workload, 10)
    assert everything.horizon == to_ticks(1.0)
    assert few.requests == everything.requests[:10]
    assert few.horizon == everything.requests[10].arrival


def test_a_file_without_duration_ends_a_mean_interval_after_its_last(tmp_path: object) -> None:
    path = f"{tmp_path}/trace.csv"
    with open(path, "w") as file:
        file.write("arrival [s],task,tokens\n0,MNLI,9\n1,QNLI,9\n6,MNLI,9\n")
    shape = request_shape(small_workload(f"requests={{pattern: file, path: {path}}}"), 100)
    assert shape.horizon == to_ticks(9.0)


def test_rounds_are_repeated_up_to_the_number_at_equal_intervals() -> None:
    shape = request_shape(small_workload("requests.rounds=2"), 10)
    assert len(shape.requests) == 9
    assert shape.horizon == 9 * TICKS_PER_SECOND
    arrivals = [request.arrival // TICKS_PER_SECOND for request in shape.requests]
    assert arrivals == [0, 0, 0, 3, 3, 3, 6, 6, 6]


def test_the_rounds_cost_what_the_closed_loop_does() -> None:
    # The same idle time between rounds, before them there, after them here.
    closed = small_results("requests={pattern: round_robin, rounds: 5, idle_between_rounds: 5 ms}")
    result = closed[BASELINE]
    rate = 15 / to_seconds(result.run.makespan)
    found = find_crossover(
        small_workload("requests.rounds=1"), DESIGN, BASELINE,
        lowest=rate, highest=1.1 * rate, requests=15,
    )  # fmt: skip
    expected = energy_per_inference(result.run, result.figures.account)
    assert math.isclose(found.points[0].baseline.energy, expected, rel_tol=2e-3)


def test_early_exit_is_drawn_before_the_stretch() -> None:
    exits = "early_exit={exit_layer: {histogram: [1, 1, 1]}}"
    found = crossover(POISSON, exits)
    full = crossover(POISSON)
    loads = [p.design.load * 1 / p.rate for p in found.served]
    # The same sentences leave early at every rate.
    assert math.isclose(min(loads), max(loads), rel_tol=0.02)
    assert all(
        a.design.load < b.design.load for a, b in zip(found.points, full.points, strict=True)
    )


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"design": "adapter"}, r"--design: there is no case 'adapter'; did you mean '.*'\?"),
        ({"baseline": "x"}, r"--baseline: there is no case 'x'; cases: .*"),
        ({"baseline": DESIGN}, r"--baseline: 'adapter_slc' is the design itself; name .*"),
        ({"lowest": 2.0}, r"--from, --to: expected two ascending rates .*, got 2 Hz and 2 Hz"),
        ({"lowest": 1e-7}, r"--from, --to: expected two ascending rates .*, got 1e-07 Hz and .*"),
        ({"highest": math.inf}, r"--from, --to: expected .*, got 1 Hz and inf Hz"),
        ({"requests": 0}, r"--requests: expected 1 or more, got 0"),
        (
            {"lowest": 1e5, "highest": 2e5},
            r"--from: (adapter|vanilla)_slc cannot serve even 1e\+05 Hz: requests keep it busy "
            r"[0-9]+ % of the time; lower --from below [0-9.e+]+ Hz",
        ),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    given: dict[str, object] = {
        "design": DESIGN, "baseline": BASELINE, "lowest": 1.0, "highest": 2.0, "requests": 10,
    }  # fmt: skip
    with pytest.raises(ConfigError, match=f"^{message}$"):
        find_crossover(small_workload(POISSON), **{**given, **arguments})  # type: ignore[arg-type]


def test_requests_at_one_time_have_no_rate(tmp_path: object) -> None:
    path = f"{tmp_path}/trace.csv"
    with open(path, "w") as file:
        file.write("arrival,task,tokens\n0 s,MNLI,9\n0 s,QNLI,9\n")
    workload = small_workload(f"requests={{pattern: file, path: {path}}}")
    message = r"^requests: the first 2 all arrive at 0 s, so they have no rate to change; .*$"
    with pytest.raises(ConfigError, match=message):
        request_shape(workload, 100)
