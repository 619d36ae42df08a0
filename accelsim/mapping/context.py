"""What every stage of a model needs to know of the graph and of where its parameters lie."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from accelsim.mapping.accesses import Part, part_of
from accelsim.memory.storage import StoredTensor
from accelsim.model.operators import Operator
from accelsim.placement.placement import Placement

_NUMBER = re.compile(r"\.\d+(?=\.)")


@dataclass(frozen=True)
class Context:
    """What every stage of a model needs to know.

    ``producers`` are the operators that an operator reads, in operand order; ``last_reader`` maps
    an operator to the last one that reads its output; ``crossing`` are the operators whose
    output leaves its stage; ``addresses`` are DRAM addresses by name. With ``spill``, crossing
    outputs lie in DRAM.
    """

    placement: Placement
    producers: dict[str, tuple[Operator, ...]]
    last_reader: dict[str, str]
    crossing: frozenset[str]
    addresses: dict[str, int]
    spill: bool
    _parts: dict[tuple[str, int, int], Part] = field(default_factory=dict)

    def stored(self, operator: Operator) -> list[StoredTensor]:
        """Return the stored parameters of an operator, of a partial one what it uses of them.

        Non-zeros are spread evenly, so what is used holds its share of them; heads are stored one
        after the other, so it is read without gaps, whole words a panel.
        """
        tensors = [self.placement.tensors[p.name] for p in operator.parameters]
        if not operator.partial:
            return tensors
        return [
            replace(tensor, parameter=replace(tensor.parameter, shape=shape))
            for tensor, shape in zip(tensors, operator.used_shapes, strict=True)
        ]

    def part(self, tensor: StoredTensor, start: int, stop: int) -> Part:
        """Return the part of the elements start..stop of a tensor; equal parts are one object."""
        key = (tensor.parameter.name, start, stop)
        if key not in self._parts:
            self._parts[key] = part_of(tensor, start, stop)
        return self._parts[key]

    def is_last(self, producer: str, reader: Operator) -> bool:
        """Say whether nothing reads the producer's output after this operator."""
        return self.last_reader.get(producer) == reader.name


def label_of(operator: Operator) -> str:
    """Return the operator's name without the number of its layer or exit: ``encoder.query``."""
    return _without_number(operator.name)


@lru_cache(maxsize=4096)
def _without_number(name: str) -> str:
    return _NUMBER.sub("", name, count=1)
