"""What a user may choose of weights and of their compression.

This module is part of the configuration: it does not import numpy.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.validation import ConfigModel
from accelsim.memory.storage import StorageConfig, StorageFormat

# EdgeBERT's operands are AdaptivFloat<8,3>: harvard-acc/EdgeBERT, hw/cmod/include/AdpfloatSpec.h.
_EXPONENT_BITS = 3


class NumberFormat(ConfigModel):
    """What the bits of a stored value mean; their number is that of the storage format.

    ``symmetric``     signed integer times a scale, as many steps below zero as above
    ``affine``        unsigned integer less a zero point, times a scale: the range of the values
    ``adaptivfloat``  sign, ``exponent_bits`` (3 unless given) and mantissa, the exponents shifted
                      to the largest value (Tambe et al., "Algorithm-Hardware Co-Design of
                      Adaptive Floating-Point Encodings", DAC 2020)

    ``scale_per``: one scale (one shift of the exponents) for the whole ``tensor``, or one for
    each ``row`` of a matrix, that is for each output channel.
    """

    kind: Literal["symmetric", "affine", "adaptivfloat"] = "adaptivfloat"
    # More than 5 exponent bits span 2^64 and more: no weights do, and decoding stays in float32.
    exponent_bits: Annotated[int, Field(ge=1, le=5)] | None = None
    scale_per: Literal["tensor", "row"] = "tensor"

    @model_validator(mode="after")
    def _check(self) -> NumberFormat:
        if self.kind != "adaptivfloat" and self.exponent_bits is not None:
            raise ValueError(
                f"exponent_bits belongs to kind adaptivfloat, not to {self.kind}; remove it or "
                "change the kind"
            )
        return self

    @property
    def exponent_width(self) -> int:
        """Bits of the exponent field of ``adaptivfloat``."""
        return _EXPONENT_BITS if self.exponent_bits is None else self.exponent_bits


class RoleCompression(StorageFormat):
    """Storage of the tensors of one role, down to the numbers.

    ``density`` is what matrices are pruned to; the stored density is measured afterwards.
    """

    numbers: NumberFormat = NumberFormat()

    @model_validator(mode="after")
    def _check_bits(self) -> RoleCompression:
        # Below 2 bits there is no sign, beyond 16 no point: float16 has as many.
        if not 2 <= self.bits <= 16:
            raise ValueError(f"bits is {self.bits}; expected 2 to 16 bits a value")
        width = self.numbers.exponent_width
        if self.numbers.kind == "adaptivfloat" and self.bits < 1 + width:
            raise ValueError(
                f"bits is {self.bits}, but a sign and {width} exponent bits take {1 + width}; "
                "raise bits or lower exponent_bits"
            )
        return self


class CompressionConfig(StorageConfig):
    """Compression by role.

    ``prune_over``: the density holds in every ``tensor``, or over all matrices of a ``role``
    together, so that tensors of small weights become sparser than others.
    """

    embedding: RoleCompression
    backbone: RoleCompression
    task: RoleCompression
    prune_over: Literal["tensor", "role"] = "tensor"


class WeightFiles(ConfigModel):
    """Files of real weights: ``shared`` by all tasks, and ``tasks`` with each task's own.

    Relative paths start at the folder of the file that names them. A task's file may be a
    complete checkpoint: what tasks share must then be equal in all of them.
    """

    shared: list[str] = Field(default_factory=list)
    tasks: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> WeightFiles:
        if not (self.shared or self.tasks):
            raise ValueError("shared and tasks are empty; name a file, or leave the weights out")
        return self


class CaseWeights(ConfigModel):
    """The weights of a case: real ones from files, or seeded synthetic ones.

    ``shared`` and ``tasks`` are as in WeightFiles, relative to the workload file; ``seed`` stands
    alone. They are pruned to the densities of the case's storage and quantised to its bits with
    ``numbers``; what is then measured takes the place of the stated densities.
    """

    shared: list[str] = Field(default_factory=list)
    tasks: dict[str, str] = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0)] | None = None
    numbers: NumberFormat = NumberFormat()
    prune_over: Literal["tensor", "role"] = "tensor"

    @model_validator(mode="after")
    def _one_source(self) -> CaseWeights:
        if bool(self.shared or self.tasks) == (self.seed is not None):
            raise ValueError(
                "expected files (shared, tasks) or a seed for synthetic weights, and not both"
            )
        return self

    @property
    def files(self) -> WeightFiles | None:
        """The files, None for synthetic weights."""
        return None if self.seed is not None else WeightFiles(shared=self.shared, tasks=self.tasks)

    def compression_of(self, storage: StorageConfig) -> CompressionConfig:
        """Return the compression to a storage. Raises ConfigError for bits that do not fit."""
        roles = {}
        for role in StorageConfig.model_fields:
            how = getattr(storage, role).model_dump()
            roles[role] = {**how, "numbers": self.numbers}
            try:
                RoleCompression.model_validate(roles[role])
            except ValidationError as error:
                reason = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
                raise ConfigError(f"storage.{role}: {reason}, or leave weights out") from None
        return CompressionConfig.model_validate({**roles, "prune_over": self.prune_over})
