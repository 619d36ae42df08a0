"""Laws of the DRAM of one port: what it costs while it serves, waits and rests."""

from __future__ import annotations

import pytest

from accelsim.accelerators import load_machine
from accelsim.errors import ConfigError
from accelsim.evaluation.streamed import Streaming, streamed_matmul
from accelsim.machine.components.simple_dram import SimpleDram, SimpleDramConfig
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.dram import load_dram, prices
from accelsim.program import Product, Range, Use
from accelsim.units import to_ticks

PART = load_dram("lpddr4_3200")
READ = Use("dram", "read", Range(0, 6400))
LATENCY, HOLD = to_ticks(100e-9), to_ticks(PART.timing.self_refresh_exit)


def machine(**changes: object) -> HardwareConfig:
    given = {"kind": "simple_dram", "access": "32 B", "latency": "100 ns", "bandwidth": "6.4 GB/s"}
    dram = SimpleDramConfig.model_validate({**given, "priced_like": "lpddr4_3200", **changes})
    return load_machine("hwconfigs/systolic_npu.yaml").changed(dram=dram)


def server() -> SimpleDram:
    dram = machine().dram
    assert isinstance(dram, SimpleDramConfig)
    return SimpleDram("dram", dram)


def test_what_has_rested_is_the_same_however_long_ago() -> None:
    dram = server()
    _, answered = dram.book(READ, to_ticks(1e-6))
    waiting, resting, later = (dram.state_key(answered + n * HOLD // 2) for n in (1, 2, 9))
    assert waiting != resting == later


def test_it_serves_until_the_answer_waits_as_long_as_waking_takes_and_rests() -> None:
    dram = server()
    start, answered = dram.book(READ, to_ticks(1e-6))
    end = answered + 5 * HOLD
    assert not dram.take_background(end)
    assert dram.residency == {
        "active_standby": answered - start,
        "precharge_standby": HOLD,
        "self_refresh": start + 4 * HOLD,
    }
    assert answered - start == to_ticks(1e-6) + LATENCY


@pytest.mark.parametrize("after", [-LATENCY // 2, 0, HOLD // 2, HOLD, 3 * HOLD])
def test_it_goes_on_from_a_recorded_state_as_if_it_had_run(after: int) -> None:
    ran, resumed = server(), server()
    now = ran.book(READ, 0)[1] + after
    ran.take_background(now)
    resumed.resume(ran.state_at(now), now, ran.residency)
    assert resumed.state_key(now) == ran.state_key(now)
    for dram in (ran, resumed):
        dram.take_background(now + 4 * HOLD)
    assert resumed.residency == ran.residency
    assert sum(ran.residency.values()) == now + 4 * HOLD


@pytest.mark.parametrize(("bandwidth", "devices"), [("1 GB/s", 1), ("6.4 GB/s", 1), ("16 GB/s", 3)])
def test_bandwidth_beyond_a_part_pays_for_as_many_as_it_takes(bandwidth: str, devices: int) -> None:
    hardware = machine(bandwidth=bandwidth)
    states = hardware.datasheets["dram"].states
    factor = PART.self_refresh_factor(hardware.process.temperature)
    watts = prices(PART, devices, factor)["watts"]
    assert states["self_refresh"] == watts["self_refresh"]
    awake = devices * PART.refresh_power + hardware.site.logic.interface_power
    for state in ("active_standby", "precharge_standby"):
        assert states[state] == pytest.approx(watts[state] + awake, rel=1e-12)


def test_more_parts_than_a_channel_has_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"1000 GB/s takes 157 parts .* at most 409\.6 GB/s"):
        _ = machine(bandwidth="1 TB/s").datasheets


def test_a_slow_stream_pays_for_its_time() -> None:
    hardware, asked = load_machine("hwconfigs/systolic_npu.yaml"), Product(1, 256, 256)
    slow, fast = (streamed_matmul(hardware, asked, Streaming(rate, 1e-7)) for rate in (1e6, 6.4e9))
    active = PART.standby_power("active_standby")
    assert slow.standby > slow.seconds * active > 100 * fast.standby
    assert slow.dynamic["dram", "read"] == fast.dynamic["dram", "read"]
