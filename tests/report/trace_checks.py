"""Timelines of small workloads, read back by a decoder of a few lines that owes the writer nothing.

It does what Perfetto's trace processor does (tests/reference/trace_processor.json) and refuses what
that swallows: lost ends, open slices, dangling arrows, tracks that nobody declared.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from accelsim.account.metrics import measure
from accelsim.engine.run import Window
from accelsim.engine.simulator import Options
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.stages import design_of, first_window, requests_of, run_case
from accelsim.report.timeline import timeline
from accelsim.report.timeline.levels import USUAL, Level, plan_of
from accelsim.units import to_ticks
from accelsim.workload.schema import load_workload

MAIN = "workloads/mti_mnli_mrpc_qnli.yaml"
NPU = "workloads/mti_systolic_npu.yaml"
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


def between(start: float, end: float) -> Window:
    """Return the window between two times in seconds."""
    return Window(to_ticks(start), to_ticks(end))


@lru_cache
def simulated(
    *overrides: str, workload: str = MAIN, trace: bool = True, window: Window | None = None
) -> dict[str, CaseResult]:
    loaded = load_workload(workload, overrides)
    requests = requests_of(loaded)
    shown = window or first_window(loaded, requests)
    found = {}
    # Two of a workload's machines, an adapter's and a vanilla one, have all that a timeline shows.
    for name, case in [*loaded.cases.items()][:2]:
        design = design_of(loaded, case)
        options = Options(trace=trace, window=shown)
        service = loaded.config.service_of(case.config)
        run = run_case(loaded, case, design, requests, options)
        found[name] = CaseResult(case, service, design, run, measure(design, run, 1))
    return found


@lru_cache
def file_of(
    *overrides: str,
    workload: str = MAIN,
    level: Level | None = Level.USE,
    window: Window | None = None,
    file_format: str = "pftrace",
) -> bytes:
    cases = simulated(*overrides, workload=workload, window=window)
    plans = {name: plan_of(name, case, level, USUAL // 8) for name, case in cases.items()}
    return b"".join(timeline(plans, file_format, {"version": "1.2.3", "workload": "mti"}))


@dataclass(eq=False)
class Slice:
    track: int
    name: str
    level: str
    start: int
    end: int
    depth: int
    facts: dict[str, Any]


@dataclass
class Trace:
    """``tracks`` are (name, parent, unit) by number, ``arrows`` the slices at both ends."""

    tracks: dict[int, tuple[str, int, str]] = field(default_factory=dict)
    slices: list[Slice] = field(default_factory=list)
    samples: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    arrows: dict[int, tuple[Slice, Slice]] = field(default_factory=dict)

    def row(self, *way: str) -> int:
        """Return the number of a track by its way from the process."""
        number = 0
        for name in way:
            (number,) = (n for n, found in self.tracks.items() if found[:2] == (name, number))
        return number

    @cached_property
    def by_track(self) -> dict[int, list[Slice]]:
        """The slices of each track."""
        found: dict[int, list[Slice]] = {number: [] for number in self.tracks}
        for one in self.slices:
            found[one.track].append(one)
        return found

    def on(self, *way: str) -> list[Slice]:
        """Return the slices of a track."""
        return self.by_track[self.row(*way)]

    def rows(self, *way: str) -> dict[str, int]:
        """Return the tracks below one, by name."""
        parent = self.row(*way)
        return {name: number for number, (name, above, _) in self.tracks.items() if above == parent}

    def below(self, *way: str) -> dict[str, list[Slice]]:
        """Return the slices of each track below one, by name."""
        return {name: self.by_track[number] for name, number in self.rows(*way).items()}


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the fields of a protobuf message: numbers, and bytes of what has a length."""
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            at += 1
            number |= (data[at - 1] & 127) << shift
            shift += 7
            if data[at - 1] < 128:
                return number

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 2: 0, 5: 4}[key & 7] or varint()
            at += size
            yield key >> 3, data[at - size : at]


def decode(data: bytes) -> Trace:
    """Return what a trace shows; fails where a viewer would show something else or nothing."""
    trace, names, events = Trace(), dict[tuple[int, int], str](), list[tuple[int, bytes]]()
    for _, packet in fields(data):
        content = dict(fields(packet))
        assert content.keys() <= {8, 10, 11, 12, 13, 60}
        for kind, entry in fields(content.get(12, b"")):
            number, text = dict(fields(entry)).values()
            assert (kind, number) not in names
            names[kind, number] = text.decode()
        if 60 in content:
            _declare(trace, content[60])
        if 11 in content:
            events.append((content[8], content[11]))
    sends: dict[int, Slice] = {}
    stacks: defaultdict[int, list[Slice]] = defaultdict(list)
    for at, event in sorted(events, key=lambda pair: pair[0]):
        _happen(trace, names, stacks, sends, at, list(fields(event)))
    assert not any(stacks.values()), "slices that never end"
    assert sends.keys() == trace.arrows.keys(), "arrows that never arrive"
    return trace


def _declare(trace: Trace, data: bytes) -> None:
    content = dict(fields(data))
    parent, unit = content.get(5, 0), dict(fields(content.get(8, b""))).get(6, b"")
    assert content[1] not in trace.tracks
    assert (parent in trace.tracks) != (3 in content)
    trace.tracks[content[1]] = (content[2].decode(), parent, unit.decode())


def _happen(
    trace: Trace,
    names: dict[tuple[int, int], str],
    stacks: dict[int, list[Slice]],
    sends: dict[int, Slice],
    at: int,
    event: list[tuple[int, Any]],
) -> None:
    content = dict(event)
    track = content[11]
    assert track in trace.tracks, "a track that nobody declared"
    stack = stacks[track]
    if content[9] == 4:
        (value,) = struct.unpack("<d", content[44])
        trace.samples.setdefault(track, []).append((at, value))
    elif content[9] == 2:
        assert stack, "an end without a begin"
        stack.pop().end = at
    else:
        facts = dict(_fact(names, dict(fields(data))) for number, data in event if number == 4)
        begun = Slice(track, names[2, content[10]], names[1, content[3]], at, -1, len(stack), facts)
        trace.slices.append(begun)
        stack.append(begun)
        sends |= {struct.unpack("<q", arrow)[0]: begun for n, arrow in event if n == 47}
        for number, arrow in event:
            if number == 48:
                (known,) = struct.unpack("<q", arrow)
                assert known not in trace.arrows
                trace.arrows[known] = (sends[known], begun)


def _fact(names: dict[tuple[int, int], str], data: dict[int, Any]) -> tuple[str, Any]:
    key = names[3, data[1]]
    if 17 in data:
        return key, names[29, data[17]]
    return key, data[4] if 4 in data else struct.unpack("<d", data[5])[0]


@lru_cache
def trace_of(
    *overrides: str,
    workload: str = MAIN,
    level: Level | None = Level.USE,
    window: Window | None = None,
) -> Trace:
    return decode(file_of(*overrides, workload=workload, level=level, window=window))
