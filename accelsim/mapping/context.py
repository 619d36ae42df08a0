"""What every stage of a model needs to know of the graph and of where its parameters lie."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from accelsim.machine.components.off_chip import DRAM
from accelsim.mapping.accesses import Part, whole_pages
from accelsim.mapping.cutting import Stage
from accelsim.memory.storage import StoredTensor
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Operator, Reach
from accelsim.placement.placement import Placement
from accelsim.units import ceil_div

# A context outlives its machine; few ways to cut products have more parts together.
_MOST_PARTS = 5_000


@dataclass(frozen=True)
class Context:
    """What every stage of a model needs to know.

    ``producers`` are the operators that an operator reads, in operand order; ``last_reader`` maps
    an operator to the last one that reads its output; ``crossing`` are the operators whose
    output leaves its stage; ``addresses`` are DRAM addresses by name. ``spilled`` are how
    many of their last rows lie in DRAM. ``signatures`` are those of segments, by the name of their
    first operator, as far as they were asked for.
    """

    placement: Placement
    producers: dict[str, tuple[Operator, ...]]
    last_reader: dict[str, str]
    crossing: frozenset[str]
    addresses: dict[str, int]
    spilled: Mapping[str, int]
    signatures: dict[str, tuple[object, ...]] = field(default_factory=dict, init=False)
    _parts: dict[tuple[str, int, int], Part] = field(default_factory=dict)

    @classmethod
    def of(
        cls, graph: LayerGraph, placement: Placement, stages: Iterable[Stage], base_address: int
    ) -> Context:
        """Return the context of stages in order, without spill; DRAM begins at an address."""
        producers = {operator.name: graph.predecessors(operator) for operator in graph.operators}
        last_reader = {}
        stage_of: dict[str, int] = {}
        for number, stage in enumerate(stages):
            for operator in stage.operators:
                stage_of[operator.name] = number
                for producer in producers[operator.name]:
                    last_reader[producer.name] = operator.name
        kept = {each.name for each in graph.operators if each.kind.reach is Reach.STATE}
        crossing = {a for a, b in graph.edges if stage_of[a] != stage_of[b]} - kept
        addresses = _addresses(graph, placement, crossing, base_address)
        return cls(placement, producers, last_reader, frozenset(crossing), addresses, {})

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
            if len(self._parts) >= _MOST_PARTS:
                self._parts.clear()
            self._parts[key] = Part(tensor, start, stop)
        return self._parts[key]

    def address(self, name: str) -> int:
        """Return where a tensor begins in DRAM; 0 for one that does not lie there."""
        return self.addresses.get(name, 0)

    def is_last(self, producer: str, reader: Operator) -> bool:
        """Say whether nothing reads the producer's output after this operator."""
        return self.last_reader.get(producer) == reader.name

    def is_result(self, operator: Operator) -> bool:
        """Say whether nothing reads the operator's output on the chip: the host takes it."""
        return operator.name not in self.last_reader and operator.kind.reach is not Reach.STATE


def _room(graph: LayerGraph, operator: Operator) -> int:
    """Return the bytes that an output may take; windows are read as if they lay side by side."""
    gathered = (
        reader.rows * reader.depth * reader.groups
        for reader in graph.successors(operator)
        if reader.elsewhere
    )
    return max([operator.elements, *gathered])


def _addresses(
    graph: LayerGraph, placement: Placement, crossing: Collection[str], base: int
) -> dict[str, int]:
    """Lay parameters whose home is DRAM, caches there, and possible spills, page-aligned."""
    sizes = {
        name: ceil_div(tensor.value_bits + tensor.mask_bits, 8)
        for name, tensor in placement.tensors.items()
        if DRAM in tensor.memories
    }
    cache = placement.cache
    if cache and cache.memory == DRAM:
        kept = (each for each in graph.operators if each.kind.reach is Reach.STATE)
        sizes |= {each.name: cache.size(each.columns) for each in kept}
    sizes |= {op.name: _room(graph, op) for op in graph.operators if op.name in crossing}
    addresses, following = {}, base
    for name, size in sizes.items():
        addresses[name] = following
        following += whole_pages(size)
    return addresses
