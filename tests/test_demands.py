"""Laws of demands: what joining keeps, and that no block misreads another's kind."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ProgramError
from accelsim.machine.schema import load_hardware
from accelsim.machine.servers import Machine
from accelsim.mapping.accesses import merge_uses
from accelsim.program import (
    CodeWords,
    Command,
    Elements,
    Product,
    Range,
    Segment,
    SegmentBuilder,
    Transfer,
    Use,
    Vectors,
    Words,
)

COUNTS = st.integers(0, 50)
KINDS = {
    Product: 3,
    Elements: 3,
    Vectors: 2,
    Words: 1,
    CodeWords: 2,
    Transfer: 3,
    Range: 4,
    Command: 1,
}
DEMANDS = st.one_of(*(st.builds(kind, *[COUNTS] * fields) for kind, fields in KINDS.items()))
USES = st.builds(Use, st.sampled_from(["left", "right"]), st.just("read"), DEMANDS)
# What each port takes, with a demand of that kind.
TAKES = {
    ("pe_array", "mac"): Product(1, 2, 3),
    ("sfu", "add"): Elements(2, 3, 2),
    ("codec", "decode"): Vectors(2, 2),
    ("bus", "transfer"): Transfer(8),
    ("host", "register_write"): Command(2),
    ("power", "wake_up"): Command(),
    ("rram", "read"): Words(2),
    ("rram", "correct_64"): CodeWords(2, 1),
    ("weight_buffer", "write"): Vectors(5, 1),
    ("dram", "read"): Range(0, 64),
}


@given(st.lists(USES, max_size=8))
def test_merging_keeps_every_amount_and_no_two_that_could_be_joined(uses: list[Use]) -> None:
    merged = merge_uses(uses)
    for block in ("left", "right"):
        before, after = ([u.amount for u in each if u.block == block] for each in (uses, merged))
        assert sum(before) == sum(after)
    assert merge_uses(merged) == merged
    assert all(a.join(b) is None for n, a in enumerate(merged) for b in merged[n + 1 :])


@given(st.lists(st.builds(Transfer, COUNTS, COUNTS, COUNTS), min_size=1, max_size=5))
def test_transfers_add_up_field_by_field(transfers: list[Transfer]) -> None:
    [one] = merge_uses([Use("bus", "transfer", each) for each in transfers])
    assert one.demand == Transfer(
        sum(each.data_bytes for each in transfers),
        sum(each.mask_bytes for each in transfers),
        sum(each.mask_vectors for each in transfers),
    )


def test_ranges_of_one_place_grow_and_others_stay_apart() -> None:
    uses = [
        Use("dram", "read", Range(a, n, p, 8)) for a, n, p in ((0, 3, 2), (64, 5, 2), (0, 4, 2))
    ]
    assert merge_uses(uses) == [
        Use("dram", "read", Range(0, 7, 2, 8)),
        Use("dram", "read", Range(64, 5, 2, 8)),
    ]
    assert len(merge_uses([*uses, Use("dram", "read", Range(0, 4, 3, 8))])) == 3


def test_the_latency_of_a_codec_is_seen_once() -> None:
    uses = [Use("rram", "correct_64", CodeWords(n, cycles)) for n, cycles in ((3, 2), (4, 5))]
    assert merge_uses(uses) == [Use("rram", "correct_64", CodeWords(7, 5))]


@given(DEMANDS)
def test_a_task_keeps_the_uses_that_ask_for_something(demand: Command) -> None:
    builder = SegmentBuilder("s")
    builder.add("queue", "operator", [Use("block", "action", demand)])
    [task] = builder.build().tasks
    assert len(task.uses) == (demand.amount > 0)


@pytest.mark.parametrize(("block", "action"), TAKES)
def test_a_block_refuses_demands_of_any_other_kind(block: str, action: str) -> None:
    port = Machine(load_hardware("hwconfigs/edgebert_overlapped.yaml")).port(block, action)
    wanted = TAKES[block, action]
    assert port.occupancy(Use(block, action, wanted), 0) > 0
    for demand in TAKES.values():
        if type(demand) is type(wanted):
            continue
        message = f"'{block}' cannot serve '{action}' of {demand}, expected a demand of the kind "
        with pytest.raises(ProgramError, match=f"^{re.escape(message)}{type(wanted).__name__}$"):
            port.book(Use(block, action, demand), 0)


def test_a_wrong_demand_stops_the_run_with_the_same_words() -> None:
    from accelsim.evaluation.single import run_alone

    builder = SegmentBuilder("wrong")
    builder.add("load", "load", [Use("bus", "transfer", Words(3))])
    segment: Segment = builder.build()
    message = r"^'bus' cannot serve 'transfer' of Words\(amount=3\), expected .* kind Transfer$"
    with pytest.raises(ProgramError, match=message):
        run_alone(load_hardware("hwconfigs/edgebert_overlapped.yaml"), segment)
