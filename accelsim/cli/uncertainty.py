"""``accelsim uncertainty`` and ``sensitivity``: how sure figures are, and what they follow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from accelsim.cli.options import (
    Output,
    all_of,
    cases_option,
    command_line,
    output_options,
    set_option,
)
from accelsim.cli.sweep import study_progress

if TYPE_CHECKING:
    from accelsim.workload.schema import Workload


# What is drawn, and how points are evaluated.
_space_options = all_of(
    click.argument("workload", type=click.Path(path_type=Path)),
    set_option,
    cases_option,
    click.option(
        "--inputs",
        multiple=True,
        metavar="FILE",
        help="Quantities beside the shipped ones, or instead of those of the same name.",
    ),
    click.option("--seed", type=click.IntRange(0), default=0, help="Of what is drawn."),
    click.option("--jobs", type=click.IntRange(0), help="Processes; 0: this one. [all]"),
    click.option("--store", type=click.Path(path_type=Path), help="Keep rows there. [none]"),
    output_options(quiet=True),
)


def _asked(options: dict[str, Any]) -> dict[str, Any]:
    """Return what of the command's options the study takes."""
    from accelsim.study.uncertainty.quantities import SHIPPED

    inputs, changes = options.pop("inputs"), options.pop("assignments")
    return {**options, "inputs": (SHIPPED, *inputs), "set": changes}


@click.command()
@_space_options
@click.option("--points", type=click.IntRange(1), default=500, help="How many points to draw.")
@click.option(
    "--method",
    type=click.Choice(["latin_hypercube", "sobol"]),
    default="latin_hypercube",
    help="How they fill the space.",
)
def uncertainty(workload: Path, output: Output, **options: Any) -> None:
    """Draw what is not known for sure of a WORKLOAD: bands of all figures and gains.

    Figures of technologies, and of logic, and assumptions have low, typical and high values with
    sources in hwconfigs/uncertainty/shipped.yaml. The report gives 5, 50 and 95 % of every gain,
    and which quantities it follows; --write csv has all figures.

    \b
    accelsim uncertainty workloads/mti_mnli_mrpc_qnli.yaml --points 200
    """
    from accelsim.report.uncertainty import uncertainty_report
    from accelsim.study.uncertainty.bands import uncertainty as find

    wanted, asked = output.chosen(), _asked(options)
    with study_progress(options["store"], shown=not output.quiet) as progress:
        found = find(workload, progress=progress, **asked)
    output.give(uncertainty_report(found, command_line()), wanted)


@click.command()
@_space_options
@click.option(
    "--of",
    multiple=True,
    metavar="FIGURE",
    help="A figure's name, or a formula over figures. [energy gain of every design]",
)
@click.option(
    "--method",
    type=click.Choice(["tornado", "morris", "sobol"]),
    default="tornado",
    help="One at a time; elementary effects; shares of the variance.",
)
@click.option(
    "--blocks",
    type=click.IntRange(2),
    default=64,
    help="Trajectories of Morris, or blocks of Sobol (a power of 2).",
)
def sensitivity(workload: Path, of: tuple[str, ...], output: Output, **options: Any) -> None:
    """Find what figures of a WORKLOAD follow, over all that is not known for sure of it.

    A tornado moves one quantity at a time from low to high; Morris and Sobol take SALib
    (the extra salib). Quantities are those of accelsim uncertainty.

    \b
    accelsim sensitivity workloads/mti_mnli_mrpc_qnli.yaml --of adapter_slc.gain.energy.switch
    """
    from accelsim.evaluation.examine import resolve
    from accelsim.evaluation.point import Point
    from accelsim.report.sensitivity import sensitivity_report
    from accelsim.study.uncertainty.sensitivity import sensitivity as find

    wanted = output.chosen()
    loaded = resolve(Point(workload, options["assignments"], options["cases"]))
    asked, figures = _asked(options), of or _gains(loaded)
    with study_progress(options["store"], shown=not output.quiet) as progress:
        found = find(workload, figures, progress=progress, **asked)
    output.give(sensitivity_report(loaded, found, command_line()), wanted)


def _gains(workload: Workload) -> list[str]:
    from accelsim.study.sweep.expressions import formula_of

    scope = "system" if workload.config.requests.closed_loop else "request"
    designs = (n for n, c in workload.cases.items() if c.config.baseline in workload.cases)
    found = [f"{name}.gain.energy.{scope}" for name in designs]
    return list(map(formula_of, found or [f"{n}.energy.{scope}" for n in workload.cases]))
