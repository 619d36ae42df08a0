"""The timeline: what viewers require of a trace, and that it shows all that was counted."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace

import pytest
from small_workload import executions_of
from trace_checks import (
    SHORT,
    SLEEPY,
    WHOLE,
    Event,
    between,
    depths,
    events_of,
    femtoseconds,
    lanes_of,
    nanoseconds,
    phase,
    simulated,
    slices_by_lane,
    text_of,
)

from accelsim.account.slices import COLUMNS
from accelsim.account.window import view_of
from accelsim.engine.run import Run, Window
from accelsim.errors import OutputError
from accelsim.placement.placement import DRAM
from accelsim.program import ProgramKind
from accelsim.report.timeline.perfetto import (
    CONTROL_LANE,
    QUEUE,
    STATE_LANE,
    drawable_view,
    trace_events,
)

both = pytest.mark.parametrize("overrides", [(), SHORT], ids=["main", "short"])


# -- what viewers require ----------------------------------------------------------------------


def test_the_check_of_depths_refuses_a_partial_overlap() -> None:
    inside = [{"name": "a", "ts": 0, "dur": 4}, {"name": "b", "ts": 1, "dur": 3}]
    across = [{"name": "a", "ts": 0, "dur": 4}, {"name": "b", "ts": 1, "dur": 4}]
    assert depths(inside) == [0, 1]
    with pytest.raises(AssertionError, match=r"^'b' at 1000 ns overlaps"):
        depths(across)


@both
def test_only_the_control_lane_nests(overrides: tuple[str, ...]) -> None:
    for process, _ in enumerate(simulated(*overrides), 1):
        for lane, drawn in slices_by_lane(events_of(*overrides), process).items():
            assert set(depths(drawn)) == ({0, 1, 2} if lane == CONTROL_LANE else {0}), lane


def test_in_a_stream_too_only_the_control_lane_nests() -> None:
    for process, _ in enumerate(simulated(*SLEEPY, window=WHOLE), 1):
        for lane, drawn in slices_by_lane(events_of(*SLEEPY, window=WHOLE), process).items():
            assert set(depths(drawn)) == ({0, 1, 2} if lane == CONTROL_LANE else {0}), lane


def test_every_process_and_lane_is_named_and_ordered() -> None:
    events = events_of()
    metadata = phase(events, "M")
    names = {e["pid"]: e["args"]["name"] for e in metadata if e["name"] == "process_name"}
    assert names == dict(enumerate(simulated(), 1))
    lanes = lanes_of(events)
    assert {(e["pid"], e["tid"]) for e in events if "tid" in e} == set(lanes)
    threads = [thread for _, thread in lanes]
    assert min(threads) == 101
    assert len(threads) == len(set(threads))
    assert not set(threads) & set(names)
    places = [e["args"]["sort_index"] for e in metadata if e["name"] == "thread_sort_index"]
    assert places.count(0) == len(names)


def test_lanes_stand_in_the_order_of_the_data() -> None:
    lanes = [lane for (process, _), lane in lanes_of(events_of()).items() if process == 2]
    assert lanes == [
        "requests", "pe_array", "sfu", "codec", "bus", "rram", "sram", "rram_masks",
        "activation_sram", "activation_buffer.read", "activation_buffer.write",
        "auxiliary_memory.read", "auxiliary_memory.write", "weight_buffer.read",
        "weight_buffer.write", "host", "dram",
    ]  # fmt: skip


def test_more_cases_than_a_hundred_share_no_number() -> None:
    case = next(iter(simulated(*SHORT).values()))
    few = replace(case, run=_without_spans(case.run))
    text = "".join(trace_events({f"case {n}": few for n in range(120)}))
    lanes = lanes_of(json.loads(text)["traceEvents"])
    assert not {process for process, _ in lanes} & {thread for _, thread in lanes}


def _without_spans(run: Run) -> Run:
    """A run of the first switch alone, to keep a trace of many cases small."""
    (switch, *_) = executions_of(run, ProgramKind.SWITCH)
    return replace(run, executions=(switch,), requests=(replace(run.requests[0], end=switch.end),))


def test_the_head_of_the_file_says_what_it_shows() -> None:
    trace = json.loads(text_of())
    assert trace["otherData"] == {"version": "1.2.3", "workload": "mti"}
    assert trace["displayTimeUnit"] == "ns"


def test_a_trace_without_cases_is_empty() -> None:
    assert json.loads("".join(trace_events({})))["traceEvents"] == []


# -- everything that was counted is drawn ------------------------------------------------------


@both
def test_busy_time_and_amounts_of_each_lane_are_those_of_the_run(
    overrides: tuple[str, ...],
) -> None:
    for process, case in enumerate(simulated(*overrides).values(), 1):
        busy: Counter[str] = Counter()
        amounts: Counter[str] = Counter()
        for part in (part for execution in case.run.executions for part in execution.parts):
            ports = part.record.ports.items()
            busy.update({port: ticks for port, (ticks, _, _) in ports})
            for (block, _, _), amount in part.record.segment.amounts.items():
                amounts[block] += amount
        lanes = slices_by_lane(events_of(*overrides), process)
        del lanes[CONTROL_LANE]
        drawn = {
            lane: sum(femtoseconds(event["args"]["busy_us"]) for event in found)
            for lane, found in lanes.items()
        }
        assert drawn == dict(busy)
        assert _drawn_amounts(lanes) == dict(amounts)


def _drawn_amounts(lanes: Mapping[str, list[Event]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    no_amounts = {"tasks", "busy_us", "energy_nJ", "others"}
    for lane, found in lanes.items():
        for event in found:
            counted = [n for key, n in event["args"].items() if key not in no_amounts]
            assert counted
            total[lane.partition(".")[0]] += sum(counted)
    return dict(total)


def test_units_are_in_the_keys() -> None:
    keys: dict[str, set[str]] = defaultdict(set)
    for lane, found in slices_by_lane(events_of(), 2).items():
        for event in found:
            keys[lane] |= set(event["args"])
    common = {"tasks", "busy_us", "energy_nJ"}
    assert keys["pe_array"] - common == {"macs", "others"}
    assert keys["dram"] - common == {"read_bytes"}
    assert keys["activation_sram"] - common == {"read_words", "write_words", "others"}
    assert keys["weight_buffer.read"] - common == {"read_bytes", "others"}
    assert keys["codec"] - common == {"vectors", "others"}
    assert keys["bus"] - common == {"bytes", "others"}
    assert keys["host"] - common == {"register_writes", "others"}


def test_the_control_lane_tells_the_round() -> None:
    for process, case in enumerate(simulated().values(), 1):
        control = slices_by_lane(events_of(), process)[CONTROL_LANE]
        by_depth: dict[int, list[Event]] = defaultdict(list)
        ordered = sorted(control, key=lambda event: event["ts"])
        for event, depth in zip(ordered, depths(control), strict=True):
            by_depth[depth].append(event)
        tasks = ["MNLI", "MRPC", "QNLI"]
        assert [e["name"] for e in by_depth[0]] == [f"{task} sentence 1" for task in tasks]
        switches = [e["name"] for e in by_depth[1] if e["cat"] == "switch"]
        assert switches == [f"switch to {task}" for task in tasks]
        layers = [e["name"] for e in by_depth[2] if e["name"].startswith("encoder_layer")]
        assert layers == 3 * [f"encoder_layer {number}" for number in range(1, 13)]
        ends = [nanoseconds(e["ts"]) + nanoseconds(e["dur"]) for e in by_depth[1]]
        assert [nanoseconds(e["ts"]) for e in by_depth[1]] == [0, *ends[:-1]]
        assert abs(ends[-1] * 10**6 - case.run.requests[2].end) <= 500_000


def test_sentences_of_a_task_are_numbered() -> None:
    control = slices_by_lane(events_of(*SHORT), 1)[CONTROL_LANE]
    requests = [event["name"] for event in control if event["cat"] == "request"]
    assert requests == [f"{t} sentence {n}" for t in ("MNLI", "MRPC", "QNLI") for n in (1, 2)]


def test_task_detail_has_a_slice_for_each_span() -> None:
    for process, case in enumerate(simulated(*SHORT).values(), 1):
        lanes = slices_by_lane(events_of(*SHORT, detail="task"), process)
        del lanes[CONTROL_LANE]
        parts = [part for execution in case.run.executions for part in execution.parts]
        spans = sum(len(part.record.spans) for part in parts)
        assert sum(map(len, lanes.values())) == spans
        assert all(set(depths(lane)) == {0} for lane in lanes.values())


def test_the_file_stays_small() -> None:
    for process, case in enumerate(simulated().values(), 1):
        segments = sum(len(execution.parts) for execution in case.run.executions)
        for lane, found in slices_by_lane(events_of(), process).items():
            assert len(found) <= 2 * COLUMNS + 2 * segments, lane
    assert len(text_of()) < 7_000_000


# -- streams, states and windows ---------------------------------------------------------------


def test_the_lane_of_states_has_the_residency_of_the_ledger() -> None:
    for process, case in enumerate(simulated(*SLEEPY, window=WHOLE).values(), 1):
        drawn: Counter[str] = Counter()
        for event in slices_by_lane(events_of(*SLEEPY, window=WHOLE), process)[STATE_LANE]:
            drawn[event["name"]] += femtoseconds(event["dur"])
        counted = {str(state): n for state, n in case.run.ledger.chip_states.items()}
        assert {*drawn} == {*counted} >= {"active", "active 0.50 V", "retention", "off"}
        # Ends are rounded to nanoseconds, two for each stay.
        for state, ticks in counted.items():
            assert abs(drawn[state] - ticks) <= len(case.run.states) * 10**6


def test_wake_ups_and_scaling_are_seen() -> None:
    lanes = slices_by_lane(events_of(*SLEEPY, window=WHOLE), 2)
    names = {e["name"] for e in lanes[CONTROL_LANE] if e["cat"] in ("power_up", "scale")}
    assert names == {"power_up", "wake_up_clock", "wake_up_retention", "settle"}
    assert {e["name"] for e in lanes["power"]} >= {"wake_up_retention", "settle"}
    assert all(event["args"]["changes"] == 1 for event in lanes["power"])


def test_an_active_chip_has_no_lane_of_states() -> None:
    assert STATE_LANE not in slices_by_lane(events_of(*SHORT), 1)


def test_waiting_requests_over_time_are_the_sum_of_waiting_times() -> None:
    crowded = (*SHORT, "requests={pattern: poisson, mean_interval: 300 us, duration: 4 ms}")
    for process, case in enumerate(simulated(*crowded, window=WHOLE).values(), 1):
        samples = [
            (femtoseconds(e["ts"]), e["args"]["requests"])
            for e in phase(events_of(*crowded, window=WHOLE), "C")
            if e["pid"] == process and e["name"] == QUEUE
        ]
        lasting = zip(samples, [*samples[1:], (case.run.makespan, 0)], strict=True)
        area = sum(length * (end - start) for (start, length), (end, _) in lasting)
        waited = sum(request.start - request.arrival for request in case.run.requests)
        assert waited > 0
        assert abs(area - waited) <= 2 * len(case.run.requests) * 10**6
        assert max(length for _, length in samples) > 1
        assert samples[-1][1] == 0


def test_the_facts_of_a_request() -> None:
    outcomes = {r.number: r for r in simulated(*SLEEPY, window=WHOLE)["vanilla_slc"].run.requests}
    control = slices_by_lane(events_of(*SLEEPY, window=WHOLE), 3)[CONTROL_LANE]
    drawn = [event for event in control if event["cat"] == "request"]
    assert len(drawn) == len(outcomes)
    for event in drawn:
        outcome = outcomes[event["args"]["request"]]
        assert event["name"].startswith(outcome.task)
        assert femtoseconds(event["args"]["waited_us"]) == outcome.start - outcome.arrival
        assert event["args"]["layers"] == outcome.layers
        assert event["args"]["point"] == outcome.point
        assert event["args"]["planned_layers"] == outcome.planned


def test_a_window_shows_its_part_of_the_whole_in_the_same_places() -> None:
    window = between(12e-3, 25e-3)
    for process, (name, case) in enumerate(simulated(*SLEEPY, window=window).items(), 1):
        shown = view_of(case.run, case.figures.prices)
        assert 0 < shown.start <= window.start
        assert shown.end >= (window.end or 0)
        part = slices_by_lane(events_of(*SLEEPY, window=window), process)
        whole = slices_by_lane(events_of(*SLEEPY, window=WHOLE), process)
        for lane in (CONTROL_LANE, "power"):
            drawn = [(e["name"], femtoseconds(e["ts"]) + shown.start) for e in part[lane]]
            every = [(e["name"], femtoseconds(e["ts"])) for e in whole[lane]]
            expected = [(n, t) for n, t in every if shown.start <= t + 10**6 and t < shown.end]
            assert [name for name, _ in drawn] == [name for name, _ in expected]
            assert all(abs(a - b) <= 10**6 for (_, a), (_, b) in zip(drawn, expected, strict=True))
        last = max(femtoseconds(e["ts"] + e["dur"]) for e in part[STATE_LANE])
        assert abs(last - (shown.end - shown.start)) <= 10**6


def test_the_process_says_where_its_window_begins() -> None:
    window = between(12e-3, 25e-3)
    named = [e for e in events_of(*SLEEPY, window=window) if e["name"] == "process_name"]
    assert named[0]["args"]["name"] == "vanilla_mixed from 0.012 s"


def test_a_window_may_show_sleep_alone() -> None:
    case = simulated(*SLEEPY, window=WHOLE)["vanilla_mixed"]
    stay = max(case.run.states, key=lambda stay: stay.end - stay.start)
    third = (stay.end - stay.start) // 3
    window = Window(stay.start + third, stay.end - third)
    lanes = slices_by_lane(events_of(*SLEEPY, window=window), 1)
    assert not lanes.get("pe_array")
    assert len(lanes["power state"]) == 1
    samples = [e for e in phase(events_of(*SLEEPY, window=window), "C") if e["pid"] == 1]
    assert len(samples) == 2


def test_a_window_beyond_the_end_is_refused() -> None:
    case = simulated(*SLEEPY, window=between(1.0, 2.0))["vanilla_mixed"]
    message = (
        r"^cannot draw the timeline of 'vanilla_mixed': nothing happens in its window, which "
        r"begins at 1 s; the run ends at 0\.04 s$"
    )
    with pytest.raises(OutputError, match=message):
        drawable_view("vanilla_mixed", case)


def test_too_many_programs_are_refused() -> None:
    case = simulated(*SHORT)["vanilla_mixed"]
    many = replace(case.run, executions=case.run.executions * 1000)
    message = r"its window shows 9,000 programs, expected at most 2,000; shorten the window$"
    with pytest.raises(OutputError, match=message):
        drawable_view("vanilla_mixed", replace(case, run=many))


# -- arrows ------------------------------------------------------------------------------------


@both
def test_arrows_lead_from_dram_to_each_memory_that_a_switch_loads(
    overrides: tuple[str, ...],
) -> None:
    events = events_of(*overrides)
    lanes = lanes_of(events)
    begins, ends = phase(events, "s"), phase(events, "f")
    assert [e["id"] for e in begins] == [e["id"] for e in ends] == [*range(1, len(begins) + 1)]
    expected = []
    for process, case in enumerate(simulated(*overrides).values(), 1):
        for execution in case.run.executions:
            if execution.kind is ProgramKind.SWITCH:
                for task in execution.parts[0].record.segment.tasks:
                    memories = [use.block for use in task.uses if use.action == "write"]
                    expected += [(process, memory) for memory in memories]
    assert [(e["pid"], lanes[e["pid"], e["tid"]]) for e in ends] == expected
    assert {lanes[e["pid"], e["tid"]] for e in begins} == {DRAM}
    for end in (*begins, *ends):
        assert _slice_under(events, end)["cat"] == "switch"
    assert {event["bp"] for event in ends} == {"e"}


def _slice_under(events: list[Event], arrow: Event) -> Event:
    (found,) = [
        e
        for e in phase(events, "X")
        if e["tid"] == arrow["tid"] and e["ts"] <= arrow["ts"] < e["ts"] + e["dur"]
    ]
    return found


# -- watching changes nothing ------------------------------------------------------------------


def test_the_trace_is_a_function_of_the_run() -> None:
    cases = simulated(*SHORT)
    again = {name: replace(case) for name, case in cases.items()}
    assert "".join(trace_events(again)) == "".join(trace_events(cases))
    simulated.cache_clear()
    assert "".join(trace_events(simulated(*SHORT))) == "".join(trace_events(cases))


def test_recording_spans_changes_no_result() -> None:
    plain = simulated(*SHORT, trace=False)
    for name, case in simulated(*SHORT).items():
        assert case.run.makespan == plain[name].run.makespan
        assert case.run.ledger.amounts == plain[name].run.ledger.amounts


def test_a_run_without_spans_is_refused() -> None:
    case = simulated(*SHORT, trace=False)["adapter_slc"]
    message = (
        r"^cannot draw the timeline of 'adapter_slc': its run recorded no spans; "
        r"simulate it with trace=True$"
    )
    with pytest.raises(OutputError, match=message):
        drawable_view("adapter_slc", case)
    with pytest.raises(OutputError, match=message):
        "".join(trace_events({"adapter_slc": case}))
