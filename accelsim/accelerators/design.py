"""A case compiled: what an accelerator makes of the graphs and placements of its tasks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from accelsim.machine.chip_state import PowerState
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.cache import InferenceProgram, shared_step
from accelsim.model.graph import LayerGraph
from accelsim.placement.overlaid import overlaid_memories
from accelsim.placement.placement import Placement, shared_bits
from accelsim.program import Program, Segment


@dataclass(frozen=True)
class Design:
    """Everything that is decided before the simulation starts.

    By task name: ``graphs`` (of its longest input), ``placements``, ``switches`` that load all of
    a task, ``restores`` that load what volatile memories lost, and compiled ``lengths``.
    ``inferences`` are by task and tokens, ``steps`` that generate a token by task and rows of the
    cache, which grow by ``cache_rows``; ``shared_steps`` by task, requests and rows are those that
    as many requests of so many rows each share, at most ``batch``. Of a prompt longer than
    ``prompt_chunk`` the inferences are those of its chunks, by the tokens up to their ends.
    ``wakes`` are by the power state that they leave, ``loads`` by the model whose shared
    parameters they bring back, ``swaps`` by model and memory where they made room for others.
    Programs that would need a DRAM which the machine lacks are left out. ``weights`` says which
    weights were measured, if any. Designs of one ``key`` are the same but for machine and weights.
    """

    hardware: HardwareConfig
    graphs: Mapping[str, LayerGraph]
    placements: Mapping[str, Placement]
    inferences: Mapping[tuple[str, int], InferenceProgram]
    switches: Mapping[str, Program]
    restores: Mapping[str, Program]
    wakes: Mapping[PowerState, Program]
    settle: Program
    lengths: Mapping[str, tuple[int, ...]]
    pinned: tuple[str, ...] = ()
    weights: str = ""
    key: Hashable = None
    loads: Mapping[str, Program] = field(default_factory=dict)
    swaps: Mapping[tuple[str, str], Program] = field(default_factory=dict)
    steps: Mapping[tuple[str, int], InferenceProgram] = field(default_factory=dict)
    shared_steps: Mapping[tuple[str, int, int], InferenceProgram] = field(default_factory=dict)
    batch: int = 1
    cache_rows: tuple[int, ...] = ()
    prompt_chunk: int | None = None

    @property
    def shared_bits(self) -> Mapping[str, int]:
        """Bits by memory of what all tasks share and nothing makes leave."""
        return shared_bits(self.placements.values(), self.overlaid)

    @cached_property
    def overlaid(self) -> frozenset[str]:
        """The memories in which models make room for each other."""
        return overlaid_memories(self.placements, self.hardware, self.pinned)

    @property
    def models(self) -> Mapping[str, str]:
        """The model of each task where there are several, else nothing."""
        found = {task: placement.model for task, placement in self.placements.items()}
        return found if len(set(found.values())) > 1 else {}

    @property
    def segments(self) -> Iterable[Segment]:
        """Every segment of every program, once."""
        groups = (self.switches, self.restores, self.wakes, self.loads, self.swaps)
        programs = [self.settle, *(program for group in groups for program in group.values())]
        steps = (*self.steps.values(), *self.shared_steps.values())
        programs += [made.program for made in (*self.inferences.values(), *steps)]
        return dict.fromkeys(segment for program in programs for segment in program.segments)

    def padded(self, task: str, tokens: int) -> int:
        """Return the compiled sequence length that a task's sentence is padded to."""
        return self.lengths[task][bisect_left(self.lengths[task], tokens)]

    def chunks_before(self, task: str, tokens: int) -> Iterable[int]:
        """Return the ends of the chunks before the last one of a prompt of whole chunks."""
        chunk = self.prompt_chunk if self.placements[task].cache else None
        return range(chunk, tokens, chunk) if chunk else ()

    def rows_of(self, tokens: int) -> int:
        """Return the rows of the cache of a step in which so many tokens are kept.

        Beyond the most rows the oldest have left a sliding window.
        """
        rows = self.cache_rows
        return rows[min(bisect_left(rows, tokens), len(rows) - 1)]

    def step(self, task: str, rows: tuple[int, ...]) -> Program:
        """Return the pass that gives a token of each request, of caches of so many rows."""
        if len(rows) == 1:
            return self.steps[task, rows[0]].program
        return shared_step([self.shared_steps[task, len(rows), each] for each in rows])

    def inference(self, task: str) -> InferenceProgram:
        """Return the program of a task's longest sentences."""
        return self.inferences[task, self.lengths[task][-1]]
