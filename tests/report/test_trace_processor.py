"""Perfetto's own trace processor and our decoder see the same in what the writer wrote."""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_decoder import EXAMPLE, decode

from accelsim.report.timeline.marks import Begin, End, Mark, Track
from accelsim.report.timeline.protobuf import perfetto

SCRIPT = Path(__file__).parents[1] / "reference" / "trace_processor.py"
SAID = json.loads(SCRIPT.with_suffix(".json").read_text(encoding="utf-8"))


def test_the_trace_processor_saw_what_our_decoder_sees() -> None:
    trace, said = decode(b"".join(perfetto(EXAMPLE))), SAID["example"]
    names = {number: name for number, (name, _, _) in trace.tracks.items()}

    def row(*values: Any) -> str:
        return json.dumps(values, sort_keys=True)

    seen = (
        row(s.start, s.end - s.start, s.depth, s.name, s.level, names[s.track], s.facts)
        for s in trace.slices
    )
    keys = ("ts", "dur", "depth", "name", "level", "track", "facts")
    assert sorted(seen) == sorted(row(*(s[key] for key in keys)) for s in said["slices"])
    arrows = ((a.start, a.end - a.start, b.start) for a, b in trace.arrows.values())
    assert sorted(arrows) == [tuple(one.values()) for one in said["arrows"]]
    samples = [(at, v, *trace.tracks[n][::2]) for n, row in trace.samples.items() for at, v in row]
    assert samples == [tuple(one.values()) for one in said["samples"]]
    # What lies in a process right away has no parent there.
    inner = {number: name for number, name in names.items() if trace.tracks[number][1]}
    parents = {name: inner.get(parent) for name, parent, _ in trace.tracks.values()}
    assert parents == {one["name"]: one["parent"] for one in said["tracks"]}


@pytest.mark.skipif("TP_DIR" not in os.environ, reason="needs the trace processor: see the script")
def test_the_trace_processor_still_says_so(tmp_path: Path) -> None:
    asked = runpy.run_path(str(SCRIPT))["example"](tmp_path)
    assert asked == SAID["example"]


def test_all_that_it_was_asked_passed_its_gate() -> None:
    sys.path.insert(0, str(SCRIPT.parent))
    from trace_processor import RUNS

    asked = {name: " ".join(arguments) for name, arguments in RUNS.items()}
    assert {name: counts["arguments"] for name, counts in SAID["runs"].items()} == asked
    for name, counts in SAID["runs"].items():
        assert counts["slices"] > 50_000, name
        assert counts["negative"] == counts["backwards"] == 0
    assert min(counts["arrows"] for counts in SAID["runs"].values()) > 1_000


values = st.integers(0, 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=200)
facts = st.lists(st.tuples(st.text(max_size=9), values), max_size=4, unique_by=lambda pair: pair[0])
slices = st.tuples(
    st.integers(2, 5), st.integers(0, 2**40), st.integers(0, 2**40), st.text(), facts
)


@given(st.lists(slices, max_size=30))
def test_what_is_written_is_read(drawn: list[tuple[int, int, int, str, list[Any]]]) -> None:
    marks: list[Mark] = [Track(n, 0, f"track {n}", n) for n in range(1, 6)]
    ends = dict.fromkeys(range(2, 6), 0)
    expected = []
    for track, gap, length, name, told in drawn:
        start, given_facts = ends[track] + gap, tuple(told)
        ends[track] = start + length
        marks += [Begin(track, start, name, "use", given_facts), End(track, ends[track])]
        expected.append((track, start, ends[track], name, dict(told)))
    found = decode(b"".join(perfetto(marks))).slices
    read = [(s.track, s.start, s.end, s.name, s.facts) for s in found]
    assert sorted(read, key=repr) == sorted(expected, key=repr)


@pytest.mark.parametrize(
    ("marks", "refused"),
    [
        ((Track(1, 0, "a", 1), End(1, 5)), "an end without a begin"),
        ((Track(1, 0, "a", 1), Begin(1, 5, "b", "use", ())), "slices that never end"),
        ((Track(1, 0, "a", 1), Begin(2, 5, "b", "use", ()), End(2, 6)), "nobody declared"),
        ((Track(1, 0, "a", 1), Begin(1, 5, "b", "use", (), (7,)), End(1, 6)), "never arrive"),
    ],
)
def test_our_decoder_refuses_what_the_trace_processor_swallows(
    marks: tuple[Mark, ...], refused: str
) -> None:
    with pytest.raises(AssertionError, match=refused):
        decode(b"".join(perfetto(marks)))
