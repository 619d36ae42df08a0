"""``accelsim scaling``: what grows with the number of tasks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from accelsim.cli.options import Progress, command_line, strict_option, study_command
from accelsim.cli.sweep import executor_options
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.report.table import Report
    from accelsim.study.evaluator import Tally
    from accelsim.workload.schema import Workload


@click.command()
@click.option("--tasks", default="1..9", help="Numbers of tasks: 1..9, 3 or 1,3,9.")
@click.option("--model", metavar="MODEL", help="Of several models. [that with most tasks]")
@strict_option
@executor_options
@study_command
def scaling(
    workload: Workload,
    progress: Progress,
    tasks: str,
    model: str | None,
    strict: bool,
    store: Path,
    **options: Any,
) -> Report:
    """Show what storage, chip, energy and traffic of a WORKLOAD grow to with more GLUE tasks.

    The tasks of the workload come first, then the rest of GLUE; they are served in turn. Of several
    models the tasks of one grow, all of the others' stay. Storage is
    exact; the energy of a request is that of rounds after the first. What is in the store is not
    computed again; accelsim study show scaling_NAME has all figures.

    \b
    accelsim scaling WORKLOAD
    accelsim scaling WORKLOAD --tasks 1,3,9 \\
        --set cases.adapter_slc.adaptation.bottleneck=16
    """
    from accelsim.report.scaling import scaling_report
    from accelsim.study.scaling import find_scaling
    from accelsim.study.store import Store
    from accelsim.study.sweep.run import Evaluation

    def step(tally: Tally) -> None:
        if progress:
            progress(f"{tally.done} of {tally.total} runs")

    with Store(store) as kept:
        how = Evaluation(**options, progress=step)
        numbers = _numbers(tasks)
        found = find_scaling(workload, numbers, model=model, store=kept, how=how, strict=strict)
    return scaling_report(workload, found, command_line())


# Two digits suffice: there are nine tasks, and the study checks the numbers.
_RANGE = re.compile(r"\s*([0-9]{1,2})\s*(?:\.\.\s*([0-9]{1,2})\s*)?")


def _numbers(text: str) -> list[int]:
    """Return the numbers of ``1..9``, ``3`` or ``1,3,9``. Raises ConfigError for anything else."""
    numbers: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ConfigError(f"--tasks: expected numbers such as 1..9, 3 or 1,3,9, got '{text}'")
        first, last = match.groups()
        numbers += range(int(first), int(last or first) + 1)
    return numbers
