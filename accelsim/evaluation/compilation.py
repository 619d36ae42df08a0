"""A case being compiled: graphs, placements and programs of all its tasks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from accelsim.accelerators import Accelerator, accelerator_of
from accelsim.accelerators.design import Design
from accelsim.account.prices import check_actions, design_prices
from accelsim.evaluation.cold_home import image_bytes, shared_images, task_addresses
from accelsim.evaluation.graphs import adaptation_of, machine_of_model, task_graph
from accelsim.evaluation.homes import check_homes, check_service, lost_for_good
from accelsim.inputs.memo import Memo
from accelsim.inputs.plugins import is_outside
from accelsim.machine.chip_state import PowerState
from accelsim.mapping.cache import InferenceProgram, SegmentCache
from accelsim.mapping.emission import Emitted
from accelsim.mapping.switching import (
    compile_loads,
    compile_swaps,
    compile_switch,
    compile_wake_ups,
)
from accelsim.memory.storage import Measured
from accelsim.model.graph import LayerGraph
from accelsim.placement.overlaid import overlaid_memories
from accelsim.placement.placement import (
    Placement,
    check_capacity,
    place,
)
from accelsim.policies.service import ServiceConfig
from accelsim.program import Program, ProgramKind, Segment
from accelsim.workload.schema import Case, WorkloadConfig

_Programs = dict[tuple[str, int], InferenceProgram]


@dataclass(frozen=True)
class Compilation:
    """One case to compile, for sentences of some ``lengths`` [tokens] by model, and caches of
    ``rows``.
    """

    workload: WorkloadConfig
    case: Case
    lengths: Mapping[str, tuple[int, ...]]
    measured: Measured | None
    memo: Memo
    rows: tuple[int, ...] = ()

    @property
    def key(self) -> Hashable:
        """All that the programs are made from."""
        return (self.inputs, self.case.hardware.layout, self._compared)

    @property
    def _compared(self) -> Hashable:
        """What plans are compared by beside the layout of the machine."""
        compares = self.accelerator.compares_tiles
        return self.case.hardware.nominal_timing if compares else ()

    @property
    def inputs(self) -> Hashable:
        """All that the programs are made from, but the machine."""
        workload, config = self.workload, self.case.config
        return (
            (
                tuple((name, model.digest) for name, model in workload.networks.items()),
                tuple((n, t.digest) for n, t in workload.tasks.items()),
                workload.sequence_length,
            ),
            (repr(workload.attention_spans), self.service.digest, tuple(self.lengths.items())),
            (workload.generate is None, self.prompt_chunk, self.rows, self.batch),
            tuple(
                (config.adaptation_of(name).digest, config.storage_of(name).digest)
                for name in workload.networks
            ),
            tuple((n, own.placement.digest, own.swapped) for n, own in config.models.items()),
            None if self.measured is None else tuple(map(self.sizes, workload.tasks)),
        )

    @cached_property
    def service(self) -> ServiceConfig:
        """How requests are served."""
        return self.workload.service_of(self.case.config)

    @cached_property
    def accelerator(self) -> Accelerator:
        """Who compiles for the case's machine."""
        return accelerator_of(self.case.hardware)

    def sizes(self, task: str) -> tuple[tuple[str, int], ...]:
        """Return what was measured of a task."""
        return tuple(sorted((self.measured or {}).get(task, {}).items()))

    def graph(self, task: str, tokens: int, kept: int = 0, requests: int = 1) -> LayerGraph:
        """Return the graph of one inference of a task, of so many tokens behind others."""
        return task_graph(self.workload, self.case, task, tokens, self.memo, kept, requests)

    @property
    def prompt_chunk(self) -> int | None:
        """How many tokens of a prompt are computed at a time, if not all."""
        return self.workload.generate.prompt_chunk if self.workload.generate else None

    @property
    def batch(self) -> int:
        """How many requests share a pass over the weights at most."""
        return self.workload.generate.batch if self.workload.generate else 1

    def kept(self, name: str) -> int:
        """Return the most rows that a model's cache has; those of the longest prompt where no token
        follows."""
        model = self.workload.networks[name]
        if not (self.workload.generate and model.generates):
            return 0
        rows = max((min(rows, model.most_kept) for rows in self.rows), default=0)
        return max(rows, min(self.lengths[name][-1], model.most_kept))

    def lengths_of(self, task: str) -> tuple[int, ...]:
        """Return the lengths of a task's inputs."""
        return self.lengths[self.workload.name_of_model(task)]

    def placement(self, graph: LayerGraph, task: str) -> Placement:
        """Return where a task's parameters lie."""
        workload, config, sizes = self.workload, self.case.config, self.sizes(task)
        model = workload.name_of_model(task)
        rows = self.kept(model)
        storage, hardware = config.storage_of(model), machine_of_model(self.case, model)
        measured = dict(sizes) if task in (self.measured or ()) else None
        cells = tuple((name, each.bits_per_cell) for name, each in hardware.memories.items())
        place_digest = hardware.placement.digest
        swapped = config.swaps(model)
        how = (storage.digest, place_digest, cells, measured is None, sizes, rows, self.batch)

        def make() -> Placement:
            found = place(graph, storage, hardware, measured, rows, model, self.batch)
            return replace(found, swapped=swapped)

        return self.memo.get("placement", (graph, *how, model, swapped), make)

    @cached_property
    def twins(self) -> dict[str, str]:
        """Map each task to the first one with an equal graph and, where measured, equal sizes."""
        first: dict[object, str] = {}
        spans = self.workload.attention_spans
        kinds = {
            name: (
                self.workload.name_of_model(name),
                task.classes,
                adaptation_of(self.workload, self.case, name).digest,
                tuple(spans.get(name, ())),
                self.sizes(name),
            )
            for name, task in self.workload.tasks.items()
        }
        return {task: first.setdefault(kind, task) for task, kind in kinds.items()}

    @cached_property
    def graphs(self) -> dict[str, LayerGraph]:
        """The graph of each task, of the longest sentence."""
        workload = self.workload
        return {t: self.graph(twin, workload.longest(twin)) for t, twin in self.twins.items()}

    @cached_property
    def placements(self) -> dict[str, Placement]:
        """Where the parameters of each task lie."""
        return {task: self.placement(self.graphs[task], twin) for task, twin in self.twins.items()}

    def design(self) -> Design:
        """Compile all tasks and lengths."""
        hardware, graphs, placements = self.case.hardware, self.graphs, self.placements
        check_homes(placements, hardware)
        check_service(self.service, placements, hardware)
        check_capacity(placements, hardware, self.workload.pinned)
        addresses, end = task_addresses(placements)
        start = self.accelerator.start(hardware)
        switches, restores = (
            {
                task: self._shared(
                    compile_switch(
                        task, placed, hardware, addresses[task], start, volatile_alone=part
                    )
                )
                for task, placed in placements.items()
                if hardware.has_cold_home
            }
            for part in (False, True)
        )
        models = list(shared_images(placements, end))
        woken = compile_wake_ups(hardware, models, start).items()
        wakes = {state: self._shared(program) for state, program in woken}
        overlaid = overlaid_memories(placements, hardware, self.workload.pinned)
        loads = compile_loads(hardware, models, start, overlaid)
        swaps = compile_swaps(hardware, models, start, overlaid)
        if lost_for_good(placements, hardware):
            del wakes[PowerState.OFF]
            loads = {}
        design = Design(
            hardware,
            graphs,
            placements,
            self.inferences(),
            switches,
            restores,
            wakes,
            self._settle(),
            {task: self.lengths_of(task) for task in self.twins},
            self.workload.pinned,
            loads=loads,
            swaps=swaps,
            steps=self.steps(),
            shared_steps=dict(self.shared_steps()),
            batch=self.batch,
            cache_rows=self.rows,
            prompt_chunk=self.prompt_chunk,
        )
        check_actions(design.segments, design_prices(design))
        return design

    def _shared(self, program: Program) -> Program:
        """Return a short program with segments that equal ones of other designs share."""

        def known(segment: Segment) -> Segment:
            return self.memo.get("switch", (segment.name, segment.tasks), lambda: segment)

        return replace(program, segments=tuple(map(known, program.segments)))

    def _settle(self) -> Program:
        """Return what a change of the operating point takes; nothing where there is one alone."""
        hardware = self.case.hardware
        nothing = Program("settle", ProgramKind.SCALE, ())
        return self.accelerator.settle(hardware) if hardware.scaling else nothing

    def inferences(self) -> _Programs:
        """Compile the inferences of all tasks, by task and tokens.

        Raises CapacityError for activations that fit nowhere.
        """

        def graph(task: str, tokens: int) -> LayerGraph:
            chunk = self.prompt_chunk if self.workload.model_of(task).generates else None
            now = min(tokens, chunk or tokens)
            return self.graph(task, now, tokens - now)

        def make() -> _Programs:
            return self._programs({task: self.lengths_of(task) for task in self.twins}, graph)

        key = (self.inputs, self.case.hardware.mapped, self._compared)
        return self.memo.get("inferences", key, make)

    def steps(self, requests: int = 1) -> _Programs:
        """Compile what generates a token of each request, by task and rows of a cache."""
        model_of = self.workload.model_of

        def graph(task: str, rows: int) -> LayerGraph:
            kept = min(rows, model_of(task).most_kept) - 1
            return self.graph(task, requests, kept, requests)

        return self._programs(
            {task: self.rows for task in self.twins if model_of(task).generates}, graph
        )

    def shared_steps(self) -> Iterator[tuple[tuple[str, int, int], InferenceProgram]]:
        """Compile what generates a token of several requests, by task, requests and rows."""
        for requests in range(2, self.batch + 1):
            for (task, rows), made in self.steps(requests).items():
                yield (task, requests, rows), made

    def _programs(
        self, lengths: Mapping[str, tuple[int, ...]], graph: Callable[[str, int], LayerGraph]
    ) -> _Programs:
        hardware, outside = self.case.hardware, is_outside(type(self.accelerator))
        # Emitters of a plug-in may read what those of accelsim do not.
        own = hardware.mapped if outside else hardware.emission
        cache = SegmentCache(emitted=self.memo.get("emitted", own, dict[object, Emitted]))
        end = task_addresses(self.placements)[1]
        *_, (last, address) = shared_images(self.placements, end)
        base = address + image_bytes(last, task_specific=False)
        found: _Programs = {}
        for length in sorted({length for each in lengths.values() for length in each}):
            for task, twin in self.twins.items():
                if length not in lengths.get(task, ()):
                    continue
                if task == twin:
                    made, placed = graph(task, length), self.placements[task]
                    program = self.accelerator.infer(made, placed, hardware, base, cache)
                    found[task, length] = program
                found[task, length] = found[twin, length]
        return found
