"""What is done to parameters before they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from accelsim.model.importers.onnx.values import Constant


def times(given: Constant, scale: Constant | float) -> Constant:
    """Return a parameter times a scale, or one of each row."""
    if scale == 1:
        return given

    def read() -> Any:
        factor = np.asarray(scale.value if isinstance(scale, Constant) else scale, np.float32)
        wide = factor.reshape(-1, *[1] * (len(given.shape) - 1))
        return np.asarray(given.value, np.float32) * wide

    return replace(given, read=read)


def rows_of(constant: Constant, chosen: Sequence[int]) -> Constant:
    """Return some rows of a parameter, as one of its own."""
    name = f"{constant.name}[{chosen[0]}:{chosen[-1] + 1}]"
    shape = (len(chosen), *constant.shape[1:])
    return Constant(name, shape, lambda: constant.value[list(chosen)])
