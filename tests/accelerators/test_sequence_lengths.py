"""Every sequence length compiles, whether or not the rows fill their tiles."""

from __future__ import annotations

from itertools import pairwise

import pytest
from compiled_encoder import (
    CASES,
    SMALL_MODEL,
    amounts_of,
    compiled,
    run_segments,
    sum_of,
)

from accelsim.machine.components.arithmetic import PADDED

cases = pytest.mark.parametrize("case", CASES)
TINY_MODEL = SMALL_MODEL.model_copy(update={"layers": 1, "heads": 2, "intermediate_size": 80})


@cases
def test_every_length_does_its_work_and_more_than_a_shorter_one(case: str) -> None:
    work = []
    for tokens in range(1, TINY_MODEL.maximum_positions + 1):
        made = compiled(case, TINY_MODEL, tokens)
        amounts = amounts_of(made.segments)
        assert sum_of(amounts, "pe_array", "mac") == made.graph.macs
        own = (n for (b, a, _), n in amounts.items() if b == "sfu" and not a.startswith(PADDED))
        work.append((made.graph.macs, sum(own)))
    for shorter, longer in pairwise(work):
        assert all(before < after for before, after in zip(shorter, longer, strict=True))


@cases
@pytest.mark.parametrize("tokens", [1, 2, 15, 16, 17, 31, 33, 100, 127])
def test_lengths_beside_whole_tiles_run_and_leave_nothing_behind(case: str, tokens: int) -> None:
    made = compiled(case, SMALL_MODEL, tokens, exits="shared")
    records = run_segments(made)
    assert len(records) == len(made.segments)
    assert not any(records[-1].end_levels.values())
    peaks = records[1].peak
    assert peaks["activation_buffer"] <= made.hardware.activation_buffer.data
    assert peaks["weight_buffer"] <= made.hardware.weight_buffer.data


@cases
def test_no_length_is_faster_than_a_shorter_one_on_the_shipped_machines(case: str) -> None:
    # An observation: shared servers could turn it round (Graham's anomalies).
    durations = [
        sum(record.duration for record in run_segments(compiled(case, SMALL_MODEL, tokens)))
        for tokens in (1, 15, 16, 17, 32, 48, 64)
    ]
    assert durations == sorted(durations)
