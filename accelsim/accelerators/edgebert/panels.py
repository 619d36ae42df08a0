"""Products cut to the operand buffers: blocks of rows of activations, panels of weights."""

from __future__ import annotations

from accelsim.accelerators.edgebert.emitter import Emitter, Operand
from accelsim.errors import CapacityError
from accelsim.mapping import accesses
from accelsim.mapping.context import Context, label_of
from accelsim.mapping.values import Rows, split_rows
from accelsim.memory.storage import StoredTensor
from accelsim.model.operators import Operator
from accelsim.units import ceil_div, format_bytes


def operand_blocks(emitter: Emitter, operator: Operator, rows: Rows) -> list[Rows]:
    """Split the rows so that each block of a matmul's moving operand fits its buffer.

    Blocks are whole tiles. Raises CapacityError when not even one row of tiles fits.
    """
    count, tile = rows[1] - rows[0], emitter.vector_size
    capacity = emitter.plan.capacity(accesses.ACTIVATION_BUFFER)
    largest = capacity // operator.depth
    if largest >= count:
        return [rows]
    if largest < tile:
        raise CapacityError(
            f"{operator.name}: {tile} rows of {operator.depth} elements need "
            f"{format_bytes(tile * operator.depth)}; activation_buffer has "
            f"{format_bytes(capacity)}; enlarge activation_buffer.data"
        )
    blocks = split_rows(count, largest // tile * tile)
    return [(rows[0] + first, rows[0] + last) for first, last in blocks]


def weight_panels(emitter: Emitter, tensor: StoredTensor, name: str) -> list[Rows]:
    """Split the output columns of a weight matrix into panels that fit the weight buffer.

    With double buffering two panels fit, so the next loads while one is in use; if only one tile
    fits, it takes the whole buffer and loads wait. Panels are whole tiles. Raises CapacityError
    when not even one tile fits.
    """
    columns, depth = tensor.parameter.shape
    shares = (2, 1) if emitter.parts.overlap.double_buffering else (1,)
    for share in shares:
        widest = _panel_width(emitter, tensor, share)
        if widest < columns:
            widest = widest // emitter.vector_size * emitter.vector_size
        if widest > 0:
            return split_rows(columns, widest)
    raise CapacityError(
        f"{name}: a panel of {min(emitter.vector_size, columns)} x {depth} weights does not fit "
        "weight_buffer; enlarge weight_buffer.data and .masks"
    )


def _panel_width(emitter: Emitter, tensor: StoredTensor, share: int) -> int:
    """Return the columns of weights and bias that fit a share of the buffer, data and masks."""
    buffer, (columns, depth) = emitter.parts.weight_buffer, tensor.parameter.shape
    column_bits = (depth * tensor.density + 1) * tensor.bits
    # The rounding of the last value and of its byte, and of the byte of the bias.
    rounding = ceil_div(tensor.bits, 8) + 2
    by_data = int(8 * (buffer.data // share - rounding) / column_bits)
    mask_bits = ceil_div(depth, emitter.vector_size) * emitter.vector_size
    by_masks = 8 * (buffer.masks // share) // mask_bits if tensor.masked else columns
    return min(by_data, by_masks, columns)


def load_panel(context: Context, emitter: Emitter, operator: Operator, columns: Rows) -> Operand:
    """Load the weights and biases of some output columns into the weight buffer."""
    weight, *bias = context.stored(operator)
    first, last = columns
    parts = [context.part(weight, first * operator.depth, last * operator.depth)]
    parts += [context.part(tensor, first, last) for tensor in bias]
    address = context.addresses.get(weight.parameter.name, 0)
    vectors = (last - first) * ceil_div(operator.depth, emitter.vector_size)
    return emitter.load_weights(label_of(operator), parts, vectors, address)
