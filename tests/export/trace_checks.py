"""Traces of the main workload, read back with exact numbers."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from functools import lru_cache
from typing import Any

from accelsim.account.prices import price_list
from accelsim.config.workload import load_workload
from accelsim.engine.run import Execution
from accelsim.engine.simulator import simulate_design
from accelsim.export.perfetto import CaseTrace, Detail, trace_events
from accelsim.mapping.design import compile_design

MAIN = "workloads/mti_mnli_mrpc_qnli.yaml"
SHORT = (
    "model={name: custom, family: albert, vocabulary_size: 1000, embedding_size: 32, "
    "hidden_size: 64, layers: 3, heads: 2, intermediate_size: 256, maximum_positions: 128, "
    "type_vocabulary_size: 2, shared_layers: true, pooler: true}",
    "sequence_length=32",
    "requests.sentences_per_task=2",
)

Event = dict[str, Any]


@lru_cache
def simulated(*overrides: str, trace: bool = True) -> dict[str, CaseTrace]:
    workload = load_workload(MAIN, overrides)
    found = {}
    for name, case in workload.cases.items():
        design = compile_design(workload.config, case)
        run = simulate_design(design, workload.config.requests, trace=trace)
        found[name] = CaseTrace(design, run, price_list(design.hardware))
    return found


@lru_cache
def text_of(*overrides: str, detail: Detail = "operator") -> str:
    data = {"version": "1.2.3", "workload": "mti"}
    return "".join(trace_events(simulated(*overrides), detail=detail, other_data=data))


@lru_cache
def events_of(*overrides: str, detail: Detail = "operator") -> list[Event]:
    trace = json.loads(text_of(*overrides, detail=detail), parse_float=Decimal)
    events: list[Event] = trace["traceEvents"]
    return events


def phase(events: list[Event], letter: str) -> list[Event]:
    return [event for event in events if event["ph"] == letter]


def nanoseconds(microseconds: Decimal | int) -> int:
    whole = microseconds * 1000
    assert whole == int(whole), f"{microseconds} us is no whole number of nanoseconds"
    return int(whole)


def femtoseconds(microseconds: Decimal | int) -> int:
    assert microseconds * 10**9 == int(microseconds * 10**9)
    return int(microseconds * 10**9)


def lanes_of(events: list[Event]) -> dict[tuple[int, int], str]:
    """Names of lanes by (process, thread)."""
    named = [e for e in events if e["name"] == "thread_name"]
    return {(e["pid"], e["tid"]): e["args"]["name"] for e in named}


def slices_by_lane(events: list[Event], process: int) -> dict[str, list[Event]]:
    lanes = lanes_of(events)
    found: dict[str, list[Event]] = defaultdict(list)
    for event in phase(events, "X"):
        if event["pid"] == process:
            found[lanes[process, event["tid"]]].append(event)
    return found


def round_of(case: CaseTrace) -> list[Execution]:
    first = {request.number for request in case.run.requests if request.round == 0}
    return [execution for execution in case.run.executions if execution.request in first]


def depths(lane: list[Event]) -> list[int]:
    """Depth of each slice by time; fails where two slices overlap and neither holds the other."""
    found: list[int] = []
    open_ends: list[int] = []
    for event in sorted(lane, key=lambda event: event["ts"]):
        start = nanoseconds(event["ts"])
        end = start + nanoseconds(event["dur"])
        while open_ends and open_ends[-1] <= start:
            open_ends.pop()
        assert not open_ends or end <= open_ends[-1], f"'{event['name']}' at {start} ns overlaps"
        found.append(len(open_ends))
        open_ends.append(end)
    return found
