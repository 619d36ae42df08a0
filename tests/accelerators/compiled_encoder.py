"""Encoders compiled for the shipped machines without a workload's design, and their execution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pytest
import simpy
from small_workload import MAIN

from accelsim.accelerators import find_accelerator
from accelsim.engine.clock import CountingEnvironment
from accelsim.engine.segment_run import SegmentRecord, SegmentRun
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.servers import Machine
from accelsim.mapping.cache import InferenceProgram, SegmentCache
from accelsim.mapping.compiler import Mapper
from accelsim.model.families import ModelFamily, find_model
from accelsim.model.graph import LayerGraph
from accelsim.placement.placement import Placement, place
from accelsim.program import Segment
from accelsim.workload.schema import load_workload

Amounts = Counter[tuple[str, str, str]]
_SIZES = {
    "vocabulary_size": 1000,
    "hidden_size": 64,
    "layers": 4,
    "heads": 4,
    "intermediate_size": 256,
    "maximum_positions": 128,
    "type_vocabulary_size": 2,
}
SMALL_MODEL = find_model("albert-base", embedding_size=32, **_SIZES)
# Layers with parameters of their own, and no pooler.
UNSHARED_MODEL = find_model("bert-base", pooler=False, **_SIZES)
CASES = ("vanilla_mixed", "adapter_mixed")


@dataclass(frozen=True)
class Compiled:
    """A program with what it was compiled from."""

    graph: LayerGraph
    placement: Placement
    hardware: HardwareConfig
    inference: InferenceProgram

    @property
    def segments(self) -> tuple[Segment, ...]:
        return self.inference.program.segments


def compiled(
    case: str,
    model: ModelFamily,
    tokens: int,
    overrides: tuple[str, ...] = (),
    workload: str = MAIN,
    **options: Any,
) -> Compiled:
    """Return a model of 3 classes on the machine of a case; ``options`` are those of ``build``."""
    loaded = _case(case, overrides, workload)
    options = {"classes": 3} | options
    pretrained = model.build(sequence_length=tokens, **options)
    graph = loaded.config.adaptation.adapt(pretrained)
    placement = place(graph, loaded.config.storage, loaded.hardware)
    accelerator = find_accelerator(loaded.hardware.accelerator)
    inference = accelerator.compile(graph, placement, loaded.hardware, 0, SegmentCache())
    return Compiled(graph, placement, loaded.hardware, inference)


@lru_cache
def _case(name: str, overrides: tuple[str, ...], workload: str) -> Any:
    return load_workload(workload, overrides).cases[name]


def amounts_of(segments: Iterable[Segment]) -> Amounts:
    total: Amounts = Counter()
    for segment in segments:
        total.update(segment.amounts)
    return total


def sum_of(amounts: Amounts, block: str, action: str, operator: str = "") -> int:
    """Return the amount of an action, of all operators or of those with this name or prefix."""
    return sum(
        n
        for (b, a, o), n in amounts.items()
        if (b, a) == (block, action) and o.startswith(operator)
    )


def run_segments(
    made: Compiled, count: int | None = None, *, trace: bool = False
) -> list[SegmentRecord]:
    """Run the first segments one after the other on one machine; return their records."""
    environment, machine = CountingEnvironment(), Machine(made.hardware)
    levels: dict[str, int] = {}
    records: list[SegmentRecord] = []

    def run() -> Generator[simpy.Event, Any, None]:
        for segment in made.segments[:count]:
            piece = SegmentRun(environment, machine, segment, levels, trace=trace)
            records.append((yield from piece.run()))

    environment.run(until=environment.process(run()))
    return records


def best_costs(mapper: type[Mapper[Any]], patch: pytest.MonkeyPatch) -> list[float]:
    """Return a list into which a mapper writes what its best way costs, each time it is asked."""
    costs, ranked = list[float](), mapper.ways

    def ways(*asked: Any) -> Any:
        found = ranked(*asked)
        costs.append(found[0].cost)
        return found

    patch.setattr(mapper, "ways", ways)
    return costs
