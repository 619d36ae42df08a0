"""Laws of queues, sleep and early exit: what theory says, and what replay must not change."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_workload import MAIN, SMALL, small_workload

from accelsim.engine import stretches
from accelsim.engine.residency import Missing
from accelsim.engine.run import Options, Run, Window
from accelsim.engine.streams import ClosedStream
from accelsim.engine.stretches import Stretch, Stretches
from accelsim.errors import ConfigError, MappingError
from accelsim.evaluation.design import compile_design
from accelsim.evaluation.idle_costs import idle_costs
from accelsim.evaluation.stages import design_of, horizon_of, requests_of, run_case
from accelsim.machine.chip_state import ChipState, PowerState
from accelsim.program import ProgramKind
from accelsim.requests.request import Request
from accelsim.units import to_seconds, to_ticks
from accelsim.workload.schema import Workload

CASE = "adapter_mixed"
EXITS = "early_exit={exit_layer: {mean: 2}, prediction: {errors: {-1: 1, 0: 2, 1: 1}}, seed: 3%s}"


def serve(*overrides: str, case: str = CASE, **options: Any) -> Run:
    workload = small_workload(*overrides)
    requests = requests_of(workload)
    design = design_of(workload, workload.cases[case])
    return run_case(workload, workload.cases[case], design, requests, Options(**options))


def poisson(mean: str, duration: str, *, seed: int = 1, lengths: str = "full") -> str:
    return (
        f"requests={{pattern: poisson, mean_interval: {mean}, duration: {duration}, seed: {seed}, "
        f"lengths: {lengths}}}"
    )


def service_time() -> float:
    """Return the seconds of one inference."""
    run = serve("tasks=[MNLI]", "requests.rounds=2")
    return to_seconds(run.requests[1].end - run.requests[1].start)


# -- queues ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_waiting_is_that_of_a_queue_with_poisson_arrivals_and_constant_service(load: float) -> None:
    service = service_time()
    interval, count = service / load, 20_000
    stream = poisson(f"{interval!r} s", f"{count * interval!r} s", seed=4)
    run = serve("tasks=[MNLI]", stream, window=Window(requests=0))
    waits = [to_seconds(r.start - r.arrival) for r in run.requests]
    # Pollaczek and Khinchine: M/D/1 waits half as long as M/M/1.
    theory = load * service / (2 * (1 - load))
    batches = [statistics.mean(waits[i : i + 500]) for i in range(500, len(waits) - 499, 500)]
    error = statistics.stdev(batches) / math.sqrt(len(batches))
    assert abs(statistics.mean(batches) - theory) < 2.6 * error  # 99 % of a normal distribution
    assert error < 0.2 * theory
    # Utilisation is arrival rate times service time; the first request also loads its task.
    busy = run.makespan - run.ledger.chip_states[ChipState(PowerState.IDLE)]
    loading = run.total(ProgramKind.SWITCH).ticks
    assert busy == len(run.requests) * to_ticks(service) + loading
    assert busy / run.makespan == pytest.approx(load, abs=3 * load / math.sqrt(count))


STREAMS = [
    (poisson("400 us", "12 ms"),),
    (poisson("200 us", "8 ms", lengths="glue"), "pad_to=8"),
    (poisson("300 us", "8 ms"), "policy={name: task_affinity, maximum_delay: 2 ms}"),
    (
        "requests={pattern: periodic, period: 700 us, duration: 9 ms, deadline: 600 us}",
        "policy={name: earliest_deadline}",
    ),
    (
        "requests={pattern: bursts, mean_interval: 2 ms, requests_per_burst: 4, gap: 10 us, "
        "duration: 30 ms}",
        "idle={policy: timeout, clock_gated_after: 0 s, retention_after: 20 us, off_after: 1 ms}",
    ),
    (poisson("1 ms", "30 ms"), "idle={policy: oracle}", EXITS % ""),
    (poisson("500 us", "15 ms"), "idle={policy: oracle}", EXITS % ", latency_target: 1 ms"),
    (
        poisson("500 us", "12 ms"),
        "hardware.dram.idle_state=power_down",
        EXITS % ", latency_target: 1 ms, at_prediction: continue",
    ),
]


@pytest.mark.parametrize("overrides", STREAMS, ids=range(len(STREAMS)))
@pytest.mark.parametrize("case", [CASE, "vanilla_mixed"])
def test_every_request_is_served_once_after_it_came(case: str, overrides: tuple[str, ...]) -> None:
    run = serve(*overrides, case=case)
    asked = requests_of(small_workload(*overrides))
    served = sorted(run.requests, key=lambda r: r.number)
    assert [(r.number, r.task, r.arrival) for r in served] == [
        (r.number, r.task, r.arrival) for r in asked
    ]
    assert all(r.arrival <= r.start < r.end for r in served)
    assert all(a.end <= b.start for a, b in pairwise(run.requests))
    inferences = run.total(ProgramKind.INFER)
    assert inferences.count == len(asked)
    assert run.total(ProgramKind.SWITCH).count == sum(r.switched for r in served)


@pytest.mark.parametrize("overrides", STREAMS, ids=range(len(STREAMS)))
def test_littles_law_and_utilisation_hold_exactly(overrides: tuple[str, ...]) -> None:
    run = serve(*overrides)
    # The area under the number in the system, swept event by event ...
    steps = Counter({r.arrival: 0 for r in run.requests})
    for request in run.requests:
        steps[request.arrival] += 1
        steps[request.end] -= 1
    area = present = 0
    times = sorted(steps)
    for now, then in pairwise(times):
        present += steps[now]
        area += present * (then - now)
    # ... is the sum of all latencies.
    assert area == sum(r.end - r.arrival for r in run.requests)
    states = run.ledger.chip_states
    active = sum(n for state, n in states.items() if state.power is PowerState.ACTIVE)
    assert active == sum(total.ticks for total in run.totals.values())
    assert run.makespan == sum(states.values())
    assert run.makespan >= horizon_of(small_workload(*overrides))


def test_task_affinity_passes_over_no_request_beyond_its_bound() -> None:
    stream, bound = poisson("150 us", "60 ms"), to_ticks(1e-3)
    run = serve(stream, "policy={name: task_affinity, maximum_delay: 1 ms}", case="vanilla_mixed")
    fifo = serve(stream, case="vanilla_mixed")
    for earlier, later in pairwise(run.requests):
        waiting = [r for r in run.requests if r.arrival <= later.start and r.start > later.start]
        overdue = [r for r in waiting if later.start - r.arrival >= bound]
        if overdue and later.arrival > min(r.arrival for r in overdue):
            pytest.fail(f"request {later.number} overtook one that had waited too long")
        assert earlier.end <= later.start
    assert run.total(ProgramKind.SWITCH).count <= fifo.total(ProgramKind.SWITCH).count


# -- replay and the plain run ----------------------------------------------------------------------


def facts(run: Run) -> tuple[object, ...]:
    ledger = run.ledger
    amounts = {key: n for key, n in ledger.amounts.items() if n}
    totals = {key: (t.count, t.ticks, +t.busy, +t.dram_residency) for key, t in run.totals.items()}
    counted = (amounts, ledger.busy, ledger.idle, [*ledger.residency()], ledger.peak)
    executions = [(e.kind, e.task, e.start, e.end, e.dram_residency) for e in run.executions]
    return run.makespan, counted, totals, run.requests, run.states, executions


@pytest.mark.parametrize("overrides", STREAMS, ids=range(len(STREAMS)))
@pytest.mark.parametrize("case", [CASE, "vanilla_mixed"])
def test_replay_changes_nothing(case: str, overrides: tuple[str, ...]) -> None:
    replayed, simulated = (serve(*overrides, case=case, replay=r) for r in (True, False))
    assert facts(replayed) == facts(simulated)
    assert simulated.replayed == 0
    assert replayed.replayed > 0


@pytest.mark.parametrize("overrides", STREAMS, ids=range(len(STREAMS)))
@pytest.mark.parametrize("case", [CASE, "vanilla_mixed"])
def test_whole_requests_that_are_replayed_change_nothing(
    case: str, overrides: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is drawn, so that what runs for a request is replayed as a whole."""
    repeated: list[Stretch] = []
    repeat = Stretches.repeat

    def counted(known: Stretches, stretch: Stretch) -> bool:
        repeated.append(stretch)
        return repeat(known, stretch)

    monkeypatch.setattr(Stretches, "repeat", counted)
    undrawn = Window(requests=0)
    run = serve(*overrides, case=case, window=undrawn)
    told = len(repeated)
    simulated = serve(*overrides, case=case, window=undrawn, replay=False)
    monkeypatch.setattr(stretches, "_MOST", 0)
    by_piece = serve(*overrides, case=case, window=undrawn)
    assert told == len(repeated) > 0
    assert facts(run) == facts(simulated) == facts(by_piece)
    counts = [(r.event_count, r.simulated, r.replayed) for r in (run, by_piece)]
    assert counts[0] == counts[1]
    assert [*run.ledger.amounts.items()] == [*by_piece.ledger.amounts.items()]


IDLE_POLICIES = (
    "{policy: oracle}",
    "{policy: timeout}",
    "{policy: timeout, clock_gated_after: 1 us, off_after: 50 us}",
    "{policy: timeout, retention_after: 0 s, off_after: 400 us}",
)


@settings(max_examples=15)
@given(
    times=st.lists(st.integers(0, 4_000), min_size=1, max_size=12).map(sorted),
    tasks=st.lists(st.sampled_from(["MNLI", "MRPC", "QNLI"]), min_size=12, max_size=12),
    tokens=st.lists(st.integers(3, 32), min_size=12, max_size=12),
    idle=st.sampled_from(IDLE_POLICIES),
    state=st.sampled_from(["self_refresh", "power_down", "standby"]),
    case=st.sampled_from([CASE, "vanilla_mixed"]),
)
def test_replay_of_any_stream_is_exact(
    times: list[int], tasks: list[str], tokens: list[int], idle: str, state: str, case: str
) -> None:
    base = (poisson("1 s", "1 ms"), "pad_to=8", f"hardware.dram.idle_state={state}")
    workload = small_workload(*base, f"idle={idle}", EXITS % ", latency_target: 400 us")
    requests = [
        Request(number, task, to_ticks(time * 1e-6), length)
        for number, (time, task, length) in enumerate(zip(times, tasks, tokens, strict=False))
    ]
    design = compile_design(workload.config, workload.cases[case], {"": [8, 16, 24, 32]})
    results = [
        facts(run_case(workload, workload.cases[case], design, requests, Options(replay=replay)))
        for replay in (True, False)
    ]
    assert results[0] == results[1]


def test_what_is_kept_to_be_drawn_changes_nothing() -> None:
    overrides = STREAMS[6]
    whole, none = (serve(*overrides, window=w) for w in (Window(), Window(requests=0)))
    assert not none.executions
    assert facts(whole)[:4] == facts(none)[:4]
    traced = serve(*overrides, trace=True)
    assert facts(traced) == facts(whole)


def test_one_task_without_sleep_is_the_plain_run() -> None:
    plain = serve("tasks=[MNLI]", "requests.rounds=4")
    step = to_seconds(plain.makespan) / 4
    # The first request also loads the task: those after it find the chip free or wait for it.
    times = f"period: {step!r} s, duration: {3.5 * step!r} s"
    stream = f"requests={{pattern: periodic, {times}, lengths: full}}"
    open_ = serve("tasks=[MNLI]", stream)
    assert len(open_.requests) == 4
    amounts = [
        {k: n for k, n in r.ledger.amounts.items() if k.action != "refresh"} for r in (plain, open_)
    ]
    assert amounts[0] == amounts[1]
    assert [r.end - r.start for r in open_.requests] == [r.end - r.start for r in plain.requests]
    assert open_.ledger.busy == plain.ledger.busy


def test_a_closed_loop_pauses_before_each_round() -> None:
    requests = [Request(n, "MNLI", 0, 8, round=n // 2) for n in range(4)]
    stream, now, seen = ClosedStream(requests, gap=100), 0, []
    while following := stream.following(now):
        now = max(now, following.arrival)
        [asked] = stream.take(now)
        seen.append(asked.arrival)
        now += 7
    assert seen == [100, 107, 214, 221]


# -- sleep -----------------------------------------------------------------------------------------

SLOW = poisson("3 ms", "60 ms", seed=5)


def slept(run: Run) -> dict[str, int]:
    return {str(state): n for state, n in run.ledger.chip_states.items()}


def test_timeouts_are_kept_to_the_tick() -> None:
    run = serve(SLOW, "idle={policy: timeout, retention_after: 200 us, off_after: 2 ms}")
    gaps = Counter[str]()
    free = 0
    for request in run.requests:
        gap = max(0, request.arrival - free)
        gaps["idle"] += min(gap, to_ticks(200e-6))
        gaps["retention"] += min(max(gap - to_ticks(200e-6), 0), to_ticks(2e-3 - 200e-6))
        gaps["off"] += max(gap - to_ticks(2e-3), 0)
        free = request.end
    last = run.makespan - free
    gaps["idle"] += min(last, to_ticks(200e-6))
    gaps["retention"] += min(max(last - to_ticks(200e-6), 0), to_ticks(2e-3 - 200e-6))
    gaps["off"] += max(last - to_ticks(2e-3), 0)
    states = slept(run)
    assert {state: states[state] for state in ("idle", "retention", "off")} == dict(gaps)
    assert gaps["off"] > 0


def test_retention_keeps_what_power_off_loses() -> None:
    kept = serve(SLOW, "idle={policy: timeout, retention_after: 0 s}")
    lost = serve(SLOW, "idle={policy: timeout, off_after: 0 s}")
    assert kept.total(ProgramKind.SWITCH).count == 3
    assert lost.total(ProgramKind.SWITCH).count > 10
    assert kept.total(ProgramKind.POWER_UP).count > 10


def test_non_volatile_task_parameters_survive_power_off() -> None:
    task = "cases.adapter_mixed.hardware.placement.task={values: rram, masks: rram}"
    half = "cases.adapter_mixed.hardware.placement.task={values: rram, masks: sram}"
    store = "cases.adapter_mixed.storage.task={format: bitmask, bits: 8, density: 0.5}"
    off = "idle={policy: timeout, off_after: 0 s}"
    whole = serve(SLOW, task, off)
    assert whole.total(ProgramKind.SWITCH).count == 3
    part, volatile = serve(SLOW, half, store, off), serve(SLOW, store, off)
    loads = [run.total(ProgramKind.SWITCH).count for run in (part, volatile)]
    # RRAM takes so long to write that now and then the next request finds the chip still on.
    assert 10 < loads[0] <= loads[1] <= loads[0] + 2
    # Only the masks, a ninth of a dense tensor's bits and a fifth here, are loaded again.
    assert part.ledger.amount("dram", "read") < volatile.ledger.amount("dram", "read") / 2
    assert part.ledger.amount("rram", "write") < part.ledger.amount("sram", "write") * 20


def test_the_oracle_is_awake_when_a_request_comes() -> None:
    run = serve(SLOW, "idle={policy: oracle}")
    assert slept(run).keys() & {"off", "retention", "clock_gated"}
    free = 0
    for request in run.requests:
        assert request.start == max(request.arrival, free)
        free = request.end


def energy(*overrides: str) -> float:
    from accelsim.evaluation.stages import run_workload

    return run_workload(small_workload(*(SLOW, *overrides)))[CASE].figures.account.total


def test_what_keeps_its_contents_never_beats_the_oracle() -> None:
    periodic = "requests={pattern: periodic, period: %s us, duration: 20 ms, lengths: full}"
    for period in (900, 1100, 1300, 3000):
        gap = periodic % period
        oracle = energy("idle={policy: oracle}", gap)
        for after in ("clock_gated_after: 0 s", "retention_after: 0 s", "retention_after: 300 us"):
            assert oracle < energy(f"idle={{policy: timeout, {after}}}", gap) * 1.001


def test_no_timeout_beats_the_oracle_with_one_task_at_a_time() -> None:
    oracle = energy("idle={policy: oracle}", "residency=one_task")
    timeouts = [
        energy(f"idle={{policy: timeout, {after}}}", "residency=one_task")
        for after in ("off_after: 0 s", "off_after: 1 ms", "retention_after: 0 s",
                      "retention_after: 100 us, off_after: 3 ms", "clock_gated_after: 0 s")
    ]  # fmt: skip
    # A timeout's chip is late, so it leaks a little less while it sleeps: some wake-ups' worth.
    assert all(oracle < other * 1.001 for other in timeouts)


def test_the_bound_beside_a_run_is_what_the_oracle_spends() -> None:
    from accelsim.evaluation.stages import run_workload

    one = ("residency=one_task", SLOW)
    result = run_workload(small_workload(*one, "idle={policy: break_even}"))[CASE]
    assert result.oracle is not None
    spent = result.figures.account.total / len(result.run.requests)
    oracle = energy("idle={policy: oracle}", *one) / len(result.run.requests)
    assert result.oracle == pytest.approx(oracle, rel=1e-12)
    assert result.oracle < spent < 2 * result.oracle
    # Off pays when its reload costs what retention has leaked: the design's own figures.
    costs = idle_costs(result.design)
    # Before the first request there is nothing to lose.
    loads = {0.0, *(costs.reloads[task, Missing.ALL] for task in result.design.graphs)}
    off, kept = costs.states[PowerState.OFF], costs.states[PowerState.RETENTION]
    even = [
        (off.wake_energy + load - kept.wake_energy) / (kept.watts - off.watts) for load in loads
    ]
    plans = [plan.steps[-1] for plan in result.run.idle_plans if len(plan.steps) == 3]
    assert {state for _, state in plans} == {PowerState.OFF}
    for at, _ in plans:
        assert any(to_seconds(at) == pytest.approx(load, rel=1e-9) for load in even)


def test_the_usual_plan_is_a_figure() -> None:
    import accelsim

    idle = "idle={policy: timeout, clock_gated_after: 0 s, off_after: 3 ms}"
    point = accelsim.Point(MAIN, (*SMALL, SLOW, idle), (CASE,))
    row = accelsim.evaluate(point)
    assert row[f"{CASE}.time.idle_until.clock_gated"] == 0
    assert row[f"{CASE}.time.idle_until.off"] == pytest.approx(3e-3)
    assert f"{CASE}.time.idle_until.retention" not in row


def test_rounds_without_a_pause_have_no_bound() -> None:
    from accelsim.evaluation.stages import run_workload

    assert run_workload(small_workload())[CASE].oracle is None


# -- residency -------------------------------------------------------------------------------------


def switches(policy: str, tasks: int = 3) -> int:
    workload: Workload = small_workload(f"residency={policy}", "requests.rounds=5")
    assert len(workload.config.tasks) == tasks
    requests = requests_of(workload)
    design = design_of(workload, workload.cases["vanilla_mixed"])
    run = run_case(workload, workload.cases["vanilla_mixed"], design, requests, Options())
    return run.total(ProgramKind.SWITCH).count


def test_residency_policies() -> None:
    assert switches("least_recently_used") == switches("first_in_first_out") == 3
    assert switches("one_task") == 15


# -- early exit and voltage ------------------------------------------------------------------------


def test_layers_run_are_those_of_the_plan() -> None:
    stream = poisson("800 us", "60 ms")
    for rule in ("exit", "continue"):
        run = serve(stream, EXITS % f", at_prediction: {rule}")
        for request in run.requests:
            assert request.exit_layer is not None
            assert request.planned is not None
            wanted = request.exit_layer
            if rule == "exit":
                wanted = min(wanted, request.planned)
            assert request.layers == wanted


def test_the_latency_target_is_met_at_the_lowest_point_that_will_do() -> None:
    stream = poisson("2 ms", "120 ms")
    exits = "early_exit={exit_layer: {mean: 2}, prediction: exact%s}"
    free = serve(stream, exits % "")
    target = 1.3 * max(to_seconds(r.end - r.start) for r in free.requests if not r.switched)
    run = serve(stream, exits % f", latency_target: {target!r} s")
    points = Counter(r.point for r in run.requests)
    assert len(points) > 1
    for request in run.requests:
        started = request.end - next(
            e.start
            for e in run.executions
            if e.request == request.number and e.kind is ProgramKind.INFER
        )
        assert started <= to_ticks(target)
    # More layers ahead, never a lower voltage.
    by_layers: dict[int, set[str]] = {}
    for request in run.requests:
        by_layers.setdefault(request.layers or 0, set()).add(request.point)
    rank = {f"{v:.2f} V": v for v in (0.5, 0.55, 0.6, 0.65, 0.7, 0.75)} | {"nominal": 0.8}
    lows = [min(rank[p] for p in by_layers[n]) for n in sorted(by_layers) if n > 1]
    assert lows == sorted(lows)


def test_a_target_out_of_reach_runs_at_the_nominal_point() -> None:
    run = serve(poisson("800 us", "20 ms"), EXITS % ", latency_target: 1 fs")
    assert {r.point for r in run.requests} == {"nominal"}
    assert run.total(ProgramKind.SCALE).count == 0


def test_a_late_inference_is_told() -> None:
    stream = poisson("2 ms", "60 ms")
    exits = "early_exit={exit_layer: {mean: 2}, prediction: exact, latency_target: %s}"
    assert not any(r.late for r in serve(stream, exits % "1 s").requests)
    run = serve(stream, exits % "1 fs")
    assert all(r.late for r in run.requests)


def test_nothing_is_loaded_for_a_task_without_parameters_on_the_chip() -> None:
    run = serve("hardware.placement.task={values: dram, masks: dram}", "residency=one_task")
    assert run.total(ProgramKind.SWITCH).count == 0
    assert not any(r.switched for r in run.requests)


def test_a_target_needs_operating_points() -> None:
    with pytest.raises(
        MappingError, match=r"^case '\w+': early_exit\.latency_target: the machine '\w+' has no"
    ):
        serve(STREAMS[6][0], "hardware.scaling=null", EXITS % ", latency_target: 1 ms")


def test_a_stream_without_a_request_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^requests: none arrives in this time; lengthen it "):
        serve(poisson("1000 s", "1 ms"))
