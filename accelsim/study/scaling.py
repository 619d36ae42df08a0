"""What grows with the number of tasks: storage, chip, energy and traffic, task by task.

Tasks are those of the workload, in its order, then the rest of GLUE. Of several models the tasks of
one are so many, and all those of the others stay beside them. Each number of tasks is run
as a round robin on the machine as it is: the points of a study over tasks and rounds, kept in the
store of all studies. Figures are those of a round after the first, so loads that happen only once
are left out: the difference of two runs. Storage is that of the placements, and needs no run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from typing import Any

from accelsim.errors import CapacityError, ConfigError
from accelsim.evaluation.examine import point_of
from accelsim.evaluation.stages import design_of
from accelsim.inputs.memo import Memo
from accelsim.inputs.paths import suggest
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import HardwareConfig
from accelsim.model.tasks import GLUE_TASKS
from accelsim.placement.placement import Placement, shared_bits
from accelsim.requests.patterns.round_robin import RoundRobin
from accelsim.study.identity import model_id
from accelsim.study.outcome import Outcome, number_of
from accelsim.study.store import IN_MEMORY, Store
from accelsim.study.sweep.run import Evaluation, run_study, study_of
from accelsim.study.sweep.space import Study
from accelsim.units import ceil_div
from accelsim.workload.schema import Case, Workload
from accelsim.workload.tasks import TaskConfig, known_task

# [ours] Rounds after the first. One would do where rounds are alike; drawn lengths and exit layers
# are not.
_FURTHER_ROUNDS = 4


@dataclass(frozen=True)
class Served:
    """What serving a number of tasks in turn costs on the machine as it is.

    ``energy`` is all energy of the device [J], ``dram_bytes`` reads and writes, ``switches`` loads
    of a task, each per request. ``switch_energy`` [J] and ``switch_latency`` [s] are those of one
    load, None where the run has none.
    """

    energy: float
    dram_bytes: float
    switches: float
    switch_energy: float | None
    switch_latency: float | None


@dataclass(frozen=True)
class ScalingPoint:
    """One case with a number of tasks.

    ``stored_bytes`` are all parameters of all tasks in their stored form, wherever they lie.
    ``resident_bytes`` of them have their home on the chip, so that is the capacity that keeps all
    tasks there; its memories take ``resident_area`` [m2]. ``served`` is None where the tasks do not
    fit the machine and nothing could load them.
    """

    tasks: int
    stored_bytes: int
    resident_bytes: int
    resident_area: float
    served: Served | None


@dataclass(frozen=True)
class Scaling:
    """The points of every case, for each of the ``counts`` of tasks; ``tasks`` in their order.

    ``model`` is theirs where there are several, ``beside`` are the tasks of the others. ``refused``
    are cases that not even one task fits, by name, and why.
    """

    tasks: tuple[str, ...]
    counts: tuple[int, ...]
    cases: Mapping[str, tuple[ScalingPoint, ...]]
    refused: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    beside: tuple[str, ...] = ()


def growth(points: Sequence[ScalingPoint], figure: Callable[[ScalingPoint], float]) -> float | None:
    """Return what a further task adds to a figure, in the mean; None for a single point."""
    first, last = points[0], points[-1]
    if len(points) < 2:
        return None
    return (figure(last) - figure(first)) / (last.tasks - first.tasks)


def grown_model(workload: Workload, name: str | None = None) -> str:
    """Return the model whose tasks grow, '' where it has no name: that with most of them unless
    named. Raises ConfigError for one that there is not.
    """
    config, models = workload.config, workload.config.networks
    if name is not None and (name not in models or not name):
        hint = suggest(name, filter(None, models), "models") if config.models else "leave it out"
        raise ConfigError(f"--model: there is no model '{name}'; {hint}")
    sizes = Counter(map(config.name_of_model, config.tasks))
    return max(models, key=lambda each: sizes[each]) if name is None else name


def scaling_tasks(workload: Workload, model: str = "") -> tuple[str, ...]:
    """Return the tasks of a model of a workload, then the rest of GLUE."""
    config = workload.config
    own = (task for task in config.tasks if not model or config.name_of_model(task) == model)
    return (*own, *(task.name for task in GLUE_TASKS if task.name not in config.tasks))


def find_scaling(
    workload: Workload,
    counts: Iterable[int] = range(1, len(GLUE_TASKS) + 1),
    *,
    model: str | None = None,
    store: Store | None = None,
    how: Evaluation | None = None,
    strict: bool = True,
) -> Scaling:
    """Return how every case of a workload scales over numbers of tasks, in ascending order.

    Of several models the tasks of ``model`` are so many, that with most of them unless named.
    Rows are kept in ``store`` (None: in memory), evaluated as ``how`` says (None: in this process).
    Raises ConfigError for a number that there are no tasks for, and CapacityError when even one
    task does not fit a case: any if ``strict``, else all of them.
    """
    grown = grown_model(workload, model)
    tasks, numbers = scaling_tasks(workload, grown), tuple(sorted(set(counts)))
    if not numbers or numbers[0] < 1 or numbers[-1] > len(tasks):
        raise ConfigError(f"--tasks: expected numbers from 1 to {len(tasks)}, such as 1..9 or 3")
    memo, placements, refused = Memo(), dict[str, list[Placement]](), dict[str, str]()
    beside = tuple(task for task in workload.config.tasks if task not in tasks)
    for name, case in workload.cases.items():
        served = (*beside, *tasks[: numbers[-1]])
        try:
            placements[name] = _placements(workload, case, served, grown, memo)
        except CapacityError as error:
            refused[name] = str(error)
            if strict or len(refused) == len(workload.cases):
                raise
    fitting = replace(workload, cases={name: workload.cases[name] for name in placements})
    served_by_number = {
        str(n): _served_tasks(workload, (*beside, *tasks[:n]), grown) for n in numbers
    }
    runs = _runs(_study(fitting, served_by_number), store or Store(IN_MEMORY), how)
    cases = {
        name: tuple(
            _point(fitting.cases[name], number, found[: len(beside) + number], _served(name, *pair))
            for number, pair in zip(numbers, runs, strict=True)
        )
        for name, found in placements.items()
    }
    return Scaling(tasks, numbers, cases, refused, grown, beside)


def _served_tasks(workload: Workload, names: Iterable[str], model: str) -> dict[str, TaskConfig]:
    """Return tasks by name, those that the workload lacks of a model."""
    known = workload.config.tasks
    own = {"model": model or None}
    return {n: known.get(n) or known_task(n).model_copy(update=own) for n in names}


def _placements(
    workload: Workload, case: Case, tasks: Sequence[str], model: str, memo: Memo
) -> list[Placement]:
    """Return where the parameters of each task lie; each alone must fit."""

    config, pattern = workload.config, workload.config.requests
    plain = RoundRobin(pattern="round_robin", rounds=1)
    requests = pattern.model_copy(update={"rounds": 1}) if pattern.closed_loop else plain

    def alone(task: str) -> Placement:
        served = _served_tasks(workload, [task], model)
        changed = config.model_copy(update={"tasks": served, "requests": requests})
        return design_of(replace(workload, config=changed), case, memo).placements[task]

    return [alone(task) for task in tasks]


# -- runs --------------------------------------------------------------------------------------


def _study(workload: Workload, served: Mapping[str, Mapping[str, TaskConfig]]) -> Study:
    """Return the study of all numbers of tasks, each with one round and with further ones.

    It is the workload's closed loop, or a plain round robin.
    """
    base, config = point_of(workload), workload.config
    plain = () if config.requests.closed_loop else ("requests={pattern: round_robin, rounds: 1}",)
    axes: dict[str, Any] = {
        "tasks": {"variants": {n: _settings(workload, tasks) for n, tasks in served.items()}},
        "rounds": {"path": "requests.rounds", "values": [1, 1 + _FURTHER_ROUNDS]},
    }
    more = {"name": f"scaling_{config.name}", "cases": [*workload.cases]}
    return study_of(base.workload, axes, (*base.assignments, *plain), more)


def _settings(workload: Workload, served: Mapping[str, TaskConfig]) -> dict[str, Any]:
    spans = workload.config.attention_spans
    found: dict[str, Any] = {
        "tasks": {task: one.model_dump(mode="json") for task, one in served.items()}
    }
    if spans:
        found["attention_spans"] = {task: spans[task] for task in served if task in spans}
    return found


def _runs(study: Study, store: Store, how: Evaluation | None) -> list[tuple[Outcome, Outcome]]:
    """Return the outcomes of one round and of more, for each number of tasks."""
    study.check()
    run_study(study, store, how or Evaluation(jobs=0))
    found = filter(None, store.rows(study.ids, model_id()))
    return list(zip(found, found, strict=True))


def _served(case: str, first: Outcome, rounds: Outcome) -> Served | None:
    """Return what a further round costs, per request; None where the tasks do not fit."""
    for outcome in (first, rounds):
        if case not in outcome.cases:
            if outcome.reason.kind != CapacityError.__name__:
                outcome.known()
            # Nothing can be loaded, and not all of them fit.
            return None
    before, after = first.figures, rounds.figures

    def further(*keys: str) -> float:
        names = [f"{case}.{key}" for key in keys]
        return sum(number_of(after, n) for n in names) - sum(number_of(before, n) for n in names)

    def once(key: str) -> float | None:
        return number_of(after, name) if (name := f"{case}.{key}") in after else None

    requests = further("requests.all")
    return Served(
        energy=further("energy.run") / requests,
        dram_bytes=further("dram.read", "dram.written") / requests,
        switches=further("count.switches") / requests,
        switch_energy=once("energy.switch"),
        switch_latency=once("latency.switch"),
    )


# -- storage -----------------------------------------------------------------------------------


def _point(
    case: Case, tasks: int, placements: Sequence[Placement], served: Served | None
) -> ScalingPoint:
    bits = shared_bits(placements)
    for placement in placements:
        bits.update(placement.bits(task_specific=True))
    stored = {memory: ceil_div(amount, 8) for memory, amount in bits.items() if amount}
    resident = Counter({memory: size for memory, size in stored.items() if memory != DRAM})
    return ScalingPoint(
        tasks=tasks,
        stored_bytes=sum(stored.values()),
        resident_bytes=resident.total(),
        resident_area=fsum(resident_area(case.hardware, m, size) for m, size in resident.items()),
        served=served,
    )


# [ours] Capacities are rounded up to it.
_CAPACITY_STEP = 1024


def resident_area(hardware: HardwareConfig, memory: str, size: int) -> float:
    """Return the area [m2] of a memory of a machine if it held ``size`` bytes instead.

    It is composed of banks of the technology table, as many as it takes.
    """
    config = hardware.memories[memory]
    step = _CAPACITY_STEP * config.banks
    resized = {"capacity": ceil_div(size, step) * step, "extrapolate": True}
    memories = {**hardware.memories, memory: config.model_copy(update=resized)}
    return hardware.model_copy(update={"memories": memories}).regions[memory].area
