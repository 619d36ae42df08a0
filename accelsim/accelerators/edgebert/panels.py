"""Products cut to the operand buffers: blocks of rows of activations, panels of weights."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from accelsim.accelerators.edgebert.parts import Parts
from accelsim.errors import CapacityError
from accelsim.memory.storage import StoredTensor
from accelsim.units import ceil_div, format_bytes


def operand_rows(parts: Parts, depth: int, rows: int, name: str) -> int:
    """Return the rows of ``depth`` elements that fit the buffer of moving operands.

    Whole tiles, unless all rows fit. Raises CapacityError when not even one row of tiles fits.
    """
    tile, capacity = parts.pe_array.vector_size, parts.activation_buffer.data
    largest = capacity // depth
    if largest >= rows:
        return rows
    if largest < tile:
        raise CapacityError(
            f"{name}: {tile} rows of {depth} elements need "
            f"{format_bytes(tile * depth)}; activation_buffer has "
            f"{format_bytes(capacity)}; enlarge activation_buffer.data (or set it to fit)"
        )
    return largest // tile * tile


# The widest panel in tiles of columns, whatever the buffers hold. [ours] Nothing hides the first
# load and the last function of a product, so yet wider panels cost more than the commands that they
# save: with 512 KiB of weights and 256 KiB of masks, BERT takes 1 % longer in panels of 1 tile,
# 0.1 % in panels of 8, 4 % in panels as wide as fit.
WIDEST_PANEL = 6


def panel_columns(parts: Parts, weights: Sequence[StoredTensor], name: str) -> int:
    """Return the output columns of some weight matrices that fit the weight buffer together.

    At most WIDEST_PANEL tiles of them, in as few panels as fit, as even as whole tiles go: behind a
    narrow one a load would be waited for. With double buffering two panels fit, so the next loads
    while one is in use; if only one tile fits, it takes the whole buffer and loads wait. Panels are
    whole tiles. Raises CapacityError when not even one tile fits.
    """
    tile, (columns, depth) = parts.pe_array.vector_size, weights[0].parameter.shape
    for share in (2, 1) if parts.overlap.double_buffering else (1,):
        widest = min(_panel_width(parts, weights, share), WIDEST_PANEL * tile)
        if widest < columns:
            widest = widest // tile * tile
        if widest > 0:
            even = ceil_div(columns, ceil_div(columns, widest))
            return min(ceil_div(even, tile) * tile, columns)
    raise CapacityError(
        f"{name}: a panel of {min(tile, columns)} x {depth} weights does not fit "
        "weight_buffer; enlarge weight_buffer.data and .masks (or set them to fit)"
    )


def loads_ahead(parts: Parts, weights: Sequence[StoredTensor]) -> bool:
    """Say whether the next panel loads while one is in use."""
    least = min(parts.pe_array.vector_size, weights[0].parameter.shape[0])
    return parts.overlap.double_buffering and _panel_width(parts, weights, 2) >= least


def _panel_width(parts: Parts, weights: Sequence[StoredTensor], share: int) -> int:
    """Return the columns of weights and biases that fit a share of the buffer, data and masks."""
    buffer, tile = parts.weight_buffer, parts.pe_array.vector_size
    column_bits, rounding, mask_bits = Fraction(), 0, 0
    for tensor in weights:
        depth = tensor.parameter.shape[1]
        column_bits += (depth * tensor.density + 1) * tensor.bits
        # The rounding of the last value and of its byte, and of the byte of the bias.
        rounding += ceil_div(tensor.bits, 8) + 2
        mask_bits += ceil_div(depth, tile) * tile if tensor.masked else 0
    columns = weights[0].parameter.shape[0]
    by_data = int(8 * (buffer.data // share - rounding) / column_bits)
    by_masks = 8 * (buffer.masks // share) // mask_bits if mask_bits else columns
    return min(by_data, by_masks, columns)
