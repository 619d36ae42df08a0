"""The DRAM channel: latencies as formulas over named timings, counts, residency, errors."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from dram_parts import BURST, NANOSECOND, PAGE, PART, SAME_BANK, standby, ticks, total, variant
from pydantic import ValidationError

from accelsim.errors import CapacityError, ProgramError
from accelsim.machine.timing.dram_channel import DramChannel
from accelsim.memory.dram import list_drams, load_dram, prices
from accelsim.units import TICKS_PER_SECOND, ceil_div, to_seconds, to_ticks

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
    pages = ticks(PART, "tREFI") // (PAGE // BURST * ticks(PART, "B")) + 1
    end = channel.access(0, 0, pages * PAGE, False)
    assert channel.counts["refresh"] == 1
    channel.settle(end + 1_000 * NANOSECOND)
    assert channel.counts["refresh"] == 1


def test_the_refresh_timer_starts_anew_at_the_exit_from_self_refresh():
    interval, later = ticks(PART, "tREFI"), 12_345_678_901
    first, second = DramChannel(PART), DramChannel(PART)
    size = 3 * interval // ticks(PART, "B") * BURST
    assert second.access(later, 0, size, False) == first.access(0, 0, size, False) + later
    assert first.counts == second.counts


def test_a_state_set_elsewhere_in_time_goes_on_as_it_would_have():
    channel, other = DramChannel(PART), DramChannel(PART)
    end = channel.access(0, 3 * PAGE, 5 * PAGE, True)
    other.settle(end + 777)
    other.resume(channel.state_at(end), end + 777)
    for start, address in ((0, 9 * PAGE), (10_000, 0)):
        assert channel.access(end + start, address, PAGE, False) + 777 == other.access(
            end + 777 + start, address, PAGE, False
        )


@pytest.mark.parametrize("idle", ["power_down", "self_refresh"])
@pytest.mark.parametrize("wait", [0, 100, 10_000])
def test_a_state_set_elsewhere_in_time_is_told_from_others_as_it_was(idle: Any, wait: int):
    channel, other = DramChannel(PART, idle_state=idle), DramChannel(PART, idle_state=idle)
    now = channel.access(0, 3 * PAGE, 5 * PAGE, True) + wait * NANOSECOND
    channel.settle(now)
    other.settle(now + 777)
    other.resume(channel.state_at(now), now + 777)
    for later in (0, 20, 500, 50_000):
        at = now + later * NANOSECOND
        assert channel.state_key(at) == other.state_key(at + 777)


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


def test_what_is_not_refreshed_cannot_be_used():
    channel, kept = DramChannel(PART, refreshed="1/16"), PART.organisation.capacity // 16
    assert channel.access(0, kept - 1, 1, False) > 0
    message = r"ends 1 B beyond the 64 MiB of 1 x .*, of which 1/16 is refreshed; use more"
    with pytest.raises(CapacityError, match=message):
        channel.access(0, kept - 1, 2, False)


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


@pytest.mark.parametrize(
    "name", ["tWL", "tWR", "tRAS", "tRTP", "tRPab", "tRFCab", "tRCD", "tCKE", "tXP"]
)
def test_no_timing_may_fill_the_time_between_refreshes(name: str):
    with pytest.raises(ValidationError, match="leaves no time between refreshes"):
        variant({name: f"{PART.timing.refresh_interval * 1e9} ns"})
