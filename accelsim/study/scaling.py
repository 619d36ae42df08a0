"""What grows with the number of tasks: storage, chip, energy and traffic, task by task.

Tasks are those of the workload, in its order, then the rest of GLUE. Each number of tasks is run
as a round robin on the machine as it is. Figures are those of a round after the first, so loads
that happen only once are left out: the difference of two runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import fsum

from accelsim.engine.run import Run, Window
from accelsim.engine.simulator import Options
from accelsim.errors import CapacityError, ConfigError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.stages import design_of, run_workload
from accelsim.inputs.memo import Memo
from accelsim.machine.schema import HardwareConfig
from accelsim.model.tasks import GLUE_TASKS
from accelsim.placement.placement import DRAM, Placement
from accelsim.requests import RequestPattern
from accelsim.requests.patterns.round_robin import RoundRobin
from accelsim.units import ceil_div
from accelsim.workload.schema import Case, Workload
from accelsim.workload.tasks import known_task

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

    ``refused`` are cases that not even one task fits, by name, and why.
    """

    tasks: tuple[str, ...]
    counts: tuple[int, ...]
    cases: Mapping[str, tuple[ScalingPoint, ...]]
    refused: Mapping[str, str] = field(default_factory=dict)


def growth(points: Sequence[ScalingPoint], figure: Callable[[ScalingPoint], float]) -> float | None:
    """Return what a further task adds to a figure, in the mean; None for a single point."""
    first, last = points[0], points[-1]
    if len(points) < 2:
        return None
    return (figure(last) - figure(first)) / (last.tasks - first.tasks)


def scaling_tasks(workload: Workload) -> tuple[str, ...]:
    """Return the tasks of a workload, then the rest of GLUE."""
    own = workload.config.tasks
    return (*own, *(task.name for task in GLUE_TASKS if task.name not in own))


def find_scaling(
    workload: Workload,
    counts: Iterable[int] = range(1, len(GLUE_TASKS) + 1),
    *,
    progress: Callable[[str], None] | None = None,
    strict: bool = True,
) -> Scaling:
    """Return how every case of a workload scales over numbers of tasks, in ascending order.

    ``progress`` is called with a text before each step. Raises ConfigError for a number that
    there are no tasks for, and CapacityError when even one task does not fit a case: any if
    ``strict``, else all of them.
    """
    tasks, numbers = scaling_tasks(workload), tuple(sorted(set(counts)))
    if not numbers or numbers[0] < 1 or numbers[-1] > len(tasks):
        raise ConfigError(f"--tasks: expected numbers from 1 to {len(tasks)}, such as 1..9 or 3")
    memo, cases, refused = Memo(), dict[str, tuple[ScalingPoint, ...]](), dict[str, str]()
    for name, case in workload.cases.items():
        try:
            placements = _placements(workload, case, tasks[: numbers[-1]], memo)
        except CapacityError as error:
            refused[name] = str(error)
            if strict or len(refused) == len(workload.cases):
                raise
            continue
        points = []
        for number in numbers:
            if progress:
                progress(f"{name}, {number} of {numbers[-1]} tasks")
            served = _serve(workload, case, tasks[:number], memo)
            points.append(_point(case, placements[:number], served))
        cases[name] = tuple(points)
    return Scaling(tasks, numbers, cases, refused)


def _placements(
    workload: Workload, case: Case, tasks: Sequence[str], memo: Memo
) -> list[Placement]:
    """Return where the parameters of each task lie; each alone must fit."""

    def alone(task: str) -> Placement:
        return design_of(_with_tasks(workload, case, [task], 1), case, memo).placements[task]

    return [alone(task) for task in tasks]


def _serve(workload: Workload, case: Case, tasks: Sequence[str], memo: Memo) -> Served | None:
    """Return what a further round costs, per request; None where the tasks do not fit."""
    options = Options(window=Window(requests=0))
    try:
        first, all_rounds = (
            run_workload(_with_tasks(workload, case, tasks, rounds), memo, options=options)[
                case.name
            ]
            for rounds in (1, 1 + _FURTHER_ROUNDS)
        )
    except CapacityError:
        # Nothing can be loaded, and not all of them fit.
        return None
    return _further(first, all_rounds)


def _with_tasks(workload: Workload, case: Case, tasks: Sequence[str], rounds: int) -> Workload:
    """Return a workload of one case that serves tasks in turn, so many rounds."""
    known = workload.config.tasks
    served = {task: known.get(task) or known_task(task) for task in tasks}
    changed = {"tasks": served, "requests": _closed_loop(workload, rounds)}
    config = workload.config.model_copy(update=changed)
    return replace(workload, config=config, cases={case.name: case})


def _closed_loop(workload: Workload, rounds: int) -> RequestPattern:
    """Return the workload's closed loop, or a plain round robin, with so many rounds."""
    pattern = workload.config.requests
    if pattern.closed_loop:
        return pattern.model_copy(update={"rounds": rounds})
    return RoundRobin(pattern="round_robin", rounds=rounds)


# -- storage -----------------------------------------------------------------------------------


def _point(case: Case, placements: Sequence[Placement], served: Served | None) -> ScalingPoint:
    bits = Counter(placements[0].bits(task_specific=False))
    for placement in placements:
        bits.update(placement.bits(task_specific=True))
    stored = {memory: ceil_div(amount, 8) for memory, amount in bits.items() if amount}
    resident = Counter({memory: size for memory, size in stored.items() if memory != DRAM})
    return ScalingPoint(
        tasks=len(placements),
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


# -- service -----------------------------------------------------------------------------------


def _further(first: CaseResult, rounds: CaseResult) -> Served:
    """Return the difference of a longer run and its first round, per request."""
    requests = len(rounds.run.requests) - len(first.run.requests)
    before, after = first.figures, rounds.figures
    switch = after.scopes.get("switch")
    return Served(
        energy=(after.account.total - before.account.total) / requests,
        dram_bytes=(_dram_bytes(rounds.run) - _dram_bytes(first.run)) / requests,
        switches=(after.switches - before.switches) / requests,
        switch_energy=switch.energy if switch else None,
        switch_latency=switch.latency if switch else None,
    )


def _dram_bytes(run: Run) -> int:
    return run.ledger.amount(DRAM, "read") + run.ledger.amount(DRAM, "write")
