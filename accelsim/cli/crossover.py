"""``accelsim crossover``: from which request rate on one case costs less than another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from accelsim.cli.options import Progress, command_line, parse_option, study_command
from accelsim.cli.sweep import executor_options
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.report.table import Report
    from accelsim.workload.schema import Workload


@click.command()
@click.option("--design", metavar="CASE", help="The first case. [the first that has a baseline]")
@click.option("--baseline", metavar="CASE", help="The other case. [the design's baseline]")
@click.option("--from", "lowest", default="1e-4 Hz", help="Lowest rate.")
@click.option("--to", "highest", default="10 Hz", help="Highest rate.")
@click.option("--requests", type=int, default=300, help="Requests of a simulation, at most.")
@executor_options
@study_command
def crossover(
    workload: Workload,
    progress: Progress,
    design: str | None,
    baseline: str | None,
    lowest: str,
    highest: str,
    requests: int,
    store: Path,
    **options: Any,
) -> Report:
    """Find the request rate at which two cases of a WORKLOAD cost the same energy.

    The first requests of the workload are stretched in time to each rate; what counts is all
    energy of the device, idleness included, per request. The rounds of a round robin come at equal
    intervals. A grid of rates is simulated, then each change of sign is bisected to 1 %. What is in
    the store is not computed again; accelsim study show crossover_NAME has all figures.

    \b
    accelsim crossover WORKLOAD --design adapter_slc --baseline vanilla_slc
    accelsim crossover WORKLOAD --from 0.01Hz --to 20Hz \\
        --set 'idle={policy: timeout, off_after: 1 s}'
    """
    from accelsim.report.crossover import crossover_report
    from accelsim.study.crossover import find_crossover
    from accelsim.study.store import Store
    from accelsim.study.sweep.run import Evaluation
    from accelsim.units import format_si

    chosen = design or _with_baseline(workload)
    case = workload.cases.get(chosen)
    own = case.config.baseline if case else chosen
    if not (baseline or own):
        raise ConfigError(
            f"--baseline: case '{chosen}' has no baseline; name a case to compare with"
        )
    with Store(store) as kept:
        found = find_crossover(
            workload,
            chosen,
            baseline or own or "",
            lowest=parse_option("--from", lowest, "Hz"),
            highest=parse_option("--to", highest, "Hz"),
            requests=requests,
            store=kept,
            how=Evaluation(**options),
            progress=(lambda rate: progress(format_si(rate, "Hz"))) if progress else None,
        )
    return crossover_report(workload, found, command_line())


def _with_baseline(workload: Workload) -> str:
    for name, case in workload.cases.items():
        if case.config.baseline in workload.cases:
            return name
    raise ConfigError("--design: no case of the workload has a baseline; name a case to compare")
