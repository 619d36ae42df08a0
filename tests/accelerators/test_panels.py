"""Panels and blocks fill the operand buffers as far as whole tiles go, and never further."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from stored_tensors import homes

from accelsim.accelerators.edgebert.panels import WIDEST_PANEL, operand_rows, panel_columns
from accelsim.accelerators.edgebert.parts import Parts, parts_of
from accelsim.errors import CapacityError
from accelsim.machine.schema import load_hardware
from accelsim.mapping.accesses import Part
from accelsim.memory.storage import StorageFormat, StoredTensor, store
from accelsim.model.tensors import Parameter, Role
from accelsim.units import ceil_div

PARTS = parts_of(load_hardware("hwconfigs/edgebert_overlapped.yaml"))
TILES = st.sampled_from([2, 4, 16])


@st.composite
def buffers(draw: st.DrawFn, weights: list[StoredTensor] | None = None) -> Parts:
    """Buffers of any size, or about as large as twice some columns of the weights."""
    tile, change = draw(TILES), {"data": draw(st.integers(20, 2000)), "masks": 1000}
    if weights:
        columns = draw(st.integers(1, weights[0].parameter.shape[0]))
        sizes = panel_bytes(weights, 0, columns, tile)
        spare = [draw(st.integers(0, 8) | st.integers(0, 1000)) for _ in sizes]
        change = {"data": 2 * sizes[0] + spare[0] + 1, "masks": 2 * sizes[1] + spare[1] + 1}
    return replace(
        PARTS,
        pe_array=PARTS.pe_array.model_copy(update={"vector_size": tile}),
        weight_buffer=PARTS.weight_buffer.model_copy(update=change),
        activation_buffer=PARTS.activation_buffer.model_copy(update=change),
        overlap=PARTS.overlap.model_copy(update={"double_buffering": draw(st.booleans())}),
    )


@st.composite
def matrices(draw: st.DrawFn) -> list[StoredTensor]:
    """Weights of products that share a panel: as many columns each."""
    columns, made = draw(st.integers(1, 60)), []
    for number in range(draw(st.integers(1, 2))):
        shape, masked = (columns, draw(st.integers(1, 40))), draw(st.booleans())
        density = draw(st.integers(1, 100)) / 100 if masked else 1.0
        kind, bits = "bitmask" if masked else "dense", draw(st.integers(1, 16))
        how = StorageFormat.model_validate({"format": kind, "bits": bits, "density": density})
        where = Parameter(f"w{number}", shape, Role.BACKBONE)
        made.append(store(where, how, homes(how, "rram", "sram")))
    return made


def panel_bytes(weights: list[StoredTensor], first: int, last: int, tile: int) -> tuple[int, int]:
    """Return the bytes of data, biases included, and of mask words of some columns."""
    data = masks = 0
    for tensor in weights:
        depth = tensor.parameter.shape[1]
        data += Part(tensor, first * depth, last * depth).data_bytes
        data += ceil_div((last - first) * tensor.bits, 8)
        masks += (last - first) * ceil_div(depth, tile) * tile * tensor.masked
    return data, ceil_div(masks, 8)


@settings(max_examples=300)
@given(matrices(), st.data())
def test_panels_are_even_and_as_few_as_fit(
    weights: list[StoredTensor], data: st.DataObject
) -> None:
    parts = data.draw(buffers(weights))
    tile, columns = parts.pe_array.vector_size, weights[0].parameter.shape[0]
    shares = (2, 1) if parts.overlap.double_buffering else (1,)
    rooms = [(parts.weight_buffer.data // n, parts.weight_buffer.masks // n) for n in shares]
    # What rounding may take: the last value, its byte, and the byte of the bias.
    slack = sum(ceil_div(tensor.bits, 8) + 2 for tensor in weights)

    def fits(first: int, last: int, room: tuple[int, int], spare: int = 0) -> bool:
        values, masks = panel_bytes(weights, first, last, tile)
        return values + spare <= room[0] and masks <= room[1]

    try:
        width = panel_columns(parts, weights, "w")
    except CapacityError:
        assert not fits(0, min(tile, columns), rooms[-1], spare=slack)
        return
    assert width == columns or (width % tile == 0 and width < columns)
    starts = range(0, columns, width)
    room = next(r for r in rooms if all(fits(s, min(s + width, columns), r) for s in starts))
    panels = ceil_div(columns, width)
    fewer = ceil_div(ceil_div(columns, max(panels - 1, 1)), tile) * tile
    assert width <= WIDEST_PANEL * tile
    too_wide = fewer > WIDEST_PANEL * tile
    assert panels == 1 or too_wide or not fits(0, min(fewer, columns), room, spare=slack)
    assert (width - 1) // tile * tile * panels < columns
    if room is not rooms[0]:
        assert not fits(0, min(tile, columns), rooms[0], spare=slack)


@given(buffers(), st.integers(1, 60), st.integers(1, 60))
def test_blocks_are_the_largest_that_fit(parts: Parts, depth: int, rows: int) -> None:
    tile, room = parts.pe_array.vector_size, parts.activation_buffer.data
    try:
        found = operand_rows(parts, depth, rows, "x")
    except CapacityError:
        assert min(tile, rows) * depth > room
        return
    assert found == rows or found % tile == 0
    assert found * depth <= room
    assert found == rows or (found + tile) * depth > room
