"""The DRAM channel: latencies as formulas over named timings, counts, residency, gold model."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from dram_gold import GoldChannel
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.blocks.dram import DramChannel, prices
from accelsim.errors import CapacityError, ConfigError, ProgramError
from accelsim.memory.dram import DramTechnology, list_drams, load_dram
from accelsim.units import TICKS_PER_SECOND, Tick, ceil_div, to_seconds, to_ticks

PART = load_dram("lpddr4_3200")
PAGE = PART.organisation.page_size
BURST = PART.organisation.burst_size
SAME_BANK = PART.organisation.banks * PAGE  # The distance of consecutive rows of one bank.
NANOSECOND = 10**6


def ticks(part: DramTechnology, name: str) -> Tick:
    """The ticks of a timing by its JEDEC name; B is one burst."""
    if name == "B":
        return to_ticks(part.burst_time)
    fields = type(part.timing).model_fields
    return to_ticks(next(getattr(part.timing, key) for key in fields if fields[key].alias == name))


def total(part: DramTechnology, formula: str) -> Tick:
    """The sum of timings such as ``tRCD + tRL + B``."""
    return sum(ticks(part, name) for name in formula.split(" + "))


def variant(timing: dict[str, str] | None = None, **organisation: Any) -> DramTechnology:
    """LPDDR4-3200 with some timings and another organisation."""
    data = PART.model_dump(by_alias=True)
    for group in ("timing", "power"):
        data[group] = _with_units(data[group])
    data["timing"].update(timing or {})
    shape = {**data["organisation"], **organisation}
    shape["device_width"] = f"{shape['device_width']} b"
    shape["page_size"] = f"{shape['page_size']} B"
    return DramTechnology.model_validate({**data, "organisation": shape})


def _with_units(group: dict[str, Any]) -> dict[str, Any]:
    units = {"t": "s", "I": "A", "v": "V"}
    return {
        key: _with_units(value)
        if isinstance(value, dict)
        else f"{value!r} {units[key[0]]}"
        if isinstance(value, float)
        else value
        for key, value in group.items()
    }


def standby(part: DramTechnology = PART) -> DramChannel:
    return DramChannel(part, idle_state="standby")


# Latencies of one burst


def test_closed_row():
    assert standby().access(0, 0, BURST, False) == total(PART, "tRCD + tRL + B")
    assert standby().access(0, 0, BURST, True) == total(PART, "tRCD + tWL + B")
    assert total(PART, "tRCD + tRL + B") == 40_625_000


def test_row_hit_long_after_and_at_once():
    for pause in (0, 1_000 * NANOSECOND):
        channel = standby()
        start = channel.access(0, 0, BURST, False) + pause
        assert channel.access(start, PAGE - 1, 1, False) - start == total(PART, "tRL + B")
        assert channel.counts["activate"] == 1


def test_row_conflict_long_after():
    channel = standby()
    start = channel.access(0, 0, BURST, False) + 1_000 * NANOSECOND
    end = channel.access(start, SAME_BANK, BURST, False)
    assert end - start == total(PART, "tRP + tRCD + tRL + B")


def test_another_bank_is_no_conflict():
    channel = standby()
    start = channel.access(0, 0, BURST, False)
    assert channel.access(start, PAGE, BURST, False) - start == total(PART, "tRCD + tRL + B")


def test_row_conflict_waits_for_the_row_to_be_restored():
    channel = standby()
    channel.access(0, 0, BURST, False)
    end = channel.access(0, SAME_BANK, BURST, False)
    assert end == total(PART, "tRAS + tRP + tRCD + tRL + B")


def test_row_conflict_waits_for_read_to_precharge():
    part = variant({"tRTP": "60 ns"})
    channel = standby(part)
    channel.access(0, 0, BURST, False)
    end = channel.access(0, SAME_BANK, BURST, False)
    assert end == total(part, "tRCD + tRTP + tRP + tRCD + tRL + B")


def test_row_conflict_waits_for_write_recovery():
    channel = standby()
    channel.access(0, 0, BURST, True)
    end = channel.access(0, SAME_BANK, BURST, False)
    assert end == total(PART, "tRCD + tWL + B + tWR + tRP + tRCD + tRL + B")


def test_write_to_read_turnaround_is_tight():
    formula = "tWTR + tRL + B"
    for pause in (0, 1, ticks(PART, "tWTR") - 1, ticks(PART, "tWTR"), ticks(PART, "tWTR") + 1):
        channel = standby()
        written = channel.access(0, 0, BURST, True)
        end = channel.access(written + pause, BURST, BURST, False)
        late = max(0, pause - ticks(PART, "tWTR"))
        assert end == written + total(PART, formula) + late


# Several rows in one access


@pytest.mark.parametrize("pages", [1, 2, 3, 4, 5, 8])
def test_activates_follow_each_other_by_row_to_row_and_four_activate_window(pages: int):
    part = variant({"tFAW": "100 ns"}, page_size=BURST)
    activate = [0, 10, 20, 30, 100, 110, 120, 130][pages - 1] * NANOSECOND
    end = standby(part).access(0, 0, pages * BURST, False)
    assert end == activate + total(part, "tRCD + tRL + B")


def test_fifth_activate_is_blocked_by_the_window_alone():
    for window, fifth in (("30 ns", 40), ("40 ns", 40), ("41 ns", 41), ("70 ns", 70)):
        part = variant({"tFAW": window}, page_size=BURST)
        end = standby(part).access(0, 0, 5 * BURST, False)
        assert end == fifth * NANOSECOND + total(part, "tRCD + tRL + B")


def test_one_bank_pays_the_row_cycle():
    part = variant(page_size=BURST, banks=1)
    end = standby(part).access(0, 0, 2 * BURST, False)
    assert end == total(part, "tRAS + tRP + tRCD + tRL + B")


def test_next_row_opens_behind_the_current_one():
    bursts = 2 * PAGE // BURST
    end = standby().access(0, 0, 2 * PAGE, False)
    assert end == total(PART, "tRCD + tRL") + bursts * ticks(PART, "B")


def test_column_gap_of_the_part_may_exceed_the_burst():
    part = variant({"tCCD": "7 ns"})
    end = standby(part).access(0, 0, 3 * BURST, False)
    assert end == total(part, "tRCD + tRL + B") + 2 * ticks(part, "tCCD")


@pytest.mark.parametrize(("address", "size", "bursts"), [(0, 1, 1), (31, 2, 2), (16, 64, 3)])
def test_partial_bursts_occupy_whole_ones(address: int, size: int, bursts: int):
    channel = standby()
    end = channel.access(0, address, size, True)
    assert channel.counts["write_burst"] == bursts
    assert end == total(PART, "tRCD + tWL") + bursts * ticks(PART, "B")


def test_devices_in_lock_step_widen_page_and_burst():
    one, two = standby(), DramChannel(PART, devices=2, idle_state="standby")
    assert one.access(0, 0, 6 * PAGE, False) == two.access(0, 0, 12 * PAGE, False)
    assert one.counts == two.counts


def test_random_reads_of_64_bytes_cost_a_closed_row_each():
    channel = DramChannel(variant({"tREFI": "1000 ns"}), idle_state="standby")
    for index in range(7):
        start = channel.settled
        end = channel.access(start, index * PAGE, 64, False)
        assert end - start == total(PART, "tRCD + tRL + B + B")
    assert channel.counts == {"activate": 7, "read_burst": 14, "write_burst": 0, "refresh": 0}


# Refresh


def test_read_one_tick_before_refresh_is_granted_and_at_refresh_refused():
    due = ticks(PART, "tREFI")
    channel = standby()
    start = due - ticks(PART, "tRCD") - 1
    assert channel.access(start, 0, BURST, False) == due - 1 + total(PART, "tRL + B")
    assert channel.counts["refresh"] == 0
    channel = standby()
    assert channel.access(start + 1, 0, BURST, False) == due + total(
        PART, "tRFCab + tRCD + tRL + B"
    )
    assert channel.counts["refresh"] == 1
    assert channel.counts["activate"] == 1


def test_refresh_closes_the_open_row():
    channel = standby()
    channel.access(0, 0, BURST, False)
    due = ticks(PART, "tREFI")
    end = channel.access(due, 0, BURST, False)
    assert end == due + total(PART, "tRPab + tRFCab + tRCD + tRL + B")
    assert channel.counts["activate"] == 2


def test_refresh_waits_for_write_recovery():
    due = ticks(PART, "tREFI")
    channel = standby()
    channel.access(due - ticks(PART, "tRCD") - 1, 0, 2 * BURST, True)
    last = due - 1
    closed = last + total(PART, "tWL + B + tWR + tRPab")
    assert channel.settled == closed + total(PART, "tRFCab + tRCD + tWL + B")


def test_refresh_due_at_the_end_of_an_access_delays_the_next():
    due = ticks(PART, "tREFI")
    channel = standby()
    end = channel.access(due - total(PART, "tRCD + tRL + B"), 0, BURST, False)
    assert end == due
    after = channel.access(end, 0, BURST, False)
    opened = due - total(PART, "tRCD + tRL + B")
    closing = "tRAS + tRPab + tRFCab"
    assert after == opened + total(PART, f"{closing} + tRCD + tRL + B")


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("name", list_drams())
def test_sequential_access_runs_at_peak_bandwidth_but_for_refresh(name: str, write: bool):
    part = load_dram(name)
    size = 2_500_000
    channel = standby(part)
    end = channel.access(0, 0, size, write)
    bursts = ceil_div(size, part.organisation.burst_size)
    first = total(part, "tRCD + tWL" if write else "tRCD + tRL")
    streaming = first + bursts * ticks(part, "B")
    refreshes = channel.counts["refresh"]
    closing = to_ticks(part.timing.precharge_all_time)
    lost = closing + total(part, "tRFCab + tRCD")
    until_closed = total(part, "tWL + B + tWR + B" if write else "tRTP + B")
    assert refreshes == end // ticks(part, "tREFI") > 90
    assert streaming + refreshes * lost - refreshes * ticks(part, "B") <= end
    assert end <= streaming + refreshes * (lost + until_closed)
    pages = ceil_div(size, part.organisation.page_size)
    assert channel.counts["write_burst" if write else "read_burst"] == bursts
    assert pages <= channel.counts["activate"] <= pages + refreshes


# Idleness


def test_exit_of_self_refresh_and_power_down():
    for idle, leave in (("self_refresh", "tXSR"), ("power_down", "tXP")):
        channel = DramChannel(PART, idle_state=idle)
        assert channel.access(0, 0, BURST, False) == total(PART, f"{leave} + tRCD + tRL + B")
        start = channel.settled + 2_000 * NANOSECOND
        end = channel.access(start, 0, BURST, False)
        assert end - start == total(PART, f"{leave} + tRCD + tRL + B")


def test_back_to_back_accesses_stay_awake_and_one_tick_of_idleness_does_not():
    channel = DramChannel(PART, idle_state="power_down")
    start = channel.access(0, 0, BURST, False)
    assert channel.access(start, 0, BURST, False) - start == total(PART, "tRL + B")
    idle_from = channel.settled
    end = channel.access(idle_from + 1, 0, BURST, False)
    # Two read bursts keep the row open for longer than tRAS.
    assert end - idle_from == total(PART, "tRPab + tCKE + tXP + tRCD + tRL + B")


def test_self_refresh_wants_a_refresh_between_exit_and_entry():
    channel = DramChannel(PART)
    idle_from = channel.access(0, 0, BURST, False)
    channel.settle(idle_from + 100_000 * NANOSECOND)
    assert channel.counts["refresh"] == 1
    assert channel.residency == {
        "active_standby": total(PART, "tRAS + tRFCab"),
        "precharge_standby": total(PART, "tXSR + tRPab"),
        "power_down": 0,
        "self_refresh": channel.settled - total(PART, "tRAS + tRFCab + tXSR + tRPab"),
    }


def test_no_second_refresh_before_self_refresh_when_one_was_due():
    channel = DramChannel(PART)
    due = ticks(PART, "tREFI")
    end = channel.access(due - ticks(PART, "tXSR") - 1, 0, 4 * PAGE, False)
    assert channel.counts["refresh"] == 1
    channel.settle(end + 1_000 * NANOSECOND)
    assert channel.counts["refresh"] == 1


@pytest.mark.parametrize("idle", ["power_down", "standby"])
def test_an_idle_hour_is_refreshed_in_closed_form(idle: Any):
    channel = DramChannel(PART, idle_state=idle)
    hour = 3600 * TICKS_PER_SECOND
    channel.settle(hour)
    refreshes = hour // ticks(PART, "tREFI")
    assert channel.counts["refresh"] == refreshes
    # The last refresh may be under way.
    assert channel.residency["active_standby"] == pytest.approx(
        refreshes * ticks(PART, "tRFCab"), rel=1e-8
    )
    assert sum(channel.residency.values()) == hour


def test_an_idle_hour_in_self_refresh_is_just_that():
    channel = DramChannel(PART)
    channel.settle(3600 * TICKS_PER_SECOND)
    assert channel.residency["self_refresh"] == 3600 * TICKS_PER_SECOND
    assert set(channel.counts.values()) == {0}


# Energy


def test_energy_of_a_streaming_read_equals_the_hand_calculation():
    size = 2_500_000
    channel = standby()
    channel.access(0, 0, size, False)
    price = prices(PART)
    energy = sum(channel.counts[name] * price["joules"][name] for name in channel.counts)
    energy += sum(
        to_seconds(time) * price["watts"][state] for state, time in channel.residency.items()
    )
    # LPDDR4-3200 x16: mA and V of VDD1, VDD2, VDDQ; 5 ns and 32 B a burst.
    burst = 5e-9 * (1.1 * (275e-3 - 30e-3) + 1.1 * (150e-3 - 0.75e-3)) / 32
    charge = 1.8 * (3.5 * 60.625 - 2.25 * 42.5 - 2.0 * 18.125)
    charge += 1.1 * (45 * 60.625 - 30 * 42.5 - 27 * 18.125)
    row = charge * 1e-12 / 2048
    refresh = 280e-9 * (1.8 * (10e-3 - 2.25e-3) + 1.1 * (90e-3 - 30e-3))
    background = 1.8 * 2.25e-3 + 1.1 * 30e-3 + 1.1 * 0.75e-3
    lost = 280e-9 + 21.25e-9 + 18.125e-9
    bandwidth = 6.4e9 * (1 - lost / 3903.75e-9)
    by_hand = burst + row + (background + refresh / 3903.75e-9) / bandwidth
    assert energy / size == pytest.approx(by_hand, rel=0.01)
    # The published figure leaves out VDDQ standby and the bandwidth lost to refresh.
    assert energy / size == pytest.approx(75.04e-12, rel=0.025)


# Errors


@pytest.mark.parametrize(("address", "size"), [(0, 0), (0, -1), (-1, 4)])
def test_empty_or_negative_range_is_refused(address: int, size: int):
    message = (
        rf"^DRAM access of {size} B at address {address}: expected at least 1 B at address 0 or "
        r"above$"
    )
    with pytest.raises(ProgramError, match=message):
        standby().access(0, address, size, False)


def test_capacity_is_tight():
    capacity = PART.organisation.capacity
    assert standby().access(0, capacity - 1, 1, False) > 0
    message = (
        rf"^DRAM access of 2 B at address {capacity - 1} ends 1 B beyond the 1 GiB of 1 x "
        r"LPDDR4-3200 x16 8 Gb; use more devices or a larger part$"
    )
    with pytest.raises(CapacityError, match=message):
        standby().access(0, capacity - 1, 2, False)
    assert DramChannel(PART, devices=2).access(0, capacity - 1, 2, False) > 0


def test_wrong_channel_is_refused():
    with pytest.raises(ConfigError, match=r"^DRAM channel: got 0 devices; expected at least 1$"):
        DramChannel(PART, devices=0)
    sleepy: Any = "sleep"
    message = (
        r"^DRAM channel: unknown idle state 'sleep'; expected self_refresh, power_down, standby$"
    )
    with pytest.raises(ConfigError, match=message):
        DramChannel(PART, idle_state=sleepy)


# Work: a row at a time


def test_work_grows_with_rows_and_not_with_bursts():
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    channel = standby()
    sys.setprofile(count)
    try:
        channel.access(0, 0, 1_000 * PAGE, False)
    finally:
        sys.setprofile(None)
    assert calls < 30 * 1_000 < 1_000 * PAGE // BURST


# Laws over random parts and accesses


def _nanoseconds(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(lambda number: f"{number} ns")


@st.composite
def parts(draw: st.DrawFn) -> DramTechnology:
    names = ("tRCD", "tRP", "tRPab", "tRAS", "tRL", "tWL", "tWR", "tRTP", "tWTR", "tCCD", "tRRD")
    timing = {name: draw(_nanoseconds(0, 60)) for name in draw(st.sets(st.sampled_from(names)))}
    timing["tFAW"] = draw(_nanoseconds(0, 150))
    timing["tRFCab"] = draw(_nanoseconds(1, 300))
    timing["tREFI"] = draw(_nanoseconds(600, 4_000))
    timing["tXSR"] = draw(_nanoseconds(0, 400))
    return variant(
        timing,
        banks=draw(st.sampled_from([1, 2, 3, 8])),
        page_size=draw(st.sampled_from([32, 64, 256, 2048])),
        rows=4096,
    )


any_part = st.one_of(st.sampled_from([load_dram(name) for name in list_drams()]), parts())
idle_states: Any = st.sampled_from(["self_refresh", "power_down", "standby"])
pauses = st.one_of(
    st.sampled_from([0, 0, 1]),
    st.integers(0, 300 * NANOSECOND),
    st.integers(10_000 * NANOSECOND, 30_000 * NANOSECOND),
)
Access = tuple[Tick, int, int, bool]


def accesses(limit: int = 8) -> st.SearchStrategy[list[Access]]:
    address = st.one_of(st.integers(0, 999), st.integers(0, 100_000))
    size = st.one_of(st.integers(1, 64), st.integers(1, 6_000), st.integers(10_000, 30_000))
    access = st.tuples(pauses, address, size, st.booleans())
    return st.lists(access, min_size=1, max_size=limit)


def _within(part: DramTechnology, access: Access) -> Access:
    pause, address, size, write = access
    address %= part.organisation.capacity
    return pause, address, min(size, part.organisation.capacity - address), write


@settings(max_examples=200, deadline=None)
@given(any_part, st.integers(1, 2), idle_states, accesses(), pauses)
def test_equals_the_model_that_sends_every_command(
    part: DramTechnology, devices: int, idle: Any, todo: list[Access], tail: Tick
):
    channel, gold = DramChannel(part, devices, idle), GoldChannel(part, devices, idle)
    for access in todo:
        pause, *rest = _within(part, access)
        start = channel.settled + pause
        assert channel.access(start, *rest) == gold.access(start, *rest)
        assert channel.residency == gold.residency()
    for wait in (0, tail):
        channel.settle(channel.settled + wait)
        gold.settle(gold.now + wait)
        assert channel.counts == gold.counts()
        assert channel.residency == gold.residency()
        assert sum(channel.residency.values()) == channel.settled


@settings(max_examples=100, deadline=None)
@given(any_part, idle_states, accesses(), st.lists(pauses, max_size=8))
def test_settling_in_between_changes_nothing(
    part: DramTechnology, idle: Any, todo: list[Access], looks: list[Tick]
):
    watched, alone = DramChannel(part, 1, idle), DramChannel(part, 1, idle)
    for index, access in enumerate(todo):
        pause, *rest = _within(part, access)
        start = alone.settled + pause
        watched.settle(alone.settled)
        if index < len(looks):
            watched.state_key(min(start, alone.settled + looks[index]))
        assert watched.access(start, *rest) == alone.access(start, *rest)
    assert watched.counts == alone.counts
    assert watched.residency == alone.residency


def _outcome(channel: DramChannel, todo: list[Access], part: DramTechnology) -> list[Any]:
    begin = channel.settled
    before = {**channel.counts, **channel.residency}
    seen = []
    for access in todo:
        pause, *rest = _within(part, access)
        seen.append(channel.access(channel.settled + pause, *rest) - begin)
    channel.settle(channel.settled + 10_000 * NANOSECOND)
    after = {**channel.counts, **channel.residency}
    return [*seen, {name: after[name] - before[name] for name in before}]


@settings(max_examples=150, deadline=None)
@given(any_part, idle_states, accesses(4), accesses(4), accesses(4), st.integers(0, 3), pauses)
def test_equal_keys_have_equal_futures(
    part: DramTechnology,
    idle: Any,
    past: list[Access],
    other: list[Access],
    future: list[Access],
    laps: int,
    pause: Tick,
):
    # The other channel ends its own past one access before, and then both do the same from a
    # tick of equal refresh phase: many pairs are equal, some are not, and equal ones must agree.
    one, two = DramChannel(part, 1, idle), DramChannel(part, 1, idle)
    interval = ticks(part, "tREFI")
    for channel, history in ((one, past), (two, other)):
        for access in history:
            gap, *rest = _within(part, access)
            channel.access(channel.settled + gap, *rest)
    for channel, extra in ((one, 0), (two, laps)):
        start = (ceil_div(channel.settled, interval) + extra) * interval + pause
        channel.access(start, 0, 64, False)
    if one.state_key(one.settled) == two.state_key(two.settled):
        assert _outcome(one, future, part) == _outcome(two, future, part)


@settings(max_examples=400, deadline=None)
@given(parts(), idle_states, accesses(2), accesses(2), accesses(3), st.integers(0, 60))
def test_equal_keys_at_one_tick_have_equal_futures(
    part: DramTechnology,
    idle: Any,
    past: list[Access],
    other: list[Access],
    future: list[Access],
    wait: int,
):
    # Seen at one tick the refresh phases are equal: what differs is what still binds.
    one, two = DramChannel(part, 1, idle), DramChannel(part, 1, idle)
    for channel, history in ((one, past), (two, other)):
        for _, address, size, write in history:
            channel.access(0, address % 128, size % 128 + 1, write)
    now = max(one.settled, two.settled) + wait * NANOSECOND
    near = [(0, address % 256, size % 256 + 1, write) for _, address, size, write in future]
    if one.state_key(now) == two.state_key(now):
        assert _outcome(one, near, part) == _outcome(two, near, part)


FAST_ROW = {"tRAS": "0 ns", "tRTP": "0 ns"}
MICROSECOND = 1_000 * NANOSECOND


@pytest.mark.parametrize(
    ("timing", "one", "two", "seen", "next_one"),
    [
        pytest.param(
            {**FAST_ROW, "tWR": "0 ns", "tWTR": "200 ns"},
            [(0, 0, BURST, True)],
            [(0, 0, BURST, False)],
            MICROSECOND // 10,
            (0, BURST, False),
            id="a read waits for tWTR",
        ),
        pytest.param(
            {**FAST_ROW, "tWR": "200 ns", "tWTR": "0 ns"},
            [(0, 0, BURST, True)],
            [(0, 0, BURST, False)],
            MICROSECOND // 10,
            (8 * BURST, BURST, False),
            id="a precharge waits for tWR",
        ),
        pytest.param(
            {**FAST_ROW, "tFAW": "500 ns"},
            [(MICROSECOND, 0, 4 * BURST, False)],
            [(0, 0, 4 * BURST, False), (MICROSECOND, 3 * BURST, BURST, False)],
            MICROSECOND + 200 * NANOSECOND,
            (4 * BURST, BURST, False),
            id="an activate waits for tFAW",
        ),
        pytest.param(
            {**FAST_ROW, "tFAW": "0 ns", "tRRD": "500 ns"},
            [(0, 0, BURST, False), (MICROSECOND, BURST, BURST, False)],
            [(0, 0, 2 * BURST, False), (MICROSECOND, BURST, BURST, False)],
            MICROSECOND + 200 * NANOSECOND,
            (4 * BURST, BURST, False),
            id="an activate waits for tRRD",
        ),
        pytest.param(
            {**FAST_ROW, "tWR": "200 ns", "tREFI": "2000 ns"},
            [(1_950 * NANOSECOND, 0, BURST, True)],
            [(1_950 * NANOSECOND, 0, BURST, False)],
            2_250 * NANOSECOND,
            (0, BURST, False),
            id="an activate waits for a late refresh",
        ),
    ],
)
def test_key_holds_each_time_that_binds(
    timing: dict[str, str],
    one: list[tuple[Tick, int, int, bool]],
    two: list[tuple[Tick, int, int, bool]],
    seen: Tick,
    next_one: tuple[int, int, bool],
):
    part = variant(timing, page_size=BURST)
    channels = standby(part), standby(part)
    for channel, history in zip(channels, (one, two), strict=True):
        for access in history:
            channel.access(*access)
        assert channel.settled <= seen
    keys = [channel.state_key(seen) for channel in channels]
    ends = [channel.access(seen, *next_one) for channel in channels]
    assert ends[0] > ends[1]
    assert keys[0] != keys[1]


def test_key_knows_whether_self_refresh_still_wants_a_refresh():
    interval = ticks(PART, "tREFI")
    before, after = DramChannel(PART), DramChannel(PART)
    end = before.access(interval - total(PART, "tXSR + tRCD + tRL"), 0, 16 * BURST, False)
    start = end - total(PART, "tXSR + tRCD + tRL") - 16 * ticks(PART, "B")
    later = 5 * interval
    assert after.access(start + later, 0, 16 * BURST, False) == end + later
    assert (before.counts["refresh"], after.counts["refresh"]) == (1, 0)
    assert before.state_key(end) != after.state_key(end + later)
    for channel in (before, after):
        channel.settle(channel.settled + interval)
    assert (before.counts["refresh"], after.counts["refresh"]) == (1, 1)


@pytest.mark.parametrize("idle", ["power_down", "standby"])
def test_refresh_is_counted_at_its_tick_and_not_before(idle: Any):
    interval = ticks(PART, "tREFI")
    for laps in (1, 2, 3, 9):
        channel = DramChannel(PART, idle_state=idle)
        channel.settle(laps * interval - 1)
        assert channel.counts["refresh"] == laps - 1
        channel.settle(laps * interval)
        assert channel.counts["refresh"] == laps
        at_once = DramChannel(PART, idle_state=idle)
        at_once.settle(laps * interval)
        assert at_once.counts["refresh"] == laps


def test_refresh_due_at_the_end_is_counted_when_settled():
    due = ticks(PART, "tREFI")
    for early, refreshes in ((0, 1), (1, 0)):
        channel = DramChannel(PART, idle_state="power_down")
        start = due - total(PART, "tXP + tRCD + tRL + B") - early
        channel.settle(channel.access(start, 0, BURST, False))
        assert channel.counts["refresh"] == refreshes


def test_keys_meet_again_after_whole_refresh_intervals():
    channel = DramChannel(PART)
    keys = []
    for lap in (3, 17):
        start = lap * ticks(PART, "tREFI") + 5
        channel.access(start, 0, 3 * PAGE, False)
        keys.append(channel.state_key(channel.settled))
    assert keys[0] == keys[1]


@pytest.mark.parametrize("idle", ["self_refresh", "power_down", "standby"])
def test_keys_tell_apart_what_matters(idle: Any):
    def key(address: int, write: bool, wait: Tick) -> object:
        channel = DramChannel(PART, idle_state=idle)
        return channel.state_key(channel.access(0, address, BURST, write) + wait)

    base = key(0, False, 0)
    assert key(0, False, 0) == base
    assert key(PAGE, False, 0) != base
    assert key(SAME_BANK, False, 0) != base
    assert key(0, True, 0) != base
    assert key(0, False, 1) != base
