"""The timeline: what viewers require of a trace, and that it shows all that was counted."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace

import pytest
from trace_checks import (
    SHORT,
    Event,
    depths,
    events_of,
    femtoseconds,
    lanes_of,
    nanoseconds,
    phase,
    round_of,
    simulated,
    slices_by_lane,
    text_of,
)

from accelsim.engine.run import Run
from accelsim.errors import OutputError
from accelsim.export.perfetto import CONTROL_LANE, trace_events
from accelsim.export.timeline import COLUMNS, first_round
from accelsim.memory.placement import DRAM
from accelsim.program import ProgramKind

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
    switch = run.executions[0]
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
        for execution in round_of(case):
            for _, record in execution.segments:
                busy.update({port: ticks for port, (ticks, _, _) in record.ports.items()})
                for (block, _, _), amount in record.segment.amounts.items():
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
        spans = sum(len(r.spans) for execution in round_of(case) for _, r in execution.segments)
        assert sum(map(len, lanes.values())) == spans
        assert all(set(depths(lane)) == {0} for lane in lanes.values())


def test_the_file_stays_small() -> None:
    for process, case in enumerate(simulated().values(), 1):
        segments = sum(len(execution.segments) for execution in round_of(case))
        for lane, found in slices_by_lane(events_of(), process).items():
            assert len(found) <= 2 * COLUMNS + 2 * segments, lane
    assert len(text_of()) < 7_000_000


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
        for execution in round_of(case):
            if execution.kind is ProgramKind.SWITCH:
                for task in execution.segments[0][1].segment.tasks:
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
        first_round("adapter_slc", case)
    with pytest.raises(OutputError, match=message):
        "".join(trace_events({"adapter_slc": case}))
