"""Tensors of a model: stored parameters and the activations between operators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from accelsim.errors import ConfigError

Shape = tuple[int, ...]


class Role(StrEnum):
    """Who uses a parameter: this decides in which memory it may live.

    ``embedding``  embedding tables and what belongs to them, frozen and shared by all tasks
    ``backbone``   the pretrained encoder where it is frozen and shared by all tasks
    ``task``       trained for one task and replaced when the task changes
    """

    EMBEDDING = "embedding"
    BACKBONE = "backbone"
    TASK = "task"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One stored parameter tensor.

    ``name`` is the dotted name that Hugging Face transformers gives it, without the prefix of a
    task model (``embeddings.word_embeddings.weight``). ``shape`` is in elements, a weight matrix
    as (outputs, inputs). ``module`` is the name without its last part unless given. ``home`` is the
    role whose memory and format it has, where that is not its own. A parameter that several
    operators share is stored once. Rows that are a part of a module's matrix stand in as many
    ``runs`` between those of other parts. Raises ConfigError for an empty or non-positive shape.
    """

    name: str
    shape: Shape
    role: Role
    module: str = ""
    home: Role | None = None
    runs: int = 1

    def __post_init__(self) -> None:
        if not self.shape or min(self.shape) < 1:
            raise ConfigError(
                f"parameter '{self.name}': shape {format_shape(self.shape)} must have at least "
                "one dimension and every dimension must be 1 or more"
            )
        if not self.module:
            object.__setattr__(self, "module", self.name.rpartition(".")[0])

    @property
    def kept_as(self) -> Role:
        """The role whose memory and format it has."""
        return self.home or self.role

    @property
    def elements(self) -> int:
        """Number of stored values."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Activation:
    """What one operator reads of another's output: ``batch`` matrices of rows x columns.

    ``name`` is the name of the operator that produces it. A consumer that reads only the first
    token has ``rows`` = 1.
    """

    name: str
    rows: int
    columns: int
    batch: int = 1

    @property
    def elements(self) -> int:
        """Number of values read."""
        return self.batch * self.rows * self.columns


def format_shape(shape: Shape) -> str:
    """Return ``128 x 768`` for (128, 768)."""
    return " x ".join(map(str, shape)) or "()"


def format_shapes(shapes: Sequence[Shape]) -> str:
    """Return ``[6 x 5, 6]`` for (6, 5) and (6,)."""
    return f"[{', '.join(map(format_shape, shapes))}]"
