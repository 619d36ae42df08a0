"""Power over time: no joule is lost on the way to the screen."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_workload import executions_of
from trace_checks import AWAKE, SHORT, SLEEPY, WHOLE, Trace, between, simulated, trace_of

from accelsim.account import activity
from accelsim.account.activity import STEPS, spread
from accelsim.account.energy import chip_watts, price
from accelsim.account.parts import GROUPS, POWER_PARTS, STATIC
from accelsim.account.power import course, power_series
from accelsim.account.window import View, price_spans, view_of
from accelsim.engine.ledger import Clock, Key, Ledger
from accelsim.engine.run import Window
from accelsim.evaluation.cases import CaseResult
from accelsim.machine.chip_state import NOMINAL, ChipState, PowerState
from accelsim.program import ProgramKind
from accelsim.report.timeline.levels import Level
from accelsim.units import to_seconds

# A day of ticks does not fit 64 bits.
RARE = (*SHORT[:-1], "requests={pattern: periodic, period: 6 h, duration: 24 h}")
both = pytest.mark.parametrize("overrides", [(), SHORT], ids=["main", "short"])


Samples = dict[str, list[tuple[int, float]]]


def power_of(trace: Trace, case: str) -> Samples:
    """The samples [mW] of each part of a machine."""
    return {part: trace.samples[row] for part, row in trace.rows(case, "power").items()}


def drawn_joules(samples: Samples) -> dict[str, float]:
    return {
        part: sum(1e-12 * milliwatts * (end - at) for (at, milliwatts), (end, _) in pairwise(found))
        for part, found in samples.items()
    }


@pytest.mark.parametrize(
    ("overrides", "window"),
    [((), None), (SHORT, None), (SLEEPY, between(12e-3, 25e-3)), (RARE, WHOLE)],
    ids=["main", "short", "window", "day"],
)
def test_power_times_time_is_the_energy_of_the_view(
    overrides: tuple[str, ...], window: Window | None
) -> None:
    trace = trace_of(*overrides, window=window, level=Level.REQUEST)
    for name, case in simulated(*overrides, window=window).items():
        drawn = drawn_joules(power_of(trace, name))
        view = view_of(case.run, case.figures.prices)
        assert all(stay.start < stay.end for stay in view.stays)
        assert all(a.end <= b.start and a.state != b.state for a, b in pairwise(view.stays))
        expected = energy_by_part(case, view)
        # A DRAM that goes to sleep after the program that used it draws its mean meanwhile.
        assert drawn.pop("DRAM") == pytest.approx(expected.pop("DRAM"), rel=1e-2)
        assert drawn == pytest.approx(expected, rel=1e-9)


def test_a_busy_view_has_as_many_steps_as_are_wanted() -> None:
    for case in simulated().values():
        view = view_of(case.run, case.figures.prices)
        # Each stay rounds its share of the steps, and has one at least.
        assert abs(len(activity.step_edges(view)) - STEPS) <= len(view.stays)


def test_a_course_keeps_the_energy_of_every_part() -> None:
    for case in simulated().values():
        view = view_of(case.run, case.figures.prices)
        series = power_series(view)
        few = course(view, series, 7)
        lasts = np.diff(activity.in_ticks(view, np.array(series.edges)))
        for part, watts in series.watts.items():
            drawn = few.watts[part].sum() * (view.end - view.start) / 7
            assert drawn == pytest.approx((watts * lasts).sum(), rel=1e-9)


def test_steps_are_few_however_many_stays_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "MOST_STEPS", 40)
    for case in simulated(*SLEEPY, window=WHOLE).values():
        series = power_series(view_of(case.run, case.figures.prices))
        assert len(case.run.states) > 40 > len(series.edges) - 3
        seconds = np.diff(series.edges) * 1e-9
        drawn = sum(float(watts @ seconds) for watts in series.watts.values())
        assert drawn == pytest.approx(price(case.run.ledger, case.figures.prices).total, rel=1e-9)


def energy_by_part(case: CaseResult, shown: View) -> dict[str, float]:
    """The energy of a view whose DRAM refreshes itself."""
    prices = case.figures.prices
    ledger, joules, covered = Ledger(), dict.fromkeys(POWER_PARTS, 0.0), 0
    for execution in shown.executions:
        for part in execution.parts:
            for (block, action, operator), amount in part.record.amounts.items():
                ledger.amounts[Key(block, action, part.point, "infer", "-", operator)] += amount
        for state, ticks in execution.dram_residency.items():
            joules["DRAM"] += to_seconds(ticks) * prices.dram_states[state]
        covered += execution.duration
    for stay in shown.stays:
        ledger.chip_states[stay.state] += stay.end - stay.start
    for state, ticks in ledger.chip_states.items():
        if state.power in (PowerState.ACTIVE, PowerState.IDLE):
            ledger.clocks |= {Clock(block, block, state): ticks for block in prices.cycles}
    idle = to_seconds(shown.end - shown.start - covered)
    joules["DRAM"] += idle * prices.dram_states["self_refresh"]
    account = price(ledger, prices)
    joules[STATIC] = sum(account.leakage.values()) + sum(account.clock.values())
    for block, energy in account.dynamic_by(lambda key: key.block).items():
        joules[GROUPS[prices.part(block)].power] += energy
    return joules


@pytest.mark.parametrize(
    "overrides", [("requests.rounds=1",), SLEEPY, AWAKE], ids=["round", "sleepy", "awake"]
)
def test_the_power_of_a_whole_run_is_the_energy_of_its_report(overrides: tuple[str, ...]) -> None:
    trace = trace_of(*overrides, window=WHOLE, level=Level.REQUEST)
    for name, case in simulated(*overrides, window=WHOLE).items():
        drawn = drawn_joules(power_of(trace, name))
        total = price(case.run.ledger, case.figures.prices).total
        assert sum(drawn.values()) == pytest.approx(total, rel=1e-9)


def test_a_lower_voltage_and_a_deeper_state_draw_less() -> None:
    case = simulated(*SLEEPY, window=WHOLE)["vanilla_mixed"]
    states = [ChipState(PowerState.ACTIVE), ChipState(PowerState.ACTIVE, "0.50 V")]
    deeper = (PowerState.CLOCK_GATED, PowerState.RETENTION, PowerState.OFF)
    watts = [chip_watts(case.figures.prices, state) for state in (*states, *map(ChipState, deeper))]
    assert watts[1] < watts[0]
    assert watts[0] > watts[2] > watts[3] > watts[4] > 0


def test_spans_cost_the_square_of_the_voltage_but_for_what_has_its_own_supply() -> None:
    case = simulated(*SLEEPY, window=WHOLE)["vanilla_mixed"]
    inferences = executions_of(case.run, ProgramKind.INFER)
    record = next(part.record for each in inferences for part in each.parts)
    nominal, low = (
        price_spans(record, point, case.figures.prices) for point in (NOMINAL, "0.50 V")
    )
    factors: dict[str, set[float]] = defaultdict(set)
    for before, after in zip(nominal, low, strict=True):
        factors[before.block].add(round(after.joules / before.joules, 12))
    square = round((0.5 / 0.8) ** 2, 12)
    assert factors.pop("rram") == factors.pop("rram_masks") == {1.0}
    assert {*factors} >= {"pe_array", "sfu", "bus", "host", "weight_buffer"}
    assert all(found == {square} for found in factors.values())


@both
def test_power_is_drawn_where_it_changes_and_closed_at_the_end(overrides: tuple[str, ...]) -> None:
    trace = trace_of(*overrides, level=Level.REQUEST)
    for name, case in simulated(*overrides).items():
        end = max(execution.end for execution in case.run.executions)
        for samples in power_of(trace, name).values():
            times = [time for time, _ in samples]
            assert times == sorted(set(times))
            assert len(samples) <= STEPS + 2
            assert all(a != b for (_, a), (_, b) in pairwise(samples))
            assert min(milliwatts for _, milliwatts in samples) >= 0
            assert samples[-1][1] == 0.0
            assert times[-1] * 10**6 <= end + 500_000


pieces = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1)), min_size=1, max_size=20
)


@given(pieces, st.integers(1, 30))
def test_spreading_loses_nothing_and_puts_it_in_its_place(
    gaps: list[tuple[int, int, float]], steps: int
) -> None:
    starts, ends, now = [], [], 0
    for gap, length, _ in gaps:
        starts.append(now + gap)
        now += gap + length
        ends.append(now)
    joules = np.array([energy for _, _, energy in gaps])
    edges = np.linspace(0, max(1, now), steps + 1)
    found = spread(edges, np.column_stack([starts, ends, joules]))
    assert found.sum() == pytest.approx(joules.sum(), abs=1e-12)
    for left, right, part in zip(edges[:-1], edges[1:], found, strict=True):
        inside = outside = 0.0
        for start, end, energy in zip(starts, ends, joules, strict=True):
            if start == end:
                # On an edge it may fall to either side.
                outside += energy * (left <= start <= right)
                inside += energy * (left < start < right)
            else:
                share = energy * max(0.0, min(right, end) - max(left, start)) / (end - start)
                inside, outside = inside + share, outside + share
        assert inside - 1e-9 <= part <= outside + 1e-9
