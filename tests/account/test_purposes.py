"""Energy by purpose: nothing lost, nothing counted twice, each part moved by its own price."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from small_workload import small_results

from accelsim.account.energy import EnergyAccount, price
from accelsim.account.memories import rewriting
from accelsim.account.parts import PURPOSES
from accelsim.account.purposes import (
    day_factor,
    energy_per_inference,
    mean_power,
    purposes,
)
from accelsim.evaluation.cases import CaseResult
from accelsim.machine.chip_state import PowerState
from accelsim.machine.components.off_chip import DRAM
from accelsim.units import to_seconds, to_ticks

POISSON = "requests={pattern: poisson, mean_interval: 2 ms, duration: 40 ms}"
# One task at a time, so that every change of the task is a switch.
ALONE = "residency=one_task"
SLEEPY = "idle={policy: timeout, clock_gated_after: 10 us, retention_after: 50 us, off_after: 1 ms}"
SCALED = (
    "early_exit={exit_layer: 3, prediction: exact, latency_target: 5 ms}",
    "hardware.scaling.settle_energy=1 nJ",
    "hardware.power.wake_up_energy=1 uJ",
)
RUNS = {
    "round robin": (),
    "poisson": (POISSON, ALONE),
    "sleep": (POISSON, SLEEPY, *SCALED[2:]),
    "all": (POISSON, ALONE, SLEEPY, *SCALED),
}


def result(*overrides: str, case: str = "vanilla_slc") -> CaseResult:
    return small_results(*overrides)[case]


def spent(found: CaseResult, account: EnergyAccount | None = None) -> dict[str, float]:
    return purposes(found.figures.prices, account or found.figures.account)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("case", ["vanilla_slc", "adapter_mixed"])
def test_purposes_add_up_to_all_energy(run: str, case: str) -> None:
    found = result(*RUNS[run], case=case)
    parts = spent(found)
    assert tuple(parts) == PURPOSES
    assert min(parts.values()) >= 0
    assert math.isclose(sum(parts.values()), found.figures.account.total, rel_tol=1e-12)


def test_every_purpose_is_met_where_all_happens() -> None:
    in_dram = "hardware.placement.embedding={values: dram, masks: dram}"
    parts = spent(result(*RUNS["all"], in_dram))
    assert all(joules > 0 for joules in parts.values()), parts


def test_what_does_not_happen_costs_nothing() -> None:
    parts = spent(result())
    for purpose in ("wake-up", "voltage scaling"):
        assert parts[purpose] == 0


def test_a_switch_is_all_that_its_programs_do() -> None:
    found = result(*RUNS["poisson"])
    dynamic = found.figures.account.dynamic
    expected = sum(
        joules
        for key, joules in dynamic.items()
        if key.program == "switch" and key.action != "refresh"
    )
    assert spent(found)["switch"] == pytest.approx(expected, rel=1e-12)
    assert any(key.block == DRAM and key.program == "switch" for key in dynamic)


@pytest.mark.parametrize(
    ("action", "purpose"),
    [
        (("pe_array", "mac"), "compute"),
        (("sfu", "softmax"), "compute"),
        (("rram", "read"), "memory accesses"),
        (("weight_buffer", "read"), "memory accesses"),
        (("activation_sram", "write"), "memory accesses"),
        (("sram", "write"), "switch"),
        (("dram", "activate"), "switch"),
        (("dram", "refresh"), "DRAM refresh"),
        (("power", "wake_up"), "wake-up"),
        (("power", "settle"), "voltage scaling"),
    ],
)
def test_a_price_moves_its_purpose_alone(action: tuple[str, str], purpose: str) -> None:
    found = result(*RUNS["all"])
    prices = found.figures.prices
    dearer = replace(prices, joules={**prices.joules, action: prices.joules[action] + 1e-9})
    before, after = spent(found), spent(found, price(found.run.ledger, dearer))
    moved = {name for name in PURPOSES if after[name] != before[name]}
    # The bits that the vanilla case loads into its SRAM; nothing else writes there.
    assert moved == {purpose}


@pytest.mark.parametrize(("block", "purpose"), [("sram", "memory"), ("pe_array", "logic")])
def test_leakage_of_memories_and_logic_stand_apart(block: str, purpose: str) -> None:
    found = result(*RUNS["sleep"])
    prices = found.figures.prices
    leaky = replace(prices, watts={**prices.watts, block: prices.watts[block] + 1e-3})
    before, after = spent(found), spent(found, price(found.run.ledger, leaky))
    assert {name for name in PURPOSES if after[name] != before[name]} == {f"{purpose} leakage"}


def test_leakage_by_state_is_all_leakage() -> None:
    found = result(*RUNS["all"])
    parts, states = spent(found), found.figures.account.leakage_by_state
    by_state = {state: sum(blocks.values()) for state, blocks in states.items()}
    total = parts["memory leakage"] + parts["logic leakage"]
    assert math.isclose(sum(by_state.values()), total, rel_tol=1e-12)
    # What open switches leave, by the area that they stand on, and the rewriting of what fades.
    (off,) = (t for s, t in found.run.ledger.chip_states.items() if s.power is PowerState.OFF)
    prices, rewritten = found.figures.prices, rewriting(found.design)
    logic = found.design.hardware.site.logic
    areas = [
        sheet.leakage / logic.leakage if sheet.area is None else sheet.area
        for sheet in prices.sheets.values()
        if sheet.leakage
    ]
    left = logic.switched_off * math.fsum(areas) + math.fsum(rewritten.values())
    assert math.isclose(by_state["off"], left * to_seconds(off), rel_tol=1e-9)
    assert by_state["active"] > 0
    assert any(state.startswith("active 0.") for state in by_state)


def test_an_inference_pays_its_share_of_everything() -> None:
    found = result(*RUNS["sleep"])
    account, run = found.figures.account, found.run
    each = energy_per_inference(run, account)
    assert math.isclose(each * len(run.requests), account.total, rel_tol=1e-12)
    power = mean_power(run, account)
    assert math.isclose(power * to_seconds(run.makespan), account.total, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("seconds", "factor"),
    [(86_400, 1), (86_400.05, 1), (86_320, 1), (43_200, 2), (864, 100), (864_000, 0.1)],
)
def test_a_day_is_not_scaled_and_others_are(seconds: float, factor: float) -> None:
    run = replace(result().run, makespan=to_ticks(seconds))
    assert day_factor(run) == factor
