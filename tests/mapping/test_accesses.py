"""Laws of accesses: parts of a tensor are read side by side, in whole words, from whole pages."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import load_hardware
from accelsim.mapping.accesses import (
    Part,
    bus_use,
    decode_use,
    read_part,
    register_use,
    whole_pages,
)
from accelsim.mapping.switching import compile_wake_ups
from accelsim.memory.protection import Code
from accelsim.memory.storage import Home, Packing, StoredTensor
from accelsim.model.tensors import Parameter, Role
from accelsim.placement.placement import Placement
from accelsim.program import CodeWords, Range, Words
from accelsim.units import ceil_div

MACHINE = load_hardware("hwconfigs/edgebert_overlapped.yaml")
PAGE = 4096


@given(st.integers(0, 10**6))
def test_an_image_takes_the_fewest_whole_pages(size: int) -> None:
    pages = whole_pages(size)
    assert pages % PAGE == 0
    assert pages - PAGE < size <= pages


@st.composite
def tensors(draw: st.DrawFn, memory: str) -> StoredTensor:
    parameter = Parameter("w", (draw(st.integers(1, 40)), draw(st.integers(1, 40))), Role.BACKBONE)
    bits, whole = draw(st.integers(1, 16)), draw(st.integers(1, 100))
    density = Fraction(draw(st.integers(1, whole)), whole)
    word = draw(st.sampled_from([0, 8, 64])) if memory != DRAM else 0
    packing = Packing(bits, bits, Code("secded", word) if word else None, 8 if word else 0)
    return StoredTensor(parameter, bits, density, (Home("values", memory, packing),))


def cuts(tensor: StoredTensor) -> st.SearchStrategy[list[int]]:
    places = st.lists(st.integers(0, tensor.parameter.elements), max_size=6, unique=True)
    return places.map(lambda some: sorted({0, tensor.parameter.elements, *some}))


@given(tensors(DRAM), st.integers(0, 10**9), st.data())
def test_parts_in_dram_follow_one_another(
    tensor: StoredTensor, address: int, data: st.DataObject
) -> None:
    places = data.draw(cuts(tensor))
    # Two parts may share the byte in which one ends and the other begins; it is read once.
    shared, at = tensor.bits % 8 != 0, address
    for start, stop in pairwise(places):
        for use in read_part(MACHINE, Part(tensor, start, stop), address):
            assert isinstance(use.demand, Range)
            assert at - shared <= use.demand.address <= at
            at = use.demand.address + use.demand.size
    assert 0 <= ceil_div(tensor.value_bits, 8) - (at - address) <= shared


@given(tensors("rram"), st.integers(1, 9), st.data())
def test_equal_pieces_are_read_one_by_one(
    tensor: StoredTensor, pieces: int, data: st.DataObject
) -> None:
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, tensor.parameter.elements)] * 2)))
    one = read_part(MACHINE, Part(tensor, start, stop), 0)
    many = read_part(MACHINE, Part(tensor, start, stop), 0, pieces)
    assert [use.action for use in many] == [use.action for use in one]
    for before, after in zip(one, many, strict=True):
        assert isinstance(after.demand, (Words, CodeWords))
        assert after.amount == pieces * before.amount
    if one:
        words = one[0].amount
        assert 128 * (words - 1) < tensor.parts_between(start, stop)[0][1].array <= 128 * words


def test_blocks_are_found_by_what_they_are_and_not_by_a_name() -> None:
    own = {name: MACHINE.further[name] for name in ("bus", "codec", "host")}
    gone = dict.fromkeys(own)
    machine = MACHINE.changed(**gone, noc=own["bus"], expander=own["codec"], cpu=own["host"])
    uses = bus_use(machine, 8), decode_use(machine, 2), register_use(machine, 1)
    assert [use.block for use in uses] == ["noc", "expander", "cpu"]
    wakes = compile_wake_ups(machine, [(Placement({}), 0)], ())
    blocks = {block for wake in wakes.values() for each in wake.segments for block in each.blocks}
    assert blocks == {"power"} <= machine.components.keys()
    with pytest.raises(ConfigError, match="has no component of kind axi_bus"):
        bus_use(MACHINE.changed(bus=None), 8)
