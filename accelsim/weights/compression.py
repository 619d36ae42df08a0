"""The compression pipeline: prune, quantise, encode; every tensor of a model at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accelsim.memory.storage import Groups, StorageConfig
from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Parameter, Role
from accelsim.weights.number_formats import Codes, Grouped, Numbers, fit, grouped
from accelsim.weights.pruning import prune_together
from accelsim.weights.settings import NumberFormat
from accelsim.weights.weight_set import Values, WeightSet, check_weights


@dataclass(frozen=True, eq=False)
class CompressedTensor:
    """A tensor as it is stored.

    ``codes`` are the bit patterns of all elements in the parameter's shape, ``numbers`` says what
    they mean. A masked tensor stores its non-zero codes and one mask bit an element. A value that
    was not pruned but rounds to code 0 is a zero like any other: nothing is stored for it.
    With ``groups`` it stores a scale for each.
    """

    parameter: Parameter
    numbers: Numbers
    codes: Codes
    masked: bool
    groups: Groups | None = None

    @property
    def scales(self) -> int:
        """Number of scales that are stored; one for a whole tensor is not counted."""
        return self.groups.between(0, self.parameter.elements) if self.groups else 0

    @property
    def scale_bits(self) -> int:
        """Bits of the scales of groups."""
        return self.scales * self.groups.bits if self.groups else 0

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Which elements are not zero, in the parameter's shape."""
        mask: NDArray[np.bool_] = self.codes != 0
        return mask

    @property
    def values(self) -> Codes:
        """The stored codes in order: the non-zeros, or all elements of a dense tensor."""
        flat = self.codes.reshape(-1)
        # Gathering by index is twice as fast as by mask.
        return flat[np.flatnonzero(self.mask)] if self.masked else flat

    @property
    def nonzeros(self) -> int:
        """Number of elements that are not zero."""
        return int(np.count_nonzero(self.codes))

    @property
    def value_bits(self) -> int:
        """Bits of the stored values."""
        return (self.nonzeros if self.masked else self.parameter.elements) * self.numbers.bits

    @property
    def mask_bits(self) -> int:
        """Bits of the mask; zero for a dense tensor."""
        return self.parameter.elements if self.masked else 0

    def decode(self) -> Values:
        """Return the values that computation sees, in the parameter's shape."""
        return self.numbers.decode(self.codes)


@dataclass(frozen=True, eq=False)
class CompressedModel:
    """The stored tensors of a graph by parameter name; ``origin`` is that of the weights."""

    tensors: Mapping[str, CompressedTensor]
    origin: str

    def decode(self) -> WeightSet:
        """Return the weights that computation sees."""
        return WeightSet(
            {name: tensor.decode() for name, tensor in self.tensors.items()},
            f"{self.origin}; compressed",
        )


def compress(
    graph: LayerGraph,
    weights: WeightSet,
    storage: StorageConfig,
    numbers: NumberFormat,
    prune_over: Literal["tensor", "role"] = "tensor",
) -> CompressedModel:
    """Return the weights of a graph pruned, quantised and encoded, each tensor as its role says.

    Matrices of a bit-mask role are pruned and masked; vectors and dense roles are quantised only,
    as placement counts them. Raises ConfigError when the weights are not those of the graph, and
    for bits that the numbers do not have.
    """
    numbers.check_bits(storage)
    check_weights(weights, graph)
    pruned: dict[str, Values] = {}
    for role in Role:
        how = getattr(storage, role.value)
        matrices = {
            p.name: weights.tensors[p.name]
            for p in graph.parameters
            if p.kept_as is role and how.format == "bitmask" and len(p.shape) > 1
        }
        groups = [matrices] if prune_over == "role" else [{n: v} for n, v in matrices.items()]
        for group in groups:
            pruned |= prune_together(group, how.density)
    tensors = {}
    for parameter in graph.parameters:
        name, how = parameter.name, getattr(storage, parameter.kept_as.value)
        values = pruned.get(name, weights.tensors[name])
        # Groups are of matrices, as placement has them.
        scaled = how.groups if len(parameter.shape) > 1 else None
        fitted = _fitted(values, how.bits, numbers, scaled)
        codes = fitted.encode(values)
        tensors[name] = CompressedTensor(parameter, fitted, codes, name in pruned, scaled)
    return CompressedModel(tensors, weights.origin)


def _fitted(values: Values, bits: int, how: NumberFormat, groups: Groups | None) -> Numbers:
    if groups is None:
        return fit(values, bits, how)
    each = how.model_copy(update={"scale_per": "row"})
    return Grouped(groups.size, fit(grouped(values, groups.size), bits, each))
