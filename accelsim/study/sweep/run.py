"""``accelsim.sweep``: a study from its file or from Python to its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document, Place
from accelsim.inputs.paths import KeyPath
from accelsim.inputs.shipped import find_input
from accelsim.inputs.validation import validate
from accelsim.study.evaluator import Evaluator, Progress
from accelsim.study.executors.base import Executor, InProcess
from accelsim.study.executors.local import LocalProcesses, default_jobs
from accelsim.study.store import DEFAULT, IN_MEMORY, Store
from accelsim.study.sweep.config import StudyConfig
from accelsim.study.sweep.space import Study, axis_name, load_study, made_study
from accelsim.study.sweep.table import StudyTable


@dataclass(frozen=True)
class Changed:
    """What became of the points of a study since it was last run: how many of each."""

    stay: int
    new: int
    dropped: int


@dataclass(frozen=True)
class Evaluation:
    """How a study is run: see ``sweep``."""

    jobs: int | None = None
    scheduler: str | None = None
    retry_failed: bool = False
    max_failures: int | None = None
    progress: Progress | None = None
    told: list[Changed] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("jobs", "max_failures"):
            number = getattr(self, name)
            if number is not None and number < 0:
                raise ConfigError(f"{name}: expected 0 or more, got {number}")

    def executor(self) -> Executor:
        """Start who evaluates. Raises ConfigError for a cluster that cannot be reached."""
        if self.scheduler is not None:
            # An extra.
            from accelsim.study.executors.dask import DaskCluster

            return DaskCluster(self.scheduler)
        jobs = default_jobs() if self.jobs is None else self.jobs
        return LocalProcesses(jobs) if jobs else InProcess()


def sweep(
    study: str | Path | Study,
    axes: Mapping[str, Any] | None = None,
    *,
    set: Sequence[str] = (),
    jobs: int | None = None,
    scheduler: str | None = None,
    store: str | Path | None = DEFAULT,
    retry_failed: bool = False,
    max_failures: int | None = None,
    progress: Progress | None = None,
    **asked: Any,
) -> StudyTable:
    """Evaluate every point of a study and return its table.

    ``study`` is a study file; with ``axes`` it is a workload file, and ``axes`` map paths to lists
    of values, or names to axes as study files have them; further keys of study files (``sample``,
    ``columns``, ``constraints``, ``objectives``, ``cases``) may follow. ``set`` are assignments of
    all points. ``jobs`` are worker processes (None: a processor each; 0: in this process),
    ``scheduler`` is the address of a Dask cluster instead. Rows are kept in ``store`` (None: in
    memory) and never computed twice; what an interrupt has left undone the next call does. After
    more than ``max_failures`` failed points it stops. Raises ConfigError for wrong input,
    OutputError where the store cannot be written.
    """
    how = Evaluation(jobs, scheduler, retry_failed, max_failures, progress)
    given = given_study(study, axes, set, asked)
    given.check()
    return run_study(given, given_store(store), how)


def given_study(
    study: str | Path | Study,
    axes: Mapping[str, Any] | None,
    assignments: Sequence[str],
    more: Mapping[str, Any],
) -> Study:
    """Return the study that ``sweep`` means. Raises ConfigError for what is wrong with it."""
    if isinstance(study, Study):
        return study
    return (
        load_study(study, assignments) if axes is None else study_of(study, axes, assignments, more)
    )


def given_store(store: str | Path | None) -> Store:
    """Open the store that ``sweep`` means."""
    return Store(IN_MEMORY if store is None else store)


def run_study(study: Study, store: Store, how: Evaluation) -> StudyTable:
    """Evaluate what is not in the store yet of a study, and return the table of all.

    ``Study.check`` tells before what is wrong with it.
    """
    if study.in_file:
        how.told.append(_changed(study.ids, store.study(study.source)))
    store.remember(study.source, study.config.name, study.ids, study.made)
    with how.executor() as executor:
        evaluator = Evaluator(store, executor, how.retry_failed, how.max_failures, how.progress)
        tally = evaluator.fill(study.points, study.groups, study.ids)
    return StudyTable(study, store, tally)


def _changed(ids: Sequence[bytes], before: Sequence[bytes]) -> Changed:
    now, then = frozenset(ids), frozenset(before)
    return Changed(len(now & then), len(now - then), len(then - now))


def study_of(
    workload: str | Path,
    axes: Mapping[str, Any],
    assignments: Sequence[str] = (),
    more: Mapping[str, Any] | None = None,
) -> Study:
    """Return a study made in Python. Raises ConfigError for what is wrong with it."""
    named: dict[str, Any] = {}
    for name, axis in axes.items():
        if isinstance(axis, Mapping):
            named[name] = axis
        else:
            values = axis if isinstance(axis, str) or not isinstance(axis, Iterable) else [*axis]
            named[axis_name(name, list(named))] = {"path": name, "values": values}
    named, more = _plain(named), _plain(more or {})
    data = {"name": Path(workload).stem, "workload": str(workload), "axes": named, **more}
    places: dict[KeyPath, Place] = {(): Place("sweep", None)}
    config = validate(Document(data, places, Path("sweep")), StudyConfig)
    return made_study(config, find_input(Path(workload)), assignments)


def _plain(value: Any) -> Any:
    """Return a value of Python's own for one with numbers of numpy in it, as YAML would have it."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else value
