"""Who wrote and who read which rows, and how rows are cut."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from accelsim.mapping.rowwise import _by_group
from accelsim.mapping.values import Value, row_blocks, split_rows
from accelsim.model.operators import Operator

ROWS = st.tuples(st.integers(0, 9), st.integers(1, 6)).map(lambda pair: (pair[0], sum(pair)))
ACCESSES = st.lists(st.tuples(ROWS, st.sampled_from(["pe", "sfu", "move"]), st.booleans()))


@given(ACCESSES, ROWS)
def test_whoever_waits_for_users_waits_for_every_access_of_its_rows(
    accesses: list[tuple[tuple[int, int], str, bool]], rows: tuple[int, int]
) -> None:
    value = Value("hidden", 15, 4)
    for task, (touched, queue, writes) in enumerate(accesses):
        (value.note_written if writes else value.note_read)(touched, queue, task)
    queue_of = [queue for _, queue, _ in accesses]
    for waits, kinds in ((value.users(rows), {True, False}), (value.writers(rows), {True})):
        for task, (touched, queue, writes) in enumerate(accesses):
            if writes in kinds and touched[0] < rows[1] and rows[0] < touched[1]:
                # A queue works in order: its last such task covers the ones before.
                assert any(queue_of[other] == queue and other >= task for other in waits)
        for other in waits:
            touched, _, writes = accesses[other]
            assert writes in kinds
            assert set(range(*touched)) & set(range(*rows))


@given(ACCESSES)
def test_copies_are_independent(accesses: list[tuple[tuple[int, int], str, bool]]) -> None:
    value = Value("hidden", 15, 4)
    other = value.copy()
    for task, (touched, queue, _) in enumerate(accesses):
        other.note_read(touched, queue, task)
    assert value.users((0, 15)) == set()


@given(st.integers(1, 600), st.integers(1, 64))
def test_rows_are_cut_without_gaps(rows: int, block: int) -> None:
    parts = split_rows(rows, block)
    assert [row for part in parts for row in range(*part)] == list(range(rows))
    assert all(last - first == block for first, last in parts[:-1])


@given(st.integers(1, 600), st.sampled_from([1, 2, 16, 32]))
def test_blocks_to_try_go_from_all_rows_to_one_tile(rows: int, tile: int) -> None:
    blocks = row_blocks(rows, tile)
    assert blocks == sorted(set(blocks), reverse=True)
    assert blocks[0] == rows
    assert blocks[-1] == min(rows, tile)
    assert all(block % tile == 0 for block in blocks[1:])


def test_spilled_rows_have_addresses() -> None:
    assert Value("hidden", 8, 48, spilled=8, address=4096).address_of((2, 5)) == 4096 + 96
    assert Value("hidden", 8, 48, spilled=4, address=4096).address_of((2, 5)) == 4096 + 4 * 48


@given(st.integers(1, 40), st.data(), st.integers(1, 9))
def test_rows_lie_on_the_chip_or_in_dram(rows: int, data: st.DataObject, columns: int) -> None:
    spilled = data.draw(st.integers(0, rows))
    first = data.draw(st.integers(0, rows - 1))
    last = data.draw(st.integers(first + 1, rows))
    value = Value("hidden", rows, columns, spilled)
    kept = len(set(range(first, last)) & set(range(rows - spilled)))
    assert value.on_chip((first, last), (last - first) * columns) == kept * columns


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 4), st.data())
def test_columns_are_cut_into_those_of_their_groups(
    groups: int, width: int, most: int, data: st.DataObject
) -> None:
    columns = groups * width
    first = data.draw(st.integers(0, columns - 1))
    last = data.draw(st.integers(first + 1, columns))
    operator = cast(Operator, SimpleNamespace(columns=columns, groups=groups))
    found = list(_by_group(operator, (first, last), most))
    edges = [first, *(part[1] for *_, part in found)]
    assert [part for *_, part in found] == list(pairwise(edges))
    assert edges[-1] == last
    for group, count, (start, stop) in found:
        assert 1 <= count <= most
        assert group * width <= start < stop <= (group + count) * width
        assert count == 1 or (start, stop) == (group * width, (group + count) * width)
    whole = last // width - -(-first // width)
    assert sum(count for _, count, (a, b) in found if b - a == count * width) == max(0, whole)
