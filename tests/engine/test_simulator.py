"""Laws of whole runs: conservation, replay, repetition, order, and the count of events."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise, permutations
from pathlib import Path

import pytest
from small_workload import MAIN, SMALL, executions_of

from accelsim.accelerators.design import Design
from accelsim.engine.clock import CountingEnvironment
from accelsim.engine.ledger import Clock, Key, Ledger, check_conservation
from accelsim.engine.run import Options, Run
from accelsim.engine.segment_run import SegmentRun
from accelsim.errors import ConservationError
from accelsim.evaluation.design import compile_design
from accelsim.evaluation.stages import requests_of, run_case
from accelsim.machine.chip_state import ChipState, PowerState
from accelsim.machine.components.memory import Memory
from accelsim.machine.servers import Machine
from accelsim.memory.dram import load_dram
from accelsim.program import ProgramKind
from accelsim.units import to_ticks
from accelsim.workload.schema import Workload, load_workload

DRAM_COMMANDS = {"activate", "read_burst", "write_burst", "refresh"}
IDLE = ("requests.idle_between_rounds=3 ms", "idle={policy: timeout, off_after: 0 s}")


@lru_cache(maxsize=32)
def compiled(case: str, *overrides: str) -> tuple[Workload, Design]:
    loaded = load_workload(MAIN, overrides)
    return loaded, compile_design(loaded.config, loaded.cases[case])


def run(case: str, *overrides: str, replay: bool = True, trace: bool = False) -> Run:
    loaded, design = compiled(case, *overrides)
    options = Options(replay=replay, trace=trace)
    return run_case(loaded, loaded.cases[case], design, requests_of(loaded), options)


def facts(result: Run) -> tuple[object, ...]:
    """Everything that happened, without how it was computed."""
    ledger = result.ledger
    executions = [
        (e.kind, e.task, e.request, e.start, e.end, e.dram_residency) for e in result.executions
    ]
    amounts = {key: amount for key, amount in ledger.amounts.items() if amount}
    counted = (amounts, ledger.busy, ledger.idle, [*ledger.residency()], ledger.peak)
    return (result.makespan, counted, executions, result.requests)


SPILLING = (
    "hardware.memories.activation_sram.capacity=6 KiB",
    "hardware.memories.activation_sram.extrapolate=true",
)
VARIANTS = [
    SMALL,
    (*SMALL, *IDLE),
    (*SMALL, "requests.sentences_per_task=2", "requests.rounds=3"),
    (*SMALL, *SPILLING),
    (*SMALL, "hardware.placement.backbone={values: dram, masks: dram}"),
    (*SMALL, "hardware.host.command_queue=false", "hardware.overlap.special_functions=false"),
]


@pytest.mark.parametrize("case", ["vanilla_mixed", "adapter_mixed"])
@pytest.mark.parametrize("overrides", VARIANTS, ids=range(len(VARIANTS)))
def test_replay_is_exact(case: str, overrides: tuple[str, ...]) -> None:
    replayed, simulated = run(case, *overrides), run(case, *overrides, replay=False)
    assert facts(replayed) == facts(simulated)
    assert replayed.replayed > 0
    assert simulated.replayed == 0


def test_replay_of_the_main_workload_is_exact() -> None:
    replayed, simulated = run("vanilla_mixed"), run("vanilla_mixed", replay=False)
    assert facts(replayed) == facts(simulated)


@pytest.mark.parametrize("overrides", VARIANTS, ids=range(len(VARIANTS)))
def test_trace_changes_nothing(overrides: tuple[str, ...]) -> None:
    assert facts(run("vanilla_mixed", *overrides)) == facts(
        run("vanilla_mixed", *overrides, trace=True)
    )


@pytest.mark.parametrize("case", ["vanilla_mixed", "adapter_mixed"])
def test_spans_of_a_whole_run_do_not_overlap_and_sum_to_busy(case: str) -> None:
    result = run(case, *SMALL, trace=True)
    by_port: dict[str, list[tuple[int, int]]] = {}
    for execution in result.executions:
        for part in execution.parts:
            for span in part.record.spans:
                times = (part.began + span.start, part.began + span.end)
                by_port.setdefault(span.port, []).append(times)
    assert len(by_port) > 10
    for port, spans in by_port.items():
        spans.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(spans)), port
        assert sum(end - start for start, end in spans) == result.ledger.busy[port], port


@pytest.mark.parametrize("case", ["vanilla_mixed", "adapter_mixed"])
def test_buffers_stay_within_their_capacity_and_end_empty(case: str) -> None:
    _, design = compiled(case)
    result = run(case)
    capacities = design.hardware.capacities
    assert all(0 < peak <= capacities[buffer] for buffer, peak in result.ledger.peak.items())
    for execution in executions_of(result, ProgramKind.INFER):
        assert set(execution.parts[-1].record.end_levels.values()) <= {0}


def test_all_macs_of_all_requests_are_counted() -> None:
    _, design = compiled("adapter_mixed")
    result = run("adapter_mixed")
    wanted = sum(design.graphs[request.task].macs for request in result.requests)
    assert result.ledger.amount("pe_array", "mac") == wanted


def amounts_without_dram_commands(result: Run) -> Counter[Key]:
    amounts = result.ledger.amounts.items()
    return Counter({key: n for key, n in amounts if key.action not in DRAM_COMMANDS})


def test_programs_and_idleness_are_the_whole_run() -> None:
    result = run("adapter_mixed", *SMALL, *IDLE, "requests.rounds=3")
    totals, ledger = result.totals.values(), result.ledger
    assert result.replayed > 0
    for port, busy in ledger.busy.items():
        assert sum(total.busy[port] for total in totals) == busy
    asleep = sum(n for state, n in ledger.chip_states.items() if state.power != PowerState.ACTIVE)
    assert sum(total.ticks for total in totals) + asleep == result.makespan


@pytest.mark.parametrize("state", ["standby", "power_down"])
def test_a_dram_that_stays_awake_is_refreshed_in_every_interval(state: str) -> None:
    in_dram = "hardware.placement.backbone={values: dram, masks: dram}"
    result = run("adapter_mixed", *SMALL, *IDLE, in_dram, f"hardware.dram.idle_state={state}")
    assert result.replayed > 0
    interval = to_ticks(load_dram("lpddr4_3200").timing.refresh_interval)
    refreshes = result.ledger.amount("dram", "refresh")
    # One may be due at the very end.
    assert 0 <= result.makespan // interval - refreshes <= 1
    assert refreshes > 100


@pytest.mark.parametrize("case", ["vanilla_mixed", "adapter_mixed"])
def test_twice_the_rounds_are_twice_the_work(case: str) -> None:
    # One task fits at a time, so every round loads every task.
    few, many = (
        amounts_without_dram_commands(run(case, *SMALL, f"requests.rounds={n}", *tight(case)))
        for n in (2, 4)
    )
    assert many == Counter({key: 2 * amount for key, amount in few.items()})


def tight(case: str) -> tuple[str, ...]:
    """Room for one small task, not for two."""
    capacity = {"vanilla_mixed": "24 KiB", "adapter_mixed": "9 KiB"}[case]
    sram = f"hardware.memories.sram.capacity={capacity}"
    return (sram, "hardware.memories.sram.extrapolate=true")


def test_a_task_that_stays_on_the_chip_is_loaded_once() -> None:
    resident, reloaded = (
        run("vanilla_mixed", *SMALL, "requests.rounds=4", *more)
        for more in ((), tight("vanilla_mixed"))
    )
    assert len(executions_of(resident, ProgramKind.SWITCH)) == 3
    assert len(executions_of(reloaded, ProgramKind.SWITCH)) == 12
    off = run("vanilla_mixed", *SMALL, "requests.rounds=4", *IDLE)
    assert len(executions_of(off, ProgramKind.SWITCH)) == 12
    assert len(executions_of(off, ProgramKind.POWER_UP)) == 4


def test_power_up_brings_volatile_shared_parameters_back() -> None:
    volatile = "hardware.placement.backbone={values: sram, masks: sram}"
    once = (*IDLE, "requests.rounds=1")
    lost = run("adapter_mixed", *SMALL, *once, volatile).ledger
    kept = run("adapter_mixed", *SMALL, *once).ledger
    _, design = compiled("adapter_mixed", *SMALL, *IDLE, volatile)
    bits = design.placements["MNLI"].bits(task_specific=False)["sram"]
    back = Counter({k: n for k, n in lost.amounts.items() if k.program == "power_up"})
    assert sum(n for k, n in back.items() if k[:2] == ("dram", "read")) == -(-bits // 8)
    assert not any(k.block == "dram" for k in kept.amounts if k.program == "power_up")


def test_the_order_of_tasks_decides_nothing_but_the_order() -> None:
    results = [
        run("adapter_mixed", *SMALL, f"tasks=[{', '.join(order)}]", *tight("adapter_mixed"))
        for order in permutations(["MNLI", "MRPC", "QNLI"])
    ]
    amounts = [amounts_without_dram_commands(result) for result in results]
    assert all(other == amounts[0] for other in amounts[1:])
    times = [
        {e.task: e.duration for e in executions_of(result, ProgramKind.INFER)} for result in results
    ]
    assert all(other == times[0] for other in times[1:])


def layer_time(layers: int) -> int:
    sizes = SMALL[0].replace("layers: 3", f"layers: {layers}")
    first = executions_of(run("adapter_mixed", sizes, SMALL[1]), ProgramKind.INFER)[0]
    return first.duration


def test_every_layer_adds_the_same_time() -> None:
    one, two, four = (layer_time(layers) for layers in (1, 2, 4))
    assert four - two == 2 * (two - one) > 0


def inference_time(design: Design, period_scale: int) -> int:
    """Run one inference with every clock and every latency some times slower."""
    machine = Machine(design.hardware)
    for block in machine.blocks.values():
        if isinstance(block, Memory):
            # A latency of the same number of longer cycles.
            block.word_cycles = {"read": 2, "write": 3}
    env, levels = CountingEnvironment(), dict[str, int]()
    assert machine.period == 10**6 * period_scale
    for segment in design.inference("MNLI").program.segments:
        env.run(until=env.process(SegmentRun(env, machine, segment, levels, trace=False).run()))
    return int(env.now)


@pytest.mark.parametrize("case", ["vanilla_mixed", "adapter_mixed"])
def test_three_times_slower_clocks_and_memories_take_three_times_as_long(case: str) -> None:
    fast, slow = (
        inference_time(compiled(case, f"hardware.clock.frequency={frequency}")[1], scale)
        for frequency, scale in (("1 GHz", 1), ("333.33333333333333 MHz", 3))
    )
    assert slow == 3 * fast


_DIGEST = """
import hashlib
from accelsim.workload.schema import load_workload
from accelsim.evaluation.design import compile_design
from accelsim.engine.run import Options
from accelsim.evaluation.stages import requests_of, run_case
loaded = load_workload({main!r}, {small!r})
for name, case in loaded.cases.items():
    design = compile_design(loaded.config, case)
    result = run_case(loaded, case, design, requests_of(loaded), Options(trace=True))
    spans = [part.record.spans for e in result.executions for part in e.parts]
    text = repr((list(result.ledger.amounts.items()), result.ledger.busy, result.makespan, spans))
    print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_hash_seeds_change_nothing() -> None:
    code = _DIGEST.format(main=MAIN, small=SMALL)
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "42")
    }
    assert len(outputs) == 1
    digests = next(iter(outputs)).split()
    assert len(set(digests)) == 4


# One event starts each wave of tasks of a tick and one ends each task; uses of a port that several
# masters share end with one each, and with one for each arrival that cuts them; a segment adds one,
# and a replayed one costs one. More tasks (smaller blocks or panels) mean more.
@pytest.mark.parametrize(("case", "events"), [("vanilla_mixed", 4294), ("adapter_mixed", 4329)])
def test_events_of_the_main_workload(case: str, events: int) -> None:
    result = run(case)
    assert result.event_count == events
    assert result.simulated + result.replayed == 6 * 14 + 6


def test_time_that_is_skipped_is_as_time_that_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    skipped = run("vanilla_mixed", *SMALL, *IDLE)
    monkeypatch.setattr(CountingEnvironment, "skip", lambda *_: False)
    waited = run("vanilla_mixed", *SMALL, *IDLE)
    assert facts(skipped) == facts(waited)
    assert skipped.event_count == waited.event_count


def test_no_event_is_skipped() -> None:
    env = CountingEnvironment()
    env.timeout(5)
    assert not env.skip(5)
    assert env.skip(4)
    assert (env.now, env.event_count) == (4, 2)


def test_the_peak_of_a_buffer_holds_its_masks() -> None:
    ledger = Ledger(peak={"weight_buffer": 3, "weight_buffer_masks": 2, "activation_sram": 4})
    assert (ledger.peak_bytes("weight_buffer"), ledger.peak_bytes("activation_sram")) == (5, 4)


def test_conservation_names_what_contradicts() -> None:
    key = Key("bus", "transfer", "nominal", "infer", "MNLI", "pooler")
    idle, off = ChipState(PowerState.IDLE), ChipState(PowerState.OFF)
    good = Ledger(Counter({key: 5}), {"bus": 3}, {"bus": 4}, Counter({idle: 7}), peak={"b": 2})
    check_conservation(good, Counter({key: 5}), 7, {"b": 2})
    with pytest.raises(ConservationError, match=r"^Key\(block='bus'.*: scheduled 6, executed 5$"):
        check_conservation(good, Counter({key: 6}), 7, {"b": 2})
    with pytest.raises(ConservationError, match=r"^Key\(block='bus'.*: scheduled 4, executed 5$"):
        check_conservation(good, Counter({key: 4}), 7, {"b": 2})
    with pytest.raises(ConservationError, match=r"^Key\(.*: executed but never scheduled$"):
        check_conservation(good, Counter(), 7, {"b": 2})
    with pytest.raises(ConservationError, match=r"^bus: busy 3 \+ idle 4 ticks, makespan 8$"):
        check_conservation(good, Counter({key: 5}), 8, {"b": 2})
    for domain in ("chip", "dram"):
        for lasting in (6, 8):
            states = {f"{domain}_states": Counter({idle: lasting})}
            with pytest.raises(ConservationError, match=f"^{domain}: states last {lasting} ticks"):
                check_conservation(replace(good, **states), Counter({key: 5}), 7, {"b": 2})
    with pytest.raises(ConservationError, match=r"^b: held 2 B of 1 B$"):
        check_conservation(good, Counter({key: 5}), 7, {"b": 1})
    always, booked = [("bus", "bus", False)], [("bus", "bus", True)]
    good.clocks[Clock("bus", "bus", idle)] = 7
    check_conservation(good, Counter({key: 5}), 7, {"b": 2}, always)
    with pytest.raises(ConservationError, match=r"^bus: its clock ran 7 ticks, not 3$"):
        check_conservation(good, Counter({key: 5}), 7, {"b": 2}, booked)
    good.clocks[Clock("bus", "bus", idle)] = 8
    with pytest.raises(ConservationError, match=r"^bus: its clock ran 8 ticks idle$"):
        check_conservation(good, Counter({key: 5}), 7, {"b": 2}, always)
    good.chip_states[off] = 1
    with pytest.raises(ConservationError, match=r"^chip: states last 8 ticks, makespan 7$"):
        check_conservation(good, Counter({key: 5}), 7, {"b": 2})
