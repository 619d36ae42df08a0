"""Pricing: counts times prices, and nothing lost on the way."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from small_workload import small_results, small_workload

from accelsim.account.energy import chip_watts, price
from accelsim.account.parts import ROUND_PARTS
from accelsim.account.prices import check_actions, price_list
from accelsim.account.scopes import parameter_memories
from accelsim.engine.run import Options
from accelsim.errors import ProgramError
from accelsim.evaluation.examine import figures_of
from accelsim.evaluation.single import run_alone
from accelsim.evaluation.stages import design_of, run_workload
from accelsim.machine.chip_state import ChipState, PowerState
from accelsim.machine.components.base import Datasheet, Part, Price
from accelsim.machine.components.bus import BusConfig
from accelsim.program import Command, SegmentBuilder, Transfer, Use
from accelsim.units import to_seconds

CASES = ["vanilla_mixed", "adapter_mixed", "vanilla_slc", "adapter_slc"]


@pytest.mark.parametrize("case", CASES)
def test_energy_with_unit_prices_equals_the_count(case: str) -> None:
    run = small_results()[case].run
    prices = price_list(small_results()[case].case.hardware)
    ones = replace(
        prices,
        joules={key: float(key not in prices.paid_elsewhere) for key in prices.joules},
        watts=dict.fromkeys(prices.watts, 0.0),
        cycles={},
        clocks={},
        dram_states=dict.fromkeys(prices.dram_states, 0.0),
    )
    counted = sum(
        n
        for key, n in run.ledger.amounts.items()
        if key.block != "dram" or key.action not in ("read", "write")
    )
    assert price(run.ledger, ones).total == counted


@pytest.mark.parametrize("case", CASES)
def test_parts_add_up_to_all_energy(case: str) -> None:
    figures = small_results("residency=one_task")[case].figures
    assert set(figures.parts) == set(ROUND_PARTS)
    assert math.isclose(
        sum(figures.parts.values()) * figures.rounds, figures.account.total, rel_tol=1e-12
    )
    assert math.isclose(
        figures.scopes["system"].energy * figures.rounds, figures.account.total, rel_tol=1e-12
    )


@pytest.mark.parametrize("case", CASES)
def test_leakage_is_power_times_the_time_the_chip_is_on(case: str) -> None:
    result = small_results()[case]
    on = to_seconds(result.run.makespan)
    for block, watts in result.figures.prices.watts.items():
        assert result.figures.account.leakage[ChipState(PowerState.ACTIVE), block] == watts * on
        assert result.figures.account.leakage_of(block) == watts * on


@pytest.mark.parametrize("case", CASES)
def test_scopes_nest(case: str) -> None:
    scopes = small_results()[case].figures.scopes
    assert 0 < scopes["switch"].energy < scopes["system"].energy
    assert 0 < scopes["memory"].energy < scopes["system"].energy
    assert scopes["memory"].area < scopes["system"].area
    assert scopes["switch"].latency < scopes["memory"].latency < scopes["system"].latency


def test_the_memory_area_is_that_of_the_parameter_memories() -> None:
    for result in small_results().values():
        names = parameter_memories(result.case.hardware)
        areas = result.figures.prices.areas
        assert result.figures.scopes["memory"].area == sum(areas[name] for name in names)


def test_power_off_saves_leakage_and_the_dram_goes_on() -> None:
    on = small_results("requests.idle_between_rounds=1 ms")
    off = small_results(
        "requests.idle_between_rounds=1 ms", "idle={policy: timeout, off_after: 0 s}"
    )
    for case in CASES:
        slept = off[case].run.ledger.chip_states[ChipState(PowerState.OFF)]
        # Before each of two rounds.
        assert to_seconds(slept) == 2e-3
        assert off[case].figures.account.total < on[case].figures.account.total
        # The supply needs time, and the volatile memories are loaded again.
        assert off[case].run.makespan > on[case].run.makespan
        assert off[case].figures.switches >= on[case].figures.switches


def test_idle_time_costs_energy_in_every_round_and_no_latency() -> None:
    gap = "requests.idle_between_rounds=1 ms"
    two, ten = (small_results(gap, f"requests.rounds={n}") for n in (2, 10))
    none = small_results("requests.rounds=10")
    for case in CASES:
        before, after = two[case].figures.scopes["system"], ten[case].figures.scopes["system"]
        # All parameters of the small model are resident: loading them is part of no round.
        assert math.isclose(before.latency, after.latency, rel_tol=1e-3)
        assert math.isclose(
            after.latency, none[case].figures.scopes["system"].latency, rel_tol=1e-3
        )
        extra = ten[case].figures.account.total - none[case].figures.account.total
        idle = 10 * 1e-3 * chip_watts(ten[case].figures.prices, ChipState(PowerState.IDLE))
        assert idle < extra < 1.2 * idle


def test_a_switch_costs_the_same_whatever_the_rounds() -> None:
    two, ten = (small_results(f"requests.rounds={n}") for n in (2, 10))
    for case in CASES:
        for scope in ("switch", "memory_one_pass"):
            before, after = (r[case].figures.scopes[scope] for r in (two, ten))
            assert math.isclose(before.energy, after.energy, rel_tol=1e-9)
            assert math.isclose(before.latency, after.latency, rel_tol=1e-9)


def test_scopes_that_a_run_does_not_have_are_left_out() -> None:
    in_dram = "hardware.placement.backbone={values: dram, masks: dram}"
    scopes = small_results(in_dram)["adapter_slc"].figures.scopes
    assert "memory_one_pass" not in scopes
    roles = ("embedding", "backbone", "task")
    all_in_dram = [f"hardware.placement.{r}={{values: dram, masks: dram}}" for r in roles]
    assert "memory_one_pass" not in small_results(*all_in_dram)["adapter_slc"].figures.scopes


def test_every_price_scales_the_energy_of_its_action_alone() -> None:
    result = small_results()["adapter_mixed"]
    prices = result.figures.prices
    doubled = replace(
        prices, joules={**prices.joules, ("rram", "read"): 2 * prices.joules["rram", "read"]}
    )
    before, after = result.figures.account, price(result.run.ledger, doubled)
    for key, joules in before.dynamic.items():
        factor = 2 if key[:2] == ("rram", "read") else 1
        assert after.dynamic[key] == factor * joules
    assert after.leakage == before.leakage


@pytest.mark.parametrize(
    ("block", "action", "message"),
    [
        ("pe_array", "divide", "which it does not do; its actions are mac, padded_mac$"),
        ("bus", "receive", "which it does not do; its actions are transfer, store$"),
        ("power", "brown_out", "which it does not do; its actions are wake_up, wake_up_clock, "),
        ("rram", "correct_64", "which it does not do; its actions are read, write$"),
        ("dram", "erase", "which it does not do; its actions are read, write, activate, "),
        ("flash", "read", "but the machine has no such block; it has pe_array, sfu, codec, "),
    ],
)
def test_what_a_machine_does_not_do_is_refused_before_it_runs(
    block: str, action: str, message: str
) -> None:
    builder = SegmentBuilder("odd")
    builder.add("load", "ffn1", [Use("bus", "transfer", Transfer(8))])
    builder.add("load", "ffn2", [Use(block, action, Command())])
    message = f"^segment 'odd': ffn2 asks '{block}' for '{action}', {message}"
    with pytest.raises(ProgramError, match=message):
        run_alone(small_results()["adapter_mixed"].case.hardware, builder.build())


@pytest.mark.parametrize("case", CASES)
def test_every_program_of_a_design_is_priced(case: str) -> None:
    result = small_results()[case]
    check_actions(result.design.segments, result.figures.prices)
    without = replace(result.figures.prices, sheets={})
    with pytest.raises(ProgramError, match="but the machine has no such block"):
        check_actions(result.design.segments, without)


def test_a_program_of_more_than_the_machine_does_is_refused_when_it_is_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one_way = Datasheet(Part.BUS, {"store": Price("bytes", 0.0)})
    monkeypatch.setattr(BusConfig, "datasheet", lambda *_: one_way)
    # A length of its own: no other test finds this machine again.
    workload = small_workload("hardware.bus.length=1.001 mm")
    with pytest.raises(ProgramError, match="asks 'bus' for 'transfer', which it does not do; its "):
        design_of(workload, workload.cases["adapter_mixed"])


def test_figures_do_not_depend_on_replay() -> None:
    replayed, simulated = (
        run_workload(small_workload(), options=Options(replay=replay)) for replay in (True, False)
    )
    assert replayed["vanilla_slc"].run.replayed > 0 == simulated["vanilla_slc"].run.replayed
    assert figures_of(replayed) == figures_of(simulated)


@pytest.mark.parametrize(
    ("overrides", "part", "sign"),
    [
        (["hardware.process.temperature=300 K"], "leakage of parameter memories", -1),
        (["hardware.process.temperature=300 K"], "leakage of the rest", -1),
        (["hardware.process.roadmap=LSTP"], "leakage of parameter memories", -1),
        (["hardware.process.roadmap=HP"], "leakage of the rest", 1),
        (["hardware.memories.sram.roadmap=LSTP"], "leakage of parameter memories", -1),
        (["hardware.memories.activation_sram.roadmap=LSTP"], "leakage of the rest", -1),
        (["hardware.memories.sram.temperature=320 K"], "leakage of parameter memories", -1),
        (["hardware.dram.technology=lpddr4x_3200"], "DRAM transfers", -1),
        (["hardware.bus.length=2 mm"], "bus and host", 1),
        (["hardware.clock.voltage=0.7 V"], "compute", -1),
        (["sequence_length=64"], "compute", 1),
    ],
)
def test_parts_move_as_physics_says(overrides: list[str], part: str, sign: int) -> None:
    common = ("residency=one_task",)
    before = small_results(*common)["adapter_slc"].figures.parts[part]
    after = small_results(*common, *overrides)["adapter_slc"].figures.parts[part]
    assert (after - before) * sign > 0
