"""Cases side by side: a process for each, for streams that take long.

Only a program's own main module may use it: new processes import that module again.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import replace
from typing import Any

from accelsim.engine.run import Options
from accelsim.evaluation.result import Result
from accelsim.evaluation.stages import run_workload
from accelsim.inputs.plugins import Plugin, plugin_errors, use_plugins
from accelsim.workload.schema import Workload

# Seconds between two looks at how far the processes are.
_LOOK = 0.1

# In a worker: how many requests each case has served, shared with the parent.
_served: Any = None


def run_side_by_side(
    workload: Workload,
    options: Options,
    workers: int,
    progress: Callable[[str, int], None] | None = None,
    *,
    strict: bool = True,
) -> Result:
    """Return what ``run_workload`` returns, each case simulated in a process of its own.

    ``progress`` is called with a case and the requests that it served since the last call.
    """
    context = multiprocessing.get_context("spawn")
    served = context.Array("q", len(workload.cases), lock=False)
    shared = (served, workload.plugins)
    with ProcessPoolExecutor(workers, context, _share, shared) as pool:
        running: dict[str, Future[Result]] = {
            name: pool.submit(_simulate_one, workload, name, number, options, strict)
            for number, name in enumerate(workload.cases)
        }
        try:
            _watch(running, served, progress)
            return _together(workload, {n: future.result() for n, future in running.items()})
        except BaseException:
            # What is left to do is of no use any more.
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def _together(workload: Workload, apart: Mapping[str, Result]) -> Result:
    """Return the cases as one result."""
    first = next(iter(apart.values()))
    files = {path: digest for each in apart.values() for path, digest in each.files.items()}
    cases = {name: found for each in apart.values() for name, found in each.cases.items()}
    refused = {name: why for each in apart.values() for name, why in each.refused.items()}
    made = replace(workload, cases={name: each.case for name, each in cases.items()})
    return Result(made, cases, first.request_notes, files, refused)


def _watch(
    running: Mapping[str, Future[Result]],
    served: Any,
    progress: Callable[[str, int], None] | None,
) -> None:
    """Wait for all, or for the first that fails, and tell how far they are."""
    seen, pending = dict.fromkeys(running, 0), set(running.values())
    while pending:
        done, pending = wait(pending, timeout=_LOOK)
        for number, name in enumerate(running):
            if progress and served[number] > seen[name]:
                progress(name, served[number] - seen[name])
                seen[name] = served[number]
        if any(future.exception() for future in done):
            return


def _share(served: Any, plugins: tuple[Plugin, ...]) -> None:
    global _served
    _served = served
    use_plugins(plugins)
    # An interrupt is for the parent, which ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@plugin_errors()
def _simulate_one(
    workload: Workload, name: str, number: int, options: Options, strict: bool
) -> Result:
    def step(case: str) -> None:
        _served[number] += 1

    alone = replace(workload, cases={name: workload.cases[name]})
    return run_workload(alone, options=options, progress=step, strict=strict)
