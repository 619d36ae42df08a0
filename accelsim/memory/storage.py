"""How a parameter tensor is stored: quantised, dense or bit-mask encoded; exact sizes in bits.

A bit-mask tensor keeps its non-zero values and one mask bit an element, in two parts that may
lie in different memories. Vectors (biases, layer norms) are always stored dense: pruning them
saves nothing and their mask would cost an eighth more.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, model_validator

from accelsim.config.validation import ConfigModel
from accelsim.model.tensors import Parameter
from accelsim.units import ceil_div


class StorageFormat(ConfigModel):
    """Storage of the matrices of one role.

    ``density`` is the share of non-zero elements; a dense tensor stores every element whatever
    its density.
    """

    format: Literal["dense", "bitmask"]
    bits: Annotated[int, Field(ge=1, le=32)]
    density: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _dense_has_no_density(self) -> StorageFormat:
        if self.format == "dense" and self.density != 1.0:
            raise ValueError(
                f"density {self.density} has no effect on a dense tensor; use format: bitmask"
            )
        return self


class StorageConfig(ConfigModel):
    """Storage by role."""

    embedding: StorageFormat
    backbone: StorageFormat
    task: StorageFormat


@dataclass(frozen=True)
class StoredTensor:
    """A parameter with its storage and home.

    ``values`` and ``masks`` name the memories of the two parts; ``density`` is exact, so that the
    parts of a tensor add up to the tensor to the bit.
    """

    parameter: Parameter
    bits: int
    density: Fraction
    masked: bool
    values: str
    masks: str

    @property
    def value_bits(self) -> int:
        """Bits of the stored values."""
        return self.value_bits_between(0, self.parameter.elements)

    @property
    def mask_bits(self) -> int:
        """Bits of the mask; zero for a dense tensor."""
        return self.parameter.elements if self.masked else 0

    def nonzeros_between(self, start: int, stop: int) -> int:
        """Stored values among the elements start..stop, non-zeros spread evenly.

        Consecutive ranges add up exactly.
        """
        share, whole = self.density.numerator, self.density.denominator
        return ceil_div(stop * share, whole) - ceil_div(start * share, whole)

    def value_bits_between(self, start: int, stop: int) -> int:
        """Bits of the stored values among the elements start..stop."""
        return self.nonzeros_between(start, stop) * self.bits


def store(parameter: Parameter, how: StorageFormat, values: str, masks: str) -> StoredTensor:
    """Return the stored form of a parameter in the given homes."""
    masked = how.format == "bitmask" and len(parameter.shape) > 1
    density = Fraction(str(how.density)) if masked else Fraction(1)
    return StoredTensor(parameter, how.bits, density, masked, values, masks)
