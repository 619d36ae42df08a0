"""What a wrong mask does: the packed values are taken in order, so one bit shifts all that follow.

A mask bit that reads 1 instead of 0 takes the value of a later element, one that reads 0 instead
of 1 leaves a value to the next element. How far the shift reaches depends on where the reader
starts afresh:

- nowhere in the tensor: values are packed through and found without pointers;
- at every matrix row (``row_counts``): the reader knows where each row's values begin and end.

EdgeBERT packs the lanes of a vector apart once data is in its operand buffers; parameter memories
hold the stream, and the mask is expanded on the way, so lanes do not limit the shift here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[Any]


def row_counts(mask: Mask) -> npt.NDArray[np.int64]:
    """Return the stored values of each row; rows are the last axis of the mask."""
    counts: npt.NDArray[np.int64] = mask.reshape(-1, mask.shape[-1]).sum(axis=1, dtype=np.int64)
    return counts


def decode_with_faulty_mask(
    mask: Mask, values: Values, counts: npt.NDArray[np.int64] | None = None
) -> Values:
    """Return the tensor that a reader makes of packed values and a mask with wrong bits.

    ``mask`` has the tensor's shape, ``values`` are the stored non-zeros in order. ``counts``, the
    stored values of each row (``row_counts`` of the mask as written), let every row start afresh.
    Where the mask asks for more values than there are, zeros are read; values that nobody asks
    for are dropped. With the mask as written this is the exact decoder.
    """
    tensor = np.zeros(mask.shape, values.dtype)
    taken = np.flatnonzero(mask)
    if counts is None:
        taken = taken[: values.size]
        tensor.reshape(-1)[taken] = values[: taken.size]
        return tensor
    asked, ends = row_counts(mask), np.cumsum(counts)
    # Row by row, the place of the values read as against a stream without new starts.
    shift = (ends - counts) - (np.cumsum(asked) - asked)
    source = np.arange(taken.size) + np.repeat(shift, asked)
    served = source < np.repeat(ends, asked)
    tensor.reshape(-1)[taken[served]] = values[source[served]]
    return tensor
