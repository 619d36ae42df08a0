"""Slices: what is joined on a lane, and what is not."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from accelsim.account.slices import slices
from accelsim.account.window import Booking

bookings = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=40
)


@given(bookings, st.integers(0, 60))
def test_folding_keeps_all_and_mixes_only_within_a_column(
    rows: list[tuple[str, int, int]], column: int
) -> None:
    booked, now = [], 0
    for number, (operator, gap, length) in enumerate(rows):
        start, now = now + gap, now + gap + length
        booked.append(
            Booking("bus", "bus", "transfer", operator, number, length, start, now, length / 8)
        )
    drawn = slices(booked, column, "operator")["bus"]
    assert sum(piece.tasks for piece in drawn) == len(rows)
    assert sum(piece.busy for piece in drawn) == sum(length for _, _, length in rows)
    assert sum(piece.amounts["bus", "transfer"] for piece in drawn) == sum(n for *_, n in rows)
    assert sum(piece.joules for piece in drawn) == sum(length for *_, length in rows) / 8
    assert all(len(p.operators) == 1 or p.end - p.start <= column for p in drawn)
    for before, after in pairwise(drawn):
        assert before.end <= after.start
        assert after.end - before.start > column
    assert len(drawn) <= sum(a != b for (a, *_), (b, *_) in pairwise(rows)) + 1
