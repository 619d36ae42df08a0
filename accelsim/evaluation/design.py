"""A case compiled: graphs, placements and programs of all its tasks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from accelsim.accelerators import Accelerator, accelerator_of
from accelsim.accelerators.design import Design
from accelsim.account.prices import check_actions, design_prices
from accelsim.errors import AccelsimError, ConfigError, MappingError
from accelsim.evaluation.fitting import fitted
from accelsim.inputs.memo import Memo
from accelsim.machine.chip_state import PowerState
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.accesses import whole_pages
from accelsim.mapping.cache import InferenceProgram, SegmentCache
from accelsim.mapping.emission import Emitted
from accelsim.mapping.switching import (
    compile_switch,
    compile_wake_ups,
    volatile_bits,
)
from accelsim.memory.storage import Measured
from accelsim.model.adaptations import Adaptation
from accelsim.model.families import Exits
from accelsim.model.graph import LayerGraph
from accelsim.placement.placement import DRAM, Placement, check_capacity, place
from accelsim.policies.idle import StateCost
from accelsim.policies.service import ServiceConfig
from accelsim.program import Program, ProgramKind
from accelsim.units import ceil_div
from accelsim.workload.schema import Case, WorkloadConfig


def compile_design(
    workload: WorkloadConfig,
    case: Case,
    lengths: Iterable[int] | None = None,
    measured: Measured | None = None,
    memo: Memo | None = None,
    rows: Iterable[int] | None = None,
) -> Design:
    """Return the compiled case, for sentences of some lengths [tokens] after padding.

    A workload that generates tokens has steps for caches of some ``rows``; unless given, for those
    of its longest sentence.
    ``measured`` takes the place of the stated densities. Raises CapacityError when something does
    not fit. Tasks with equal graphs (the same number of classes and spans) share their programs.
    """
    known = tuple(sorted({*(lengths or _prompts(workload))}))
    if rows is None:
        rows = rows_kept(workload, [(known[-1], None)])
    stage = Compilation(workload, case, known, measured, memo or Memo(), tuple(rows))
    if case.fits:
        stage = fitted(stage)
    try:
        key = stage.key
    except AccelsimError:
        # The machine has arrays that there are not; what does not fit is told first.
        return stage.design()
    made = stage.memo.get("design", key, stage.design)
    return replace(made, hardware=stage.case.hardware, key=key)


def _prompts(workload: WorkloadConfig) -> Iterable[int]:
    """Return the ends of the chunks of the longest sentence."""
    longest = workload.sequence_length
    return workload.generate.prompts(longest, longest) if workload.generate else (longest,)


def design_key(
    workload: WorkloadConfig, case: Case, lengths: Iterable[int], rows: tuple[int, ...] = ()
) -> Hashable:
    """Return what a case's programs are made from, measured sizes aside.

    Raises AccelsimError for a machine with arrays that there are not.
    """
    known = tuple(sorted(lengths))
    return Compilation(workload, case, known, case.measured, Memo(), rows).key


_Programs = dict[tuple[str, int], InferenceProgram]


@dataclass(frozen=True)
class Compilation:
    """One case to compile, for sentences of some ``lengths`` [tokens], and caches of ``rows``."""

    workload: WorkloadConfig
    case: Case
    lengths: tuple[int, ...]
    measured: Measured | None
    memo: Memo
    rows: tuple[int, ...] = ()

    @property
    def key(self) -> Hashable:
        """All that the programs are made from."""
        return (self.inputs, self.case.hardware.layout)

    @property
    def inputs(self) -> Hashable:
        """All that the programs are made from, but the machine."""
        workload, config = self.workload, self.case.config
        return (
            (
                workload.model.digest,
                tuple((n, t.digest) for n, t in workload.tasks.items()),
                workload.sequence_length,
            ),
            (repr(workload.attention_spans), self.service.digest, self.lengths),
            (workload.generate is None, self.prompt_chunk, self.rows),
            (config.adaptation.digest, config.storage.digest),
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

    def graph(self, task: str, tokens: int, kept: int = 0) -> LayerGraph:
        """Return the graph of one inference of a task, of so many tokens behind others."""
        return task_graph(self.workload, self.case, task, tokens, self.memo, kept)

    @property
    def prompt_chunk(self) -> int | None:
        """How many tokens of a prompt are computed at a time, if not all."""
        return self.workload.generate.prompt_chunk if self.workload.generate else None

    @property
    def kept(self) -> int:
        """The most rows that a cache has; those of the longest prompt where no token follows."""
        return max(*self.rows, min(self.lengths[-1], self.workload.model.most_kept), 0)

    def placement(self, graph: LayerGraph, task: str) -> Placement:
        """Return where a task's parameters lie."""
        storage, hardware, sizes = self.case.config.storage, self.case.hardware, self.sizes(task)
        measured = None if self.measured is None else dict(sizes)
        cells = tuple((name, each.bits_per_cell) for name, each in hardware.memories.items())
        place_digest, rows = hardware.placement.digest, self.kept if self.workload.generate else 0
        key = (graph, storage.digest, place_digest, cells, measured is None, sizes, rows)
        return self.memo.get(
            "placement", key, lambda: place(graph, storage, hardware, measured, rows)
        )

    @cached_property
    def twins(self) -> dict[str, str]:
        """Map each task to the first one with an equal graph and, where measured, equal sizes."""
        first: dict[object, str] = {}
        spans, adaptation = self.workload.attention_spans, self.case.config.adaptation
        kinds = {
            name: (
                task.classes,
                task.adapted(adaptation).digest,
                tuple(spans.get(name, ())),
                self.sizes(name),
            )
            for name, task in self.workload.tasks.items()
        }
        return {task: first.setdefault(kind, task) for task, kind in kinds.items()}

    @cached_property
    def graphs(self) -> dict[str, LayerGraph]:
        """The graph of each task, of the longest sentence."""
        full = self.workload.sequence_length
        return {task: self.graph(twin, full) for task, twin in self.twins.items()}

    @cached_property
    def placements(self) -> dict[str, Placement]:
        """Where the parameters of each task lie."""
        return {task: self.placement(self.graphs[task], twin) for task, twin in self.twins.items()}

    def design(self) -> Design:
        """Compile all tasks and lengths."""
        hardware, graphs, placements = self.case.hardware, self.graphs, self.placements
        _check_homes(placements, hardware)
        _check_service(self.service, placements, hardware)
        check_capacity(placements, hardware, self.workload.pinned)
        addresses, end = _task_addresses(placements)
        first = next(iter(placements.values()))
        start = self.accelerator.start(hardware)
        switches, restores = (
            {
                task: compile_switch(
                    task, placed, hardware, addresses[task], start, volatile_alone=part
                )
                for task, placed in placements.items()
                if hardware.has_cold_home
            }
            for part in (False, True)
        )
        wakes = compile_wake_ups(hardware, first, end, start)
        if lost_for_good(placements, hardware):
            del wakes[PowerState.OFF]
        design = Design(
            hardware,
            graphs,
            placements,
            self.inferences(),
            switches,
            restores,
            wakes,
            self._settle(),
            self.lengths,
            self.workload.pinned,
            steps=self.steps(),
            cache_rows=self.rows,
            prompt_chunk=self.prompt_chunk,
        )
        check_actions(design.segments, design_prices(design))
        return design

    def _settle(self) -> Program:
        """Return what a change of the operating point takes; nothing where there is one alone."""
        hardware = self.case.hardware
        nothing = Program("settle", ProgramKind.SCALE, ())
        return self.accelerator.settle(hardware) if hardware.scaling else nothing

    def inferences(self) -> _Programs:
        """Compile the inferences of all tasks, by task and tokens.

        Raises CapacityError for activations that fit nowhere.
        """
        chunk = self.prompt_chunk or self.lengths[-1]
        return self._programs(
            self.lengths,
            lambda task, tokens: self.graph(task, min(tokens, chunk), max(0, tokens - chunk)),
        )

    def steps(self) -> _Programs:
        """Compile what generates a token, by task and rows of the cache."""
        return self._programs(self.rows, lambda task, rows: self.graph(task, 1, rows - 1))

    def _programs(
        self, lengths: Iterable[int], graph: Callable[[str, int], LayerGraph]
    ) -> _Programs:
        hardware, own = self.case.hardware, self.case.hardware.emission
        cache = SegmentCache(emitted=self.memo.get("emitted", own, dict[object, Emitted]))
        shared = next(iter(self.placements.values()))
        base = _task_addresses(self.placements)[1] + _image_bytes(shared, task_specific=False)
        found: _Programs = {}
        for length in lengths:
            for task, twin in self.twins.items():
                if task == twin:
                    made, placed = graph(task, length), self.placements[task]
                    program = self.accelerator.infer(made, placed, hardware, base, cache)
                    found[task, length] = program
                found[task, length] = found[twin, length]
        return found


def adaptation_of(workload: WorkloadConfig, case: Case, task: str) -> Adaptation:
    """Return the adaptation of a case, as a task has it."""
    return workload.tasks[task].adapted(case.config.adaptation)


def rows_kept(
    workload: WorkloadConfig, lengths: Iterable[tuple[int, int | None]]
) -> tuple[int, ...]:
    """Return the rows of the cache in all steps of sentences of (prompt, new) tokens."""
    if workload.generate is None:
        return ()
    return workload.generate.rows(lengths, workload.model.most_kept)


def task_graph(
    workload: WorkloadConfig,
    case: Case,
    task: str,
    tokens: int,
    memo: Memo | None = None,
    kept: int = 0,
) -> LayerGraph:
    """Return the graph of one inference of a task in a case, of so many tokens.

    Where tokens are generated, so many are ``kept`` of those before.
    """
    service, classes = workload.service_of(case.config), workload.outputs_of(task)
    early_exit, spans = service.early_exit, tuple(workload.attention_spans.get(task, ()))
    # The entropy of one output says nothing: a regression runs all layers.
    exits: Exits = early_exit.heads if early_exit and classes > 1 else "none"
    model, adaptation = workload.model, adaptation_of(workload, case, task)

    keeps: dict[str, Any] = {"kept": kept} if workload.generate else {}

    def build() -> LayerGraph:
        pretrained = model.build(
            sequence_length=tokens,
            classes=classes,
            exits=exits,
            attention_spans=spans or None,
            **keeps,
        )
        try:
            return adaptation.apply(pretrained)
        except ConfigError as error:
            raise ConfigError(f"cases.{case.name}.adaptation: {error}") from None

    key = (model.digest, adaptation.digest, tokens, classes, exits, spans, *keeps.values())
    return (memo or Memo()).get("graph", key, build)


def _check_homes(placements: Mapping[str, Placement], hardware: HardwareConfig) -> None:
    """Refuse parameters where activations lie, which is planned as a whole, or nothing stays."""
    activations = hardware.placement.activations
    for placement in placements.values():
        for tensor in placement.tensors.values():
            if DRAM in tensor.memories and not hardware.has_cold_home:
                raise MappingError(
                    f"{tensor.parameter.name} (role {tensor.parameter.role.value}) lies in dram, "
                    "which loses it in the state in which it rests; choose another dram.idle_state"
                )
            if activations in tensor.memories:
                raise MappingError(
                    f"{tensor.parameter.name} (role {tensor.parameter.role.value}) lies in "
                    f"'{activations}', the memory of activations; give parameters a memory of "
                    "their own"
                )


def _check_service(
    service: ServiceConfig, placements: Mapping[str, Placement], hardware: HardwareConfig
) -> None:
    """Refuse states that the machine lacks, and losing what nothing can bring back."""
    wanted = set[PowerState]()
    if not service.idle.knows_costs:  # one that does sees which states there are
        awake = {PowerState.IDLE: StateCost(0.0, 0.0, 0)}
        wanted = {state for _, state in service.idle.checked_plan(None, awake).steps}
    for state, section in (
        (PowerState.CLOCK_GATED, "clock_gated"),
        (PowerState.RETENTION, "retention"),
    ):
        if state in wanted and getattr(hardware.power, section) is None:
            raise MappingError(
                f"idle: the machine '{hardware.name}' has no state '{state.value}'; give it "
                f"power.{section} or leave idle.{section}_after out"
            )
    target = service.early_exit.latency_target if service.early_exit else None
    if target is not None and not hardware.lower_points:
        raise MappingError(
            f"early_exit.latency_target: the machine '{hardware.name}' has no operating point "
            "below the nominal one; give it scaling.points or leave the target out"
        )
    if PowerState.OFF in wanted and (lost := lost_for_good(placements, hardware)):
        raise MappingError(
            f"idle.off_after: '{lost[0]}' loses the parameters of {lost[1]} and the machine has no "
            "dram to load them from; place them in non-volatile memory"
        )


def lost_for_good(
    placements: Mapping[str, Placement], hardware: HardwareConfig
) -> tuple[str, str] | None:
    """Return a memory and a task whose parameters there a power-off would lose for good."""
    if hardware.has_cold_home:
        return None
    for task, placement in placements.items():
        bits = placement.bits(task_specific=True) + placement.bits(task_specific=False)
        if lost := volatile_bits(bits, hardware):
            return min(lost), task
    return None


def _task_addresses(placements: Mapping[str, Placement]) -> tuple[dict[str, int], int]:
    """Lay the tasks' parameters one after the other in DRAM; return addresses and their end."""
    addresses, address = {}, 0
    for task, placement in placements.items():
        addresses[task] = address
        address += _image_bytes(placement, task_specific=True)
    return addresses, address


def _image_bytes(placement: Placement, *, task_specific: bool) -> int:
    """Return the whole pages in DRAM that hold what belongs on the chip."""
    bits = placement.data_bits(task_specific=task_specific)
    size = sum(ceil_div(n, 8) for memory, n in bits.items() if memory != DRAM)
    return whole_pages(size)
