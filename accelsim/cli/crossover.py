"""``accelsim crossover``: from which request rate on one case costs less than another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from accelsim.cli.options import parse_option, plugins_option
from accelsim.cli.output import refuse_unused_media, show, status, write, write_option

if TYPE_CHECKING:
    from accelsim.workload.schema import Workload


@click.command()
@click.argument("workload", type=click.Path(path_type=Path))
@click.option("--design", metavar="CASE", help="The first case. [the first that has a baseline]")
@click.option("--baseline", metavar="CASE", help="The other case. [the design's baseline]")
@click.option("--from", "lowest", default="1e-4 Hz", show_default=True, help="Lowest rate.")
@click.option("--to", "highest", default="10 Hz", show_default=True, help="Highest rate.")
@click.option(
    "--requests",
    type=int,
    default=300,
    show_default=True,
    help="Requests of a simulation, at most.",
)
@click.option(
    "--set", "assignments", multiple=True, metavar="PATH=VALUE", help="Change one value, as in run."
)
@click.option("--out", type=click.Path(path_type=Path), help="Also write files into this folder.")
@plugins_option
@write_option()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, no report.")
def crossover(
    workload: Path,
    design: str | None,
    baseline: str | None,
    lowest: str,
    highest: str,
    requests: int,
    assignments: tuple[str, ...],
    out: Path | None,
    media: str,
    as_json: bool,
) -> None:
    """Find the request rate at which two cases of a WORKLOAD cost the same energy.

    The first requests of the workload are stretched in time to each rate; what counts is all
    energy of the device, idleness included, per request. The rounds of a round robin come at equal
    intervals. A grid of rates is simulated, then each change of sign is bisected to 1 %.

    \b
    accelsim crossover WORKLOAD --design adapter_slc --baseline vanilla_slc
    accelsim crossover WORKLOAD --from 0.01Hz --to 20Hz \\
        --set 'idle={policy: timeout, off_after: 1 s}'
    """
    from accelsim.report.crossover import crossover_report
    from accelsim.report.media import chosen_media
    from accelsim.study.crossover import find_crossover
    from accelsim.units import format_si
    from accelsim.workload.schema import load_workload

    refuse_unused_media(out)
    loaded = load_workload(workload, assignments)
    wanted = chosen_media(media)
    chosen = design or _with_baseline(loaded)
    rates = [parse_option(*pair, "Hz") for pair in (("--from", lowest), ("--to", highest))]
    with status(shown=not as_json) as step:
        found = find_crossover(
            loaded,
            chosen,
            baseline or _baseline_of(loaded, chosen),
            lowest=rates[0],
            highest=rates[1],
            requests=requests,
            progress=(lambda rate: step(format_si(rate, "Hz"))) if step else None,
        )
    report = crossover_report(loaded, found, ["accelsim", *sys.argv[1:]])
    show(report, write(report, out, wanted) if out else [], as_json=as_json)


def _with_baseline(workload: Workload) -> str:
    from accelsim.errors import ConfigError

    for name, case in workload.config.cases.items():
        if case.baseline is not None:
            return name
    raise ConfigError("--design: no case of the workload has a baseline; name a case to compare")


def _baseline_of(workload: Workload, design: str) -> str:
    from accelsim.errors import ConfigError
    from accelsim.inputs.paths import suggest

    case = workload.config.cases.get(design)
    if case is None:
        hint = suggest(design, workload.cases, "cases")
        raise ConfigError(f"--design: there is no case '{design}'; {hint}")
    if case.baseline is None:
        raise ConfigError(
            f"--baseline: case '{design}' has no baseline; name a case to compare with"
        )
    return case.baseline
