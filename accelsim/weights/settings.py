"""What a user may choose of weights and of their compression.

This module is part of the configuration: it does not import numpy.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.validation import ConfigModel
from accelsim.memory.storage import StorageConfig

# EdgeBERT's operands are AdaptivFloat<8,3>: harvard-acc/EdgeBERT, hw/cmod/include/AdpfloatSpec.h.
_EXPONENT_BITS = 3
_MOST_BITS = 16


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

    def check_bits(self, storage: StorageConfig) -> None:
        """Raise ConfigError for a role whose values have bits that these numbers do not have."""
        # Below 2 bits there is no sign, beyond 16 no point: float16 has as many.
        least = 1 + self.exponent_width if self.kind == "adaptivfloat" else 2
        for role in StorageConfig.model_fields:
            bits = getattr(storage, role).bits
            if not least <= bits <= _MOST_BITS:
                raise ConfigError(
                    f"storage.{role}.bits is {bits}; numbers of kind {self.kind} have {least} to "
                    f"{_MOST_BITS} bits, change one of the two"
                )


class CaseWeights(ConfigModel):
    """The weights of a case: real ones from files, or seeded synthetic ones.

    Files are ``shared`` by all tasks, or one task's own in ``tasks``; relative paths start at the
    folder of the workload file. A task's file may be a complete checkpoint: what tasks share must
    then be equal in all of them; or the folder of a LoRA adapter that PEFT saved. A ``seed`` alone
    draws all weights; beside files it draws the adapters and heads of which they have nothing. The
    weights are pruned to the densities of
    the case's storage, in every ``tensor`` or over all matrices of a ``role`` together, so that
    tensors of small weights become sparser than others, and quantised to its bits with
    ``numbers``; what is then measured takes the place of the stated densities.
    """

    shared: list[str] = Field(default=[])
    tasks: dict[str, str] = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0)] | None = None
    numbers: NumberFormat = NumberFormat()
    prune_over: Literal["tensor", "role"] = "tensor"

    @model_validator(mode="after")
    def _one_source(self) -> CaseWeights:
        if not (self.shared or self.tasks) and self.seed is None:
            raise ValueError(
                "expected files (shared, tasks), a seed for synthetic weights, or both"
            )
        return self
