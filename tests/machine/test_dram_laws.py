"""The DRAM channel against its gold model, and what its state key promises."""

from __future__ import annotations

from typing import Any

import pytest
from dram_gold import GoldChannel
from dram_parts import BURST, NANOSECOND, PAGE, PART, SAME_BANK, standby, ticks, total, variant
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.machine.components.dram import Dram, DramConfig
from accelsim.machine.timing.dram_channel import DramChannel
from accelsim.memory.dram import DramTechnology, list_drams, load_dram
from accelsim.program import Range, Use
from accelsim.units import Tick, ceil_div


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


@settings(max_examples=200)
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


@settings(max_examples=100)
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


@settings(max_examples=150)
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


@settings(max_examples=400)
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
        pytest.param(
            {**FAST_ROW, "tWR": "0 ns", "tCCD": "300 ns", "tWTR": "350 ns"},
            # Read so much later that the next read may begin at the same time.
            [(63_750_000, 0, BURST, False)],
            [(0, 0, BURST, True)],
            300 * NANOSECOND,
            (0, BURST, True),
            id="a write waits for tCCD",
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


@settings(max_examples=100)
@given(any_part, idle_states, accesses(), st.integers(1, 100))
def test_an_access_that_goes_on_at_once_was_never_cut(
    part: DramTechnology, idle: Any, todo: list[Access], bursts: int
):
    whole, cut = DramChannel(part, 1, idle), DramChannel(part, 1, idle)
    for access in todo:
        pause, address, size, write = _within(part, access)
        start, at, end, turn = cut.settled + pause, address, address + size, bursts * cut.burst_size
        while at < end:
            following = min(end, (at // turn + 1) * turn)
            cut.access(start, at, following - at, write, goes_on=at > address)
            at = following
        assert whole.access(start, address, size, write) == cut.settled
        assert whole.counts == cut.counts
        assert whole.state_key(whole.settled) == cut.state_key(cut.settled)
        assert whole.residency == cut.residency


def test_a_sleeper_is_not_quiet_while_its_activates_limit_others():
    part = variant({"tFAW": "5000 ns"}, page_size=BURST)
    one, two = (DramChannel(part, 1, "self_refresh") for _ in range(2))
    one.access(0, 0, 4 * BURST, False)
    two.access(0, 3 * BURST, BURST, False)
    seen = MICROSECOND
    keys = [channel.state_key(seen) for channel in (one, two)]
    assert one.access(seen, 8 * BURST, BURST, False) > two.access(seen, 8 * BURST, BURST, False)
    assert keys[0] != keys[1]


@settings(max_examples=60)
@given(st.sampled_from(list_drams()), st.integers(1, 2), idle_states, accesses())
def test_what_is_asked_after_sleep_is_served_as_by_the_channel(
    name: str, devices: int, idle: Any, asked: list[Access]
) -> None:
    part = load_dram(name)
    channel = DramChannel(part, devices, idle)
    server = Dram("dram", DramConfig(technology=name, devices=devices, idle_state=idle))
    for access in asked * 2:
        pause, address, size, write = _within(part, access)
        start = server.free_at + pause
        use = Use("dram", "write" if write else "read", Range(address, size))
        assert server.book(use, start)[1] == channel.access(start, address, size, write)
        assert server.channel.counts == channel.counts
        assert server.channel.residency == channel.residency
    end = server.free_at + 10**12
    assert server.state_key(end) == channel.state_key(end)
    assert server.channel.counts == channel.counts
    assert server.channel.residency == channel.residency
