from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from policy_laws import joules

from accelsim.machine.chip_state import PowerState
from accelsim.policies.idle import IDLE_STATES, IdlePlan, StateCost
from accelsim.policies.idle.break_even import BreakEven
from accelsim.policies.idle.oracle import Oracle
from accelsim.policies.idle.timeout import Timeout
from accelsim.units import TICKS_PER_SECOND

ORACLE, BREAK_EVEN = Oracle(policy="oracle"), BreakEven(policy="break_even")
MS = TICKS_PER_SECOND // 1000
IDLE, CLOCK_GATED, RETENTION, OFF = IDLE_STATES

Costs = dict[PowerState, StateCost]


def timeout(**milliseconds: int) -> Timeout:
    thresholds = {key: f"{value} ms" for key, value in milliseconds.items()}
    return Timeout.model_validate({"policy": "timeout", **thresholds})


@st.composite
def machines(draw: st.DrawFn) -> Costs:
    """Draw costs of all states: the deeper, the less power and the dearer the wake-up."""
    watts = sorted((draw(st.integers(0, 100)) / 1e3 for _ in IDLE_STATES), reverse=True)
    energies = sorted(draw(st.integers(0, 500)) / 1e6 for _ in IDLE_STATES[1:])
    times = sorted(draw(st.integers(0, 20)) * MS for _ in IDLE_STATES[1:])
    costs = zip(watts, [0.0, *energies], [0, *times], strict=True)
    return dict(zip(IDLE_STATES, (StateCost(*each) for each in costs), strict=True))


@st.composite
def timeouts(draw: st.DrawFn) -> Timeout:
    keys = [f"{state}_after" for state in IDLE_STATES[1:]]
    chosen = [key for key in keys if draw(st.booleans())]
    times = draw(
        st.lists(st.integers(0, 80), min_size=len(chosen), max_size=len(chosen), unique=True)
    )
    return timeout(**dict(zip(chosen, sorted(times), strict=True)))


@given(costs=machines(), policy=timeouts(), gap=st.integers(0, 100))
def test_no_timeout_beats_the_oracle(costs: Costs, policy: Timeout, gap: int) -> None:
    plan = policy.plan(None, costs)
    *_, (last, _) = plan.stays(gap * MS)
    # A timeout in a state that cannot be left in time saves energy by being late.
    assume(costs[last].wake_time <= gap * MS)
    best = ORACLE.plan(gap * MS, costs)
    assert joules(best, gap * MS, costs) <= joules(plan, gap * MS, costs) + 1e-15


@given(costs=machines(), gap=st.integers(0, 100))
def test_the_oracle_takes_the_cheapest_state_that_it_can_leave_in_time(
    costs: Costs, gap: int
) -> None:
    best = ORACLE.plan(gap * MS, costs)
    ((start, state),) = best.steps
    assert (start, best.wakes_early) == (0, True)
    assert costs[state].wake_time <= gap * MS
    for other in IDLE_STATES:
        if costs[other].wake_time <= gap * MS:
            rival = joules(IdlePlan(((0, other),), wakes_early=True), gap * MS, costs)
            # Equal costs may differ in the last bit: the sums have another order.
            assert joules(best, gap * MS, costs) <= rival * (1 + 1e-12)


def two_states(watts: int, saved: int, wake: int) -> tuple[Costs, int]:
    """Return idle and off states, and the milliseconds at which they cost the same.

    ``watts`` and ``saved`` count milliwatts, ``wake`` microjoules.
    """
    off = StateCost((watts - saved) / 1e3, wake / 1e6, 0)
    return {IDLE: StateCost(watts / 1e3, 0.0, 0), OFF: off}, wake // saved


@given(saved=st.integers(1, 50), more=st.integers(0, 50), at=st.integers(1, 200))
def test_the_oracle_changes_its_mind_at_the_break_even_time(saved: int, more: int, at: int) -> None:
    costs, even = two_states(saved + more, saved, saved * at)
    assert even == at
    assert ORACLE.plan(even * MS - MS // 100, costs).steps == ((0, IDLE),)
    assert ORACLE.plan(even * MS + MS // 100, costs).steps == ((0, OFF),)


@given(
    saved=st.integers(1, 50),
    more=st.integers(0, 50),
    at=st.integers(1, 200),
    gap=st.integers(0, 500),
)
def test_a_timeout_of_the_break_even_time_costs_at_most_twice_the_oracle(
    saved: int, more: int, at: int, gap: int
) -> None:
    costs, even = two_states(saved + more, saved, saved * at)
    paid = joules(timeout(off_after=even).plan(None, costs), gap * MS, costs)
    assert paid <= 2 * joules(ORACLE.plan(gap * MS, costs), gap * MS, costs) + 1e-12


def test_the_bound_of_two_is_reached_when_off_draws_nothing() -> None:
    costs, even = two_states(10, 10, 400)
    paid = joules(timeout(off_after=even).plan(None, costs), even * MS, costs)
    best = joules(ORACLE.plan(even * MS, costs), even * MS, costs)
    assert (paid, best) == (pytest.approx(800e-6), pytest.approx(400e-6))


@given(costs=machines(), gap=st.integers(0, 100))
def test_break_even_is_always_where_it_would_have_been_best_to_be(costs: Costs, gap: int) -> None:
    plan = BREAK_EVEN.plan(None, costs)
    assert plan == BREAK_EVEN.plan(gap * MS, costs)
    *stays, (last, _) = plan.stays(gap * MS)
    least = min(each.watts * gap / 1e3 + each.wake_energy for each in costs.values())
    assert costs[last].watts * gap / 1e3 + costs[last].wake_energy == pytest.approx(least)
    assert least - 1e-12 <= joules(plan, gap * MS, costs) <= 2 * least + 1e-12
    assert all(costs[state].watts > costs[last].watts for state, _ in stays)


@given(saved=st.integers(1, 50), more=st.integers(0, 50), at=st.integers(1, 200))
def test_two_states_change_at_the_break_even_time(saved: int, more: int, at: int) -> None:
    costs, even = two_states(saved + more, saved, saved * at)
    (first, second) = BREAK_EVEN.plan(None, costs).steps
    assert first == (0, IDLE)
    assert second == (pytest.approx(even * MS, rel=1e-9), OFF)


def test_a_state_that_is_never_cheapest_is_left_out() -> None:
    costs = {IDLE: StateCost(10e-3, 0.0, 0), OFF: StateCost(0.0, 10e-6, 0)}
    dear = {**costs, RETENTION: StateCost(5e-3, 6e-6, 0)}
    assert BREAK_EVEN.plan(None, dear) == BREAK_EVEN.plan(None, costs)
    free = {**costs, CLOCK_GATED: StateCost(9e-3, 0.0, 0)}
    assert BREAK_EVEN.plan(None, free).steps[0] == (0, CLOCK_GATED)
    assert BREAK_EVEN.plan(None, {IDLE: costs[IDLE]}).steps == ((0, IDLE),)


def test_equal_states_go_to_the_shallower() -> None:
    same = StateCost(1e-3, 0.0, 0)
    costs = dict.fromkeys(IDLE_STATES, same)
    assert ORACLE.plan(MS, costs).steps == ((0, IDLE),)
    assert ORACLE.plan(None, {**costs, OFF: StateCost(1e-4, 1.0, MS)}).steps == ((0, OFF),)


def test_without_another_arrival_the_oracle_takes_the_least_power() -> None:
    costs = {IDLE: StateCost(2e-3, 0, 0), RETENTION: StateCost(1e-3, 9.0, 5 * MS)}
    assert ORACLE.plan(None, costs).steps == ((0, RETENTION),)
    assert ORACLE.plan(5 * MS - 1, costs).steps == ((0, IDLE),)


def test_without_thresholds_the_device_stays_idle() -> None:
    plan = timeout().plan(None, {})
    assert plan == IdlePlan(((0, IDLE),), wakes_early=False)
    assert list(plan.stays(3 * MS)) == [(IDLE, 3 * MS)]


def test_thresholds_become_steps() -> None:
    plan = timeout(clock_gated_after=0, off_after=100).plan(None, {})
    assert plan.steps == ((0, CLOCK_GATED), (100 * MS, OFF))
    assert list(plan.stays(99 * MS)) == [(CLOCK_GATED, 99 * MS)]
    assert list(plan.stays(100 * MS)) == [(CLOCK_GATED, 100 * MS), (OFF, 0)]
    assert timeout(retention_after=2).plan(None, {}).steps == ((0, IDLE), (2 * MS, RETENTION))


@given(policy=timeouts(), gap=st.integers(0, 100), other=st.none() | st.integers(0, 100))
def test_a_timeout_does_not_know_the_future_and_its_stays_fill_the_gap(
    policy: Timeout, gap: int, other: int | None
) -> None:
    plan = policy.plan(gap * MS, {})
    assert plan == policy.plan(other, {})
    assert sum(ticks for _, ticks in plan.stays(gap * MS)) == gap * MS
    depths = [IDLE_STATES.index(state) for _, state in plan.steps]
    assert depths == sorted(depths)
    assert plan.steps[0][0] == 0
