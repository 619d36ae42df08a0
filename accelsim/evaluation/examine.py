"""``evaluate`` and ``examine``: from a point to its row, or to all that is known of it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from accelsim.engine.run import Options
from accelsim.errors import CapacityError, ConfigError
from accelsim.evaluation.comparison import find_gains
from accelsim.evaluation.fitting import size_of
from accelsim.evaluation.metrics import (
    Figure,
    MetricFamily,
    all_metrics,
    case_figures,
    metric_families,
)
from accelsim.evaluation.point import Point, Row
from accelsim.evaluation.result import Result
from accelsim.evaluation.stages import requests_of, run_workload, with_sizes
from accelsim.inputs.document import parse_override
from accelsim.inputs.files import one_reading
from accelsim.inputs.memo import Memo
from accelsim.inputs.paths import format_path
from accelsim.inputs.plugins import plugin_errors, plugins_put_back, use_plugins
from accelsim.workload.schema import Workload, load_workload

# Requests from which on a process for each case pays; starting one takes about a second.
_LONG_STREAM = 10_000

# As for a whole command: see ``__main__``.
_ALLOCATIONS = 20_000


def evaluate(point: Point, memo: Memo | None = None, *, strict: bool = True) -> Row:
    """Return the figures of a point: pure and silent.

    Raises ConfigError for wrong input, MappingError or CapacityError for what cannot be mapped or
    does not fit, and PluginError. Unless ``strict`` cases that do not fit are left out, if others
    do. Plug-ins that the point's files name are unloaded again.
    """
    with _seldom_collected(), plugins_put_back(), one_reading(), plugin_errors():
        result = examine(point, memo, strict=strict)
        figures = figures_of(result)
        absent = _absent(tuple(result.cases), metric_families(), tuple(figures))
        return Row(point, figures, absent=absent, refused=result.refused)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for cycles seldom: what a point makes is kept, and each look walks through all of it."""
    before = gc.get_threshold()
    if not 0 < before[0] < _ALLOCATIONS:
        yield
        return
    gc.set_threshold(_ALLOCATIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def examine(
    point: Point,
    memo: Memo | None = None,
    *,
    options: Options | None = None,
    workers: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
    strict: bool = True,
) -> Result:
    """Return all that ``evaluate`` finds out on its way: designs, runs, accounts.

    Plug-ins that the point's files name stay loaded: reports show what they add. For the rest see
    ``examine_workload``. Raises what ``evaluate`` raises.
    """
    memo = memo or Memo()
    with one_reading(), plugin_errors():
        found = resolve(point, memo)
        return examine_workload(
            found, memo, options=options, workers=workers, progress=progress, strict=strict
        )


@one_reading()
@plugin_errors()
def examine_workload(
    workload: Workload,
    memo: Memo | None = None,
    *,
    options: Options | None = None,
    workers: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
    strict: bool = True,
) -> Result:
    """Return all that is found out about a resolved workload.

    ``options`` may ask for spans. With several ``workers`` the cases of a long stream run in
    processes of their own; new ones import the main module again. ``progress`` is called with a
    case, the requests that it served since the last call, and those of all cases. Unless
    ``strict`` cases that do not fit are left out, if others do.
    """
    use_plugins(workload.plugins)
    all_metrics()  # what is wrong with a plug-in's metrics is told before anything runs
    options, memo = options or Options(), memo or Memo()
    requests = len(requests_of(workload, memo))
    total, count = requests * len(workload.cases), min(workers, len(workload.cases))

    def step(case: str, served: int = 1) -> None:
        if progress:
            progress(case, served, total)

    if count > 1 and requests >= _LONG_STREAM:
        # Processes are needed only here.
        from accelsim.evaluation.side_by_side import run_side_by_side

        result = run_side_by_side(workload, options, count, step, strict=strict)
    else:
        result = run_workload(workload, memo, options=options, progress=step, strict=strict)
    if not result.cases:
        first = next(iter(result.refused.values()))
        raise CapacityError("\n".join(map(str, result.refused.values())), *first.args[1:])
    return result


def resolve(point: Point, memo: Memo | None = None) -> Workload:
    """Return the workload of a point, read and validated, with its cases alone and their sizes."""
    workload = load_workload(point.workload, tuple(point.assignments), cases=point.cases, memo=memo)
    for case, machine in point.machines.items():
        _refuse_assignments(point, case)
        workload = workload.with_machine(case, machine)
    return with_sizes(workload, memo or Memo())


def _refuse_assignments(point: Point, case: str) -> None:
    for assignment in point.assignments:
        path = parse_override(assignment).path
        if path[0] == "hardware" or path[:3] == ("cases", case, "hardware"):
            raise ConfigError(
                f"{assignment}: the machine of case '{case}' was made in Python, which assignments "
                "do not reach; use HardwareConfig.changed, or assign to other cases by name"
            )


def point_of(workload: Workload) -> Point:
    """Return the point that a workload was resolved from, sizes that were to fit as they are."""
    sizes = (
        f"{format_path(('cases', name, 'hardware', *path))}={size_of(case.hardware, path)} B"
        for name, case in workload.cases.items()
        for path in case.fits
    )
    return Point(workload.path, (*workload.overrides, *sizes), tuple(workload.cases))


def figures_of(result: Result) -> dict[str, Figure]:
    """Return every figure of every case by name, then the gains over their baselines."""
    found = {
        f"{name}.{key}": value
        for name, case in result.cases.items()
        for _, key, value in case_figures(case)
    }
    for comparison in find_gains(result):
        for gain in comparison.gains:
            found[f"{comparison.design}.gain.{gain.metric}.{gain.scope}"] = gain.value
    return found


@lru_cache(maxsize=16)
def _absent(
    cases: tuple[str, ...], families: tuple[MetricFamily, ...], figures: tuple[str, ...]
) -> frozenset[str]:
    """Return the names of the figures, and of the gains, that cases could have and do not."""
    wanted = {f"{case}.{metric.key}" for case in cases for metric in all_metrics()}
    compared = [metric for metric in all_metrics() if metric.compared != "never"]
    wanted |= {f"{case}.gain.{metric.key}" for case in cases for metric in compared}
    # Of a metric with labels each is a figure.
    known = {name.rpartition(".")[0] for name in figures} | set(figures)
    return frozenset(wanted - known)
