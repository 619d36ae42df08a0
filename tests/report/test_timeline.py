"""The timeline: it shows all that was counted, exactly, and nothing that did not happen."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from trace_checks import (
    MAIN,
    NPU,
    SHORT,
    SLEEPY,
    WHOLE,
    between,
    file_of,
    simulated,
    trace_of,
)
from trace_decoder import Slice, Trace

from accelsim.account.window import view_of
from accelsim.engine.run import Window
from accelsim.errors import OutputError
from accelsim.evaluation.cases import CaseResult
from accelsim.report.timeline import FORMATS, timeline
from accelsim.report.timeline.levels import Level, plan_of

LEVELS = tuple(level.label for level in Level)

IN_DRAM = "hardware.placement.backbone={values: dram, masks: dram}"
# A round of the small model on a vanilla and an adapter's machine, and on systolic arrays, whose
# ports and DRAM are shared in turn; a stream with early exits that sleeps and changes its voltage;
# the big model, as it fits.
CASES: dict[str, tuple[tuple[str, ...], str, Window | None, Level | None]] = {
    "short": (SHORT, MAIN, None, Level.USE),
    "arrays": ((*SHORT, IN_DRAM), NPU, None, Level.USE),
    "sleepy": (SLEEPY, MAIN, WHOLE, Level.USE),
    "main": ((), MAIN, None, None),
}
every = pytest.mark.parametrize("name", CASES)
whole = pytest.mark.parametrize("name", ["short", "arrays", "sleepy"])


def shown(name: str) -> tuple[dict[str, CaseResult], Trace]:
    overrides, workload, window, level = CASES[name]
    cases = simulated(*overrides, workload=workload, window=window)
    return cases, trace_of(*overrides, workload=workload, level=level, window=window)


def nanoseconds(tick: int) -> int:
    return (tick + 500_000) // 10**6


# -- what viewers require: decoding refuses lost ends, open slices, dangling arrows -------------


@every
def test_every_design_is_a_process_with_its_rows_in_order(name: str) -> None:
    cases, trace = shown(name)
    assert [n for n, (_, parent, _) in trace.tracks.items() if not parent] == [
        *range(1, len(cases) + 1)
    ]
    for case in cases:
        rows = trace.rows(case)
        assert list(rows)[:5] == ["level of detail", "power states", "requests", "queues", "blocks"]
        assert {"power", "utilisation", "bandwidth", "occupancy", "task switches"} <= rows.keys()


@every
def test_only_envelopes_hold_other_slices(name: str) -> None:
    cases, trace = shown(name)
    for case in cases:
        assert {one.depth for one in trace.on(case, "requests")} == {0, 1, 2}
        for one in (one for row in trace.below(case, "queues").values() for one in row):
            assert one.depth in {"operator": (0,), "panel": (1,), "stall": (0, 1, 2)}[one.level]
        for row in (*trace.below(case, "blocks").values(), trace.on(case, "power states")):
            assert {one.depth for one in row} == {0}
    assert all(one.end >= one.start >= 0 for one in trace.slices)


@every
def test_counters_have_units(name: str) -> None:
    cases, trace = shown(name)
    units = {"power": "mW", "utilisation": "%", "bandwidth": "GB/s", "occupancy": "B"}
    for case in cases:
        for group, unit in units.items():
            rows = trace.rows(case, group).values()
            assert rows
            assert {trace.tracks[row][2] for row in rows} == {unit}
            assert all(trace.samples[row] for row in rows)
    assert all(trace.tracks[row][2] for row in trace.samples)


def test_the_two_formats_draw_the_same_slices() -> None:
    _, trace = shown("short")
    events = json.loads(file_of(*SHORT, file_format="json"))["traceEvents"]
    begun = [(e["name"], e["cat"], e["args"]) for e in events if e["ph"] == "B"]
    told = [(one.name, one.level, one.facts) for one in trace.slices]
    assert sorted(begun, key=repr) == sorted(told, key=repr)
    assert sum(event["ph"] == "E" for event in events) == len(begun)
    assert sum(event["ph"] == "C" for event in events) == sum(map(len, trace.samples.values()))
    for letter in "sf":
        assert {e["id"] for e in events if e["ph"] == letter} == trace.arrows.keys()
    threads = {e["tid"] for e in events}
    processes = {e["pid"] for e in events}
    assert not (threads - {0}) & processes


# -- everything that was counted is drawn ------------------------------------------------------


@whole
def test_ticks_and_amounts_of_each_block_are_those_of_the_run(name: str) -> None:
    cases, trace = shown(name)
    for case, result in cases.items():
        busy, amounts = Counter[str](), Counter[str]()
        for part in (part for one in result.run.executions for part in one.parts):
            busy.update({port: ticks for port, (ticks, _, _) in part.record.ports.items()})
            for (block, _, _), amount in part.record.segment.amounts.items():
                amounts[block] += amount
        rows = trace.below(case, "blocks")
        assert {row: sum(u.facts["ticks"] for u in uses) for row, uses in rows.items()} == busy
        drawn = Counter[str]()
        for row, uses in rows.items():
            drawn[row.partition(".")[0]] += sum(_amount(use) for use in uses)
        assert drawn == amounts


def _amount(use: Slice) -> int:
    """The amount is the fact after the cycles."""
    return int(list(use.facts.values())[2])


@pytest.mark.parametrize("workload", [MAIN, NPU])
def test_ticks_of_a_whole_run_are_the_busy_ticks_of_its_ledger(workload: str) -> None:
    overrides = (*SHORT[:2], "requests.rounds=2")
    trace = trace_of(*overrides, workload=workload, window=WHOLE)
    for case, result in simulated(*overrides, workload=workload, window=WHOLE).items():
        assert result.run.replayed > 0
        rows = trace.below(case, "blocks")
        drawn = {row: sum(use.facts["ticks"] for use in uses) for row, uses in rows.items()}
        assert drawn == {port: ticks for port, ticks in result.run.ledger.busy.items() if ticks}


@whole
def test_a_use_is_as_long_as_its_block_is_busy(name: str) -> None:
    cases, trace = shown(name)
    for case, result in cases.items():
        parts = [part for one in result.run.executions for part in one.parts]
        spans: dict[str, list[tuple[int, int]]] = {}
        for part in parts:
            for span in part.record.spans:
                ends = (nanoseconds(part.began + tick) for tick in (span.start, span.end))
                spans.setdefault(span.port, []).append(tuple(ends))  # type: ignore[arg-type]
        drawn = trace.below(case, "blocks")
        assert {row: [(u.start, u.end) for u in uses] for row, uses in drawn.items()} == spans
        for use in (use for uses in drawn.values() for use in uses):
            assert abs(1e6 * (use.end - use.start) - use.facts["ticks"]) <= 1e6


@whole
def test_energy_of_panels_is_that_of_their_uses(name: str) -> None:
    cases, trace = shown(name)
    for case in cases:
        uses = [u for row in trace.below(case, "blocks").values() for u in row]
        queues = [s for row in trace.below(case, "queues").values() for s in row]
        joules = sum(use.facts["energy_nJ"] for use in uses)
        for level in ("panel", "operator"):
            told = sum(s.facts["energy_nJ"] for s in queues if s.level == level)
            assert told == pytest.approx(joules, rel=1e-9)
        switches = [s for s in trace.on(case, "requests") if s.level == "switch"]
        told = sum(s.facts["dynamic_energy_nJ"] for s in switches)
        assert told == pytest.approx(joules, rel=1e-9)


@whole
def test_uses_lie_in_the_panels_that_ask_for_them(name: str) -> None:
    cases, trace = shown(name)
    for case, result in cases.items():
        panels = Counter(s.level for row in trace.below(case, "queues").values() for s in row)
        tasks = [
            task
            for one in result.run.executions
            for part in one.parts
            for task in part.record.segment.tasks
        ]
        assert panels["panel"] == len(tasks)
        assert panels["operator"] <= panels["panel"]


def test_units_are_in_the_keys() -> None:
    _, trace = shown("short")
    rows = trace.below("adapter_mixed", "blocks")
    keys = {row: {key for use in uses for key in use.facts} for row, uses in rows.items()}
    common = {"ticks", "cycles", "energy_nJ", "waited_ticks", "waited_for"}
    assert keys["pe_array"] - common == {"macs"}
    assert keys["dram"] - common == {"read_bytes"}
    assert keys["activation_sram"] - common == {"read_words", "write_words", "bytes"}
    assert keys["weight_buffer.read"] - common == {"read_bytes"}
    assert keys["codec"] - common == {"vectors"}
    assert keys["bus"] - common == {"bytes"}
    assert keys["host"] - common == {"register_writes"}
    assert {type(use.facts["ticks"]) for use in rows["dram"]} == {int}


# -- requests, programs, layers ----------------------------------------------------------------


def test_requests_hold_their_programs_and_these_their_layers() -> None:
    cases, trace = shown("main")
    for case, result in cases.items():
        rows = trace.on(case, "requests")
        by_level = {level: [s for s in rows if s.level == level] for level in LEVELS}
        tasks = ["MNLI", "MRPC", "QNLI"]
        assert [s.name for s in by_level["request"]] == [f"{task} sentence 1" for task in tasks]
        programs = [s.name for s in by_level["switch"]]
        assert programs == [f"{w} {t}" for t in tasks for w in ("switch to", "infer")]
        layers = [s.name for s in by_level["layer"] if s.name.startswith("encoder_layer")]
        assert layers == 3 * [f"encoder_layer {number}" for number in range(1, 13)]
        ends = [s.end for s in by_level["switch"]]
        assert [s.start for s in by_level["switch"]] == [0, *ends[:-1]]
        assert ends[-1] == nanoseconds(result.run.requests[2].end)
        switches = trace.on(case, "task switches")
        assert [(s.name, s.start, s.end) for s in switches] == [
            (s.name, s.start, s.end) for s in by_level["switch"][::2]
        ]


def test_sentences_of_a_task_are_numbered() -> None:
    _, trace = shown("short")
    requests = [s.name for s in trace.on("vanilla_mixed", "requests") if s.level == "request"]
    assert requests == [f"{t} sentence {n}" for t in ("MNLI", "MRPC", "QNLI") for n in (1, 2)]


def test_uses_are_named_by_operator_and_layer() -> None:
    _, trace = shown("short")
    names = {use.name for use in trace.below("adapter_mixed", "blocks")["pe_array"]}
    assert {f"encoder.query, encoder_layer {number}" for number in (1, 2, 3)} <= names


def test_layers_of_a_sentence_that_changes_its_voltage_are_numbered_on() -> None:
    _, trace = shown("sleepy")
    rows = trace.on("vanilla_mixed", "requests")
    sentence = next(s for s in rows if s.level == "request" and s.facts["layers"] == 3)
    inside = [s for s in rows if sentence.start <= s.start and s.end <= sentence.end]
    layers = [s for s in inside if s.name.startswith("encoder_layer") and s.level == "layer"]
    assert [s.name[-1] for s in layers] in (["1", "2", "3"], ["1", "2"])
    assert len({s.facts["point"] for s in rows if "point" in s.facts}) > 1


def test_the_facts_of_a_request() -> None:
    cases, trace = shown("sleepy")
    outcomes = {request.number: request for request in cases["vanilla_mixed"].run.requests}
    drawn = [s for s in trace.on("vanilla_mixed", "requests") if s.level == "request"]
    assert len(drawn) == len(outcomes)
    for one in drawn:
        outcome = outcomes[one.facts["request"]]
        assert one.name.startswith(outcome.task)
        assert one.facts["waited_ticks"] == outcome.start - outcome.arrival
        assert one.facts["layers"] == outcome.layers
        assert one.facts["point"] == outcome.point
        assert one.facts["planned_layers"] == outcome.planned
        assert (one.start, one.end) == (nanoseconds(outcome.start), nanoseconds(outcome.end))


# -- what waits for what -----------------------------------------------------------------------


@whole
def test_queues_are_busy_or_stand_still_for_a_reason(name: str) -> None:
    """From a queue's first stall on, stalls and panels of a segment follow without a gap."""
    cases, trace = shown(name)
    for case in cases:
        for row in trace.below(case, "queues").values():
            outer = [s for s in row if s.level == "panel" or (s.level == "stall" and s.depth < 2)]
            stalls = {s.end for s in outer if s.level == "stall"}
            assert stalls <= {s.start for s in outer if s.level == "panel"}
            for panel in (s for s in outer if "waited_ticks" in s.facts and s.level == "panel"):
                assert panel.start in stalls
                assert panel.facts["waited_for"]


@whole
def test_arrows_lead_from_what_ended_to_what_waited_for_it(name: str) -> None:
    _, trace = shown(name)
    assert trace.arrows
    for sent, received in trace.arrows.values():
        assert sent.end <= received.start
        assert sent.level == received.level or received.level == "switch"


@whole
def test_an_inference_waits_for_the_switch_before_it(name: str) -> None:
    cases, trace = shown(name)
    for case in cases:
        row = trace.row(case, "task switches")
        switches = trace.by_track[row]
        fed = [(a.name, b.name) for a, b in trace.arrows.values() if a.track == row]
        assert len(fed) == len(switches)
        assert all(a.split()[-1] == b.split()[-1] for a, b in fed)


def test_loads_point_to_the_products_that_take_their_operands() -> None:
    _, trace = shown("short")
    queues = trace.rows("adapter_mixed", "queues")
    fed = {
        (a.name.split(",")[0], b.name.split(",")[0])
        for a, b in trace.arrows.values()
        if a.track == queues["load"] and b.track == queues["pe"]
    }
    assert ("encoder.query", "encoder.query") in fed
    assert all(a == b for a, b in fed if a.startswith("encoder.ffn"))


# -- levels, windows, states -------------------------------------------------------------------


@pytest.mark.parametrize("level", list(Level))
def test_each_level_is_drawn_with_all_before_it_and_none_after(level: Level) -> None:
    trace = trace_of(*SHORT, level=level)
    drawn = {one.level for one in trace.slices} & set(LEVELS)
    assert drawn == set(LEVELS[: level + 1])
    whole = shown("short")[1]
    for kept in LEVELS[: level + 1]:
        same = ((s.name, s.start, s.end) for s in whole.slices if s.level == kept)
        assert [(s.name, s.start, s.end) for s in trace.slices if s.level == kept] == [*same]


def test_what_does_not_fit_is_drawn_as_operators_and_said() -> None:
    cases, trace = shown("main")
    assert len(trace.slices) < 120_000
    for case in cases:
        fine, coarse = trace.on(case, "level of detail")
        assert (fine.name, coarse.name) == ("use", "operator")
        assert fine.facts == {"version": "1.2.3", "workload": "mti"}
        assert max(u.end for r in trace.below(case, "blocks").values() for u in r) <= fine.end
        rows = trace.below(case, "queues").values()
        panels = [s for row in rows for s in row if s.level == "panel"]
        assert max(s.end for s in panels) <= fine.end
        later = [s for row in rows for s in row if s.start >= fine.end]
        assert {s.level for s in later} == {"operator"}


def test_a_file_stays_small_however_long_the_run() -> None:
    cases = simulated(*SLEEPY, window=WHOLE)
    for most in (3_000, 300, 0):
        plans = {name: plan_of(name, case, usual=most) for name, case in cases.items()}
        assert all(
            list(plan.levels) == sorted(plan.levels, reverse=True) for plan in plans.values()
        )
        data = b"".join(timeline(plans, "json"))
        events = json.loads(data)["traceEvents"]
        for number, (name, plan) in enumerate(plans.items(), 1):
            slices = sum(e["ph"] == "B" and e["pid"] == number for e in events)
            outer = len(cases[name].run.requests) + len(plan.shown.stays)
            assert slices <= max(most, outer) + 200


def test_a_window_shows_its_part_of_the_whole_in_the_same_places() -> None:
    window = between(12e-3, 25e-3)
    part, all_of_it = trace_of(*SLEEPY, window=window), shown("sleepy")[1]
    for name, case in simulated(*SLEEPY, window=window).items():
        view = view_of(case.run, case.figures.prices)
        start, end = nanoseconds(view.start), nanoseconds(view.end)
        assert 0 < view.start <= window.start
        for row, uses in part.below(name, "blocks").items():
            every = all_of_it.below(name, "blocks")[row]
            expected = [(u.start, u.end) for u in every if start <= u.start and u.end <= end]
            assert [(u.start, u.end) for u in uses] == expected


def test_power_states_last_as_long_as_in_the_ledger() -> None:
    cases, trace = shown("sleepy")
    for name, case in cases.items():
        drawn: Counter[str] = Counter()
        for stay in trace.on(name, "power states"):
            drawn[stay.name] += stay.facts["ticks"]
        assert drawn == {str(s): n for s, n in case.run.ledger.chip_states.items() if n}
        changes = {s.name for s in trace.on(name, "power switches")}
        assert changes == {"power_up", "wake_up_clock", "wake_up_retention", "settle"}


def test_waiting_requests_over_time_are_the_sum_of_waiting_times() -> None:
    crowded = (*SHORT, "requests={pattern: poisson, mean_interval: 300 us, duration: 4 ms}")
    trace = trace_of(*crowded, window=WHOLE, level=Level.REQUEST)
    for name, case in simulated(*crowded, window=WHOLE).items():
        samples = trace.samples[trace.row(name, "waiting requests")]
        ends = [*(at for at, _ in samples[1:]), nanoseconds(case.run.makespan)]
        area = sum(n * (end - at) for (at, n), end in zip(samples, ends, strict=True))
        waited = sum(request.start - request.arrival for request in case.run.requests)
        assert waited > 0
        assert abs(1e6 * area - waited) <= 2e6 * len(case.run.requests)
        assert max(length for _, length in samples) > 1


def test_a_window_may_show_sleep_alone() -> None:
    case = simulated(*SLEEPY, window=WHOLE)["vanilla_mixed"]
    stay = max(case.run.states, key=lambda stay: stay.end - stay.start)
    third = (stay.end - stay.start) // 3
    window = Window(stay.start + third, stay.end - third)
    trace = trace_of(*SLEEPY, window=window)
    assert len(trace.on("vanilla_mixed", "power states")) == 1
    assert "blocks" not in trace.rows("vanilla_mixed")
    assert {len(trace.samples[n]) for n in trace.rows("vanilla_mixed", "power").values()} <= {1, 2}


# -- counters ----------------------------------------------------------------------------------


@whole
def test_utilisation_over_time_is_the_busy_time(name: str) -> None:
    cases, trace = shown(name)
    for case in cases:
        for row, uses in trace.below(case, "blocks").items():
            samples = trace.samples[trace.row(case, "utilisation", row)]
            ends = [at for at, _ in samples[1:]]
            busy = sum(p / 100 * (b - a) for (a, p), b in zip(samples, ends, strict=False))
            assert busy == pytest.approx(sum(u.facts["ticks"] for u in uses) / 1e6, rel=1e-6, abs=2)
            assert all(-1e-9 <= value <= 100 + 1e-2 for _, value in samples)


def test_bandwidth_over_time_is_the_bytes_moved() -> None:
    cases, trace = shown("short")
    for case in cases:
        for row, number in trace.rows(case, "bandwidth").items():
            samples = trace.samples[number]
            ends = [at for at, _ in samples[1:]]
            moved = sum(v * (b - a) for (a, v), b in zip(samples, ends, strict=False))
            block, _, action = row.partition(" ")
            uses = (
                u
                for p, r in trace.below(case, "blocks").items()
                for u in r
                if p.partition(".")[0] == block
            )
            sizes = (u.facts for u in uses)
            told = sum(
                f.get("bytes", f.get(f"{action}_bytes", 0))
                for f in sizes
                if action == "transfer" or any(k.startswith(f"{action}_") for k in f)
            )
            assert moved == pytest.approx(told, rel=1e-6)


@whole
def test_buffers_hold_at_most_what_the_ledger_says(name: str) -> None:
    cases, trace = shown(name)
    for case, result in cases.items():
        peaks: Counter[str] = Counter()
        for one in result.run.executions:
            for part in one.parts:
                peaks |= Counter(part.record.peak)
        for row, number in trace.rows(case, "occupancy").items():
            assert max(value for _, value in trace.samples[number]) == peaks[row]
            assert min(value for _, value in trace.samples[number]) >= 0


# -- watching changes nothing; refusals --------------------------------------------------------


def test_the_file_is_a_function_of_the_run() -> None:
    cases = simulated(*SHORT)
    plans = {name: plan_of(name, case, Level.USE) for name, case in cases.items()}
    again = {name: plan_of(name, replace(case), Level.USE) for name, case in cases.items()}
    for file_format in FORMATS:
        assert b"".join(timeline(plans, file_format)) == b"".join(timeline(again, file_format))


def test_recording_spans_changes_no_result() -> None:
    plain = simulated(*SHORT, trace=False)
    for name, case in simulated(*SHORT).items():
        assert case.run.makespan == plain[name].run.makespan
        assert case.run.ledger.digest() == plain[name].run.ledger.digest()


def test_a_timeline_without_cases_is_empty() -> None:
    assert json.loads(b"".join(timeline({}, "json")))["traceEvents"] == []


def test_a_run_without_spans_is_refused() -> None:
    case = simulated(*SHORT, trace=False)["adapter_mixed"]
    message = (
        r"^cannot draw the timeline of 'adapter_mixed': its run recorded no spans; "
        r"simulate it with trace=True$"
    )
    with pytest.raises(OutputError, match=message):
        plan_of("adapter_mixed", case)


def test_a_window_beyond_the_end_is_refused() -> None:
    case = simulated(*SLEEPY, window=between(1.0, 2.0))["vanilla_mixed"]
    message = (
        r"^cannot draw the timeline of 'vanilla_mixed': nothing happens in its window, which "
        r"begins at 1 s; the run ends at 0\.04 s$"
    )
    with pytest.raises(OutputError, match=message):
        plan_of("vanilla_mixed", case)


def test_too_many_slices_are_refused() -> None:
    case = simulated(*SHORT)["vanilla_mixed"]
    many = replace(case, run=replace(case.run, executions=case.run.executions * 3000))
    message = r"it would have [0-9,]+ slices, expected at most 20,000,000; shorten the window or "
    with pytest.raises(OutputError, match=message):
        plan_of("vanilla_mixed", many, Level.USE)
    levels = plan_of("vanilla_mixed", many).levels
    assert set(levels) == {Level.USE, Level.REQUEST}
