"""Traces of the main workload and of a stream of requests, read back with exact numbers."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from functools import lru_cache
from typing import Any

from accelsim.account.metrics import measure
from accelsim.account.slices import Detail
from accelsim.engine.run import Window
from accelsim.engine.simulator import Options
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.stages import design_of, first_window, requests_of, run_case
from accelsim.report.timeline.perfetto import trace_events
from accelsim.units import to_ticks
from accelsim.workload.schema import load_workload

MAIN = "workloads/mti_mnli_mrpc_qnli.yaml"
_MODEL = (
    "model={name: custom, family: albert, vocabulary_size: 1000, embedding_size: 32, "
    "hidden_size: 64, layers: 3, heads: 2, intermediate_size: 256, maximum_positions: 128, "
    "type_vocabulary_size: 2, shared_layers: true, pooler: true}",
    "sequence_length=32",
)
SHORT = (*_MODEL, "requests.sentences_per_task=2")
# Sleeps in every state, scales its voltage, and now and then lets a request wait.
SLEEPY = (
    *_MODEL,
    "requests={pattern: poisson, mean_interval: 5 ms, duration: 40 ms, lengths: full, seed: 3}",
    "idle={policy: timeout, clock_gated_after: 0 s, retention_after: 300 us, off_after: 1 ms}",
    "early_exit={exit_layer: {mean: 2}, prediction: exact, latency_target: 1 ms}",
    "hardware.power.regulator={kind: buck, efficiency: 1}",
    "hardware.power.gated_leakage=0.01",
    "hardware.power.wake_up_energy=20 nJ",
    "hardware.scaling.settle_energy=5 nJ",
    "hardware.scaling.memories=true",
)
AWAKE = (*SLEEPY, "hardware.dram.idle_state=power_down", "hardware.power.clock_gating=blocks")
WHOLE = Window()

Event = dict[str, Any]


def between(start: float, end: float) -> Window:
    """Return the window between two times in seconds."""
    return Window(to_ticks(start), to_ticks(end))


@lru_cache
def simulated(
    *overrides: str, trace: bool = True, window: Window | None = None
) -> dict[str, CaseResult]:
    workload = load_workload(MAIN, overrides)
    requests = requests_of(workload)
    shown = window or first_window(workload, requests)
    found = {}
    for name, case in workload.cases.items():
        design = design_of(workload, case)
        options = Options(trace=trace, window=shown)
        service = workload.config.service_of(case.config)
        run = run_case(workload, case, design, requests, options)
        found[name] = CaseResult(case, service, design, run, measure(design, run, 1))
    return found


@lru_cache
def text_of(*overrides: str, detail: Detail = "operator", window: Window | None = None) -> str:
    data = {"version": "1.2.3", "workload": "mti"}
    cases = simulated(*overrides, window=window)
    return "".join(trace_events(cases, detail=detail, other_data=data))


@lru_cache
def events_of(
    *overrides: str, detail: Detail = "operator", window: Window | None = None
) -> list[Event]:
    text = text_of(*overrides, detail=detail, window=window)
    events: list[Event] = json.loads(text, parse_float=Decimal)["traceEvents"]
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
