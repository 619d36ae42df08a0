"""Power over time: no joule is lost on the way to the screen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_checks import SHORT, Event, events_of, nanoseconds, phase, round_of, simulated

from accelsim.account.energy import price
from accelsim.account.prices import FREE_ACTIONS
from accelsim.export.perfetto import CaseTrace
from accelsim.export.power import PARTS, STEPS, part_of, spread
from accelsim.units import to_seconds

both = pytest.mark.parametrize("overrides", [(), SHORT], ids=["main", "short"])


def power_of(events: list[Event], process: int) -> list[tuple[int, dict[str, float]]]:
    counters = [event for event in phase(events, "C") if event["pid"] == process]
    assert {event["name"] for event in counters} == {"power"}
    return [
        (nanoseconds(e["ts"]), {key: float(mw) for key, mw in e["args"].items()}) for e in counters
    ]


@both
def test_power_times_time_is_the_energy_of_the_round(overrides: tuple[str, ...]) -> None:
    for process, case in enumerate(simulated(*overrides).values(), 1):
        samples = power_of(events_of(*overrides), process)
        drawn = dict.fromkeys(PARTS, 0.0)
        for (start, milliwatts), (end, _) in pairwise(samples):
            for part in PARTS:
                drawn[part] += milliwatts[f"{part} mW"] * 1e-3 * (end - start) * 1e-9
        assert drawn == pytest.approx(energy_by_part(case), rel=1e-9)


def energy_by_part(case: CaseTrace) -> dict[str, float]:
    hardware, prices = case.design.hardware, case.prices
    joules = dict.fromkeys(PARTS, 0.0)
    for execution in round_of(case):
        for _, record in execution.segments:
            for (block, action, _), amount in record.amounts.items():
                if (block, action) not in FREE_ACTIONS:
                    joules[part_of(block, hardware)] += amount * prices.joules[block, action]
        for state, ticks in execution.dram_residency.items():
            joules["DRAM"] += to_seconds(ticks) * prices.dram_states[state]
        joules["leakage"] += to_seconds(execution.duration) * sum(prices.watts.values())
    return joules


def test_the_power_of_a_run_of_one_round_is_the_energy_of_its_report() -> None:
    for process, case in enumerate(simulated("requests.rounds=1").values(), 1):
        samples = power_of(events_of("requests.rounds=1"), process)
        pairs = pairwise(samples)
        drawn = sum(sum(mw.values()) * (end - start) for (start, mw), (end, _) in pairs) * 1e-12
        account = price(case.run.ledger, case.prices)
        late = account.dynamic_sum(lambda key: key.program == "idle")
        assert drawn == pytest.approx(account.total - late, rel=1e-9)


@both
def test_power_is_drawn_where_it_changes_and_closed_at_the_end(overrides: tuple[str, ...]) -> None:
    for process, case in enumerate(simulated(*overrides).values(), 1):
        samples = power_of(events_of(*overrides), process)
        times = [time for time, _ in samples]
        assert times == sorted(set(times))
        assert len(samples) <= STEPS + 1
        assert all(a != b for (_, a), (_, b) in pairwise(samples))
        assert min(min(milliwatts.values()) for _, milliwatts in samples) >= 0
        assert set(samples[-1][1].values()) == {0.0}
        end = max(execution.end for execution in round_of(case))
        assert abs(times[-1] * 10**6 - end) <= 500_000


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
    found = spread(edges, (np.array(starts, float), np.array(ends, float), joules))
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
