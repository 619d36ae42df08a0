"""Laws of the scopes: what each price and each program adds to them, counted independently."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_workload import SMALL, small_results

from accelsim.account.energy import price
from accelsim.account.metrics import round_costs
from accelsim.account.prices import PriceList
from accelsim.account.scopes import SCOPES, ScopeFigures, parameter_memories, scopes_of
from accelsim.evaluation.cases import CaseResult
from accelsim.machine.chip_state import ChipState, PowerState
from accelsim.program import ProgramKind
from accelsim.units import ceil_div, to_seconds

# Every row of every table is asked for by some sentence, so that all that is stored is read once.
ALL_ROWS = (
    SMALL[0].replace("vocabulary_size: 1000", "vocabulary_size: 30").replace("128", "32"),
    "attention_spans={}",
    "residency=one_task",
)
BANKED = ("hardware.memories.rram.banks=4",)
CASES = ["vanilla_mixed", "adapter_mixed", "vanilla_slc", "adapter_slc"]
EACH = pytest.mark.parametrize("case", CASES)


def scopes(
    result: CaseResult, prices: PriceList, first_loads: float = 0
) -> dict[str, ScopeFigures]:
    account, rounds = price(result.run.ledger, prices), result.figures.rounds
    return scopes_of(result.design, result.run, account, prices, rounds, first_loads)


def dearer(result: CaseResult, memory: str, action: str) -> PriceList:
    """Return the prices with one joule more for each word."""
    prices, key = result.figures.prices, (memory, action)
    return replace(prices, joules={**prices.joules, key: prices.joules[key] + 1})


def switched(result: CaseResult, memory: str, action: str) -> float:
    """Return the words that a switch of the run reads or writes in the mean."""
    amounts = result.run.ledger.amounts.items()
    words = sum(
        n for k, n in amounts if (k.block, k.action, k.program) == (memory, action, "switch")
    )
    return words / result.figures.switches


def stored_words(result: CaseResult, memory: str) -> float:
    """Return the words of all parameters of a task in a memory, in the mean over visits."""
    word, tasks = result.case.hardware.memories[memory].word, list(result.design.placements)
    bits = [
        sum(placed.bits(task_specific=own)[memory] for own in (True, False))
        for placed in (result.design.placements[task] for task in tasks)
    ]
    return sum(ceil_div(each, word) for each in bits) / len(tasks)


@EACH
def test_one_pass_reads_each_stored_word_once(case: str) -> None:
    result = small_results(*ALL_ROWS)[case]
    before = scopes(result, result.figures.prices)["memory_one_pass"].energy
    for memory in parameter_memories(result.case.hardware):
        after = scopes(result, dearer(result, memory, "read"))["memory_one_pass"].energy
        expected = stored_words(result, memory) + switched(result, memory, "read")
        assert after - before == pytest.approx(expected)


@EACH
def test_one_pass_writes_what_a_switch_writes(case: str) -> None:
    result = small_results(*ALL_ROWS)[case]
    before = scopes(result, result.figures.prices)["memory_one_pass"].energy
    written = 0.0
    for memory in parameter_memories(result.case.hardware):
        after = scopes(result, dearer(result, memory, "write"))["memory_one_pass"].energy
        assert after - before == pytest.approx(switched(result, memory, "write"))
        written += after - before
    assert written > 0


@pytest.mark.parametrize("banks", [(), BANKED])
@EACH
def test_one_pass_takes_the_slowest_memory_word_after_word(
    case: str, banks: tuple[str, ...]
) -> None:
    result = small_results(*ALL_ROWS, *banks)[case]
    found, regions = result.figures.scopes, result.case.hardware.regions
    times = {
        memory: stored_words(result, memory)
        / regions[memory].banks
        * regions[memory].array.read_latency
        for memory in parameter_memories(result.case.hardware)
    }
    reading = found["memory_one_pass"].latency - found["switch"].latency
    assert reading == pytest.approx(max(times.values()))


@EACH
def test_one_pass_leaks_and_waits_while_it_lasts(case: str) -> None:
    result = small_results(*ALL_ROWS)[case]
    prices, found = result.figures.prices, result.figures.scopes["memory_one_pass"]
    (memory, *_) = parameter_memories(result.case.hardware)
    leaky = replace(prices, watts={**prices.watts, memory: prices.watts[memory] + 1})
    assert scopes(result, leaky)["memory_one_pass"].energy - found.energy == pytest.approx(
        found.latency
    )
    refresh = {**prices.dram_states, "self_refresh": prices.dram_states["self_refresh"] + 1}
    standby = replace(prices, dram_states=refresh)
    slept = result.run.total(ProgramKind.SWITCH).dram_residency["self_refresh"]
    reading = found.latency - result.figures.scopes["switch"].latency
    assert scopes(result, standby)["memory_one_pass"].energy - found.energy == pytest.approx(
        reading + to_seconds(slept) / result.figures.switches
    )


@EACH
def test_a_switch_costs_its_joules_leakage_clocks_and_standby(case: str) -> None:
    result = small_results(*ALL_ROWS)[case]
    prices, found = result.figures.prices, result.figures.scopes["switch"]
    dynamic = result.figures.account.dynamic_sum(lambda key: key.program == "switch")
    standby = sum(
        to_seconds(ticks) * prices.dram_states[state]
        for state, ticks in result.run.total(ProgramKind.SWITCH).dram_residency.items()
    )
    leaked = sum(prices.watts.values()) * found.latency
    clocks = sum(prices.cycles.values()) * result.case.hardware.clock.frequency * found.latency
    joules = (dynamic + standby) / result.figures.switches + leaked + clocks
    assert found.energy == pytest.approx(joules)
    assert standby > 0


@EACH
def test_a_round_of_the_memories_loads_and_then_waits_for_the_busiest(case: str) -> None:
    asleep = ("requests.idle_between_rounds=1 ms", "idle={policy: timeout, off_after: 0 s}")
    result = small_results(*ALL_ROWS, *asleep)[case]
    run, found = result.run, result.figures.scopes["memory"]
    loads = [run.total(kind).ticks for kind in (ProgramKind.SWITCH, ProgramKind.POWER_UP)]
    assert min(loads) > 0
    busy = run.total(ProgramKind.INFER).busy
    path = ("bus", "dram", *parameter_memories(result.case.hardware))
    expected = to_seconds(sum(loads) + max(busy[port] for port in path))
    assert found.latency * result.figures.rounds == pytest.approx(expected)


@pytest.mark.parametrize(
    ("regulator", "power"), [("{kind: ldo, input: 0.8 V}", 1), ("{kind: buck, efficiency: 1}", 2)]
)
def test_clocks_are_paid_where_they_run_by_cycles_and_voltage(regulator: str, power: int) -> None:
    overrides = (
        "hardware.process.logic=high",
        f"hardware.power.regulator={regulator}",
        "requests={pattern: poisson, mean_interval: 1 ms, duration: 20 ms}",
        "idle={policy: timeout, off_after: 0 s}",
        "early_exit={exit_layer: {mean: 2}, latency_target: 1 ms, prediction: exact}",
    )
    result = small_results(*overrides)["adapter_slc"]
    clock, slowed, paid = result.case.hardware.clock, 0, result.figures.account.clock
    points = {point.name: point for point in result.case.hardware.lower_points}
    assert {*result.figures.prices.cycles} == {"bus", "pe_array", "sfu", "host", "power"}
    for state, ticks in result.run.ledger.chip_states.items():
        if state.power not in (PowerState.ACTIVE, PowerState.IDLE):
            assert not any(at == state for at, _ in paid)
            continue
        point = points.get(state.point, clock)
        slowed += state.point in points
        for block, joules in result.figures.prices.cycles.items():
            # The clock's generator has a supply of its own.
            falls = 1.0 if block == "power" else (point.voltage / clock.voltage) ** power
            expected = joules * falls * to_seconds(ticks) * point.frequency
            assert paid[state, block] == pytest.approx(expected)
    assert slowed
    assert ChipState(PowerState.OFF) in result.run.ledger.chip_states


KEPT = ("cases.adapter_slc.adaptation.bottleneck=2", "hardware.memories.sram.capacity=256 KiB")


@pytest.mark.parametrize("scope", SCOPES)
def test_what_is_loaded_once_is_in_no_round(scope: str) -> None:
    runs = [small_results(*KEPT, f"requests.rounds={n}")["adapter_slc"] for n in (1, 2, 5)]
    assert [run.figures.first_loads for run in runs] == [3, 3, 3]
    found = [run.figures.scopes[scope] for run in runs]
    # After a load the DRAM falls asleep in the inference that follows.
    for other in found[1:]:
        assert other.energy == pytest.approx(found[0].energy, rel=0.01)
        assert other.latency == pytest.approx(found[0].latency, rel=0.01)


@pytest.mark.parametrize("rounds", [1, 3])
def test_rounds_and_first_loads_are_all_energy(rounds: int) -> None:
    figures = small_results(*KEPT, f"requests.rounds={rounds}")["adapter_slc"].figures
    switch, system = figures.scopes["switch"], figures.scopes["system"]
    together = rounds * system.energy + figures.first_loads * switch.energy
    assert together == pytest.approx(figures.account.total, rel=1e-12)
    assert sum(figures.parts.values()) == pytest.approx(system.energy, rel=1e-12)
    assert min(figures.parts.values()) >= 0
    assert figures.parts["clock"] != 0


def test_what_is_lost_between_rounds_is_no_first_load() -> None:
    asleep = ("requests.idle_between_rounds=1 ms", "idle={policy: timeout, off_after: 0 s}")
    figures = small_results(*KEPT, *asleep, "requests.rounds=3")["adapter_slc"].figures
    assert (figures.switches, figures.first_loads) == (9, 0)


def test_a_visit_of_a_task_that_stays_pays_no_switch() -> None:
    kept = small_results(*KEPT)["adapter_slc"]
    once = kept.figures.scopes["memory_one_pass"]
    for memory in parameter_memories(kept.case.hardware):
        dearer_writes = scopes(kept, dearer(kept, memory, "write"), kept.figures.first_loads)
        assert dearer_writes["memory_one_pass"].energy == pytest.approx(once.energy)


def test_rounds_that_load_again_have_no_first_loads() -> None:
    for rounds in (1, 2):
        one = small_results("residency=one_task", f"requests.rounds={rounds}")["adapter_slc"]
        assert one.figures.first_loads == 0
        assert one.figures.switches == 3 * rounds


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_round_has_three_switches_however_many_rounds_there_are(rounds: int) -> None:
    one = small_results("residency=one_task", f"requests.rounds={rounds}")["adapter_slc"]
    parts, (switches, everything) = round_costs(one.figures)
    switch = one.figures.scopes["switch"]
    assert switches.what == "of which 3 task switches"
    assert switches.energy == pytest.approx(3 * switch.energy)
    assert switches.time == pytest.approx(3 * switch.latency)
    assert switches.share == pytest.approx(switches.energy / everything.energy)
    assert sum(part.share for part in parts) == pytest.approx(1)


def test_a_round_that_repeats_no_load_has_no_switches() -> None:
    _, sums = round_costs(small_results(*KEPT)["adapter_slc"].figures)
    assert [one.what for one in sums] == ["all"]


def test_the_mean_of_one_is_the_one() -> None:
    single = ("tasks=[MNLI]", "requests.rounds=1")
    one = small_results(*single)["adapter_slc"]
    for kind, count, mean in (
        (ProgramKind.INFER, one.figures.inferences, one.figures.inference_latency),
        (ProgramKind.SWITCH, one.figures.switches, one.figures.switch_latency),
    ):
        assert count == 1
        assert mean == to_seconds(one.run.total(kind).ticks)
