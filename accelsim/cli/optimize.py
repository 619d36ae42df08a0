"""``accelsim optimize``: the best points of a study's space, without evaluating all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click as plain_click
import rich_click as click

from accelsim.cli.options import Output, command_line, output_options, set_option
from accelsim.cli.sweep import evaluation, evaluation_options, study_progress, tell_others
from accelsim.errors import POINTS_FAILED


def share(context: click.Context, option: click.Parameter, value: str | None) -> float:
    """Return ``5%`` as 0.05."""
    from accelsim.units import UnitError, parse_any

    try:
        found, dimension = parse_any(value or "0 %")
    except UnitError as error:
        raise click.BadParameter(f"{error}; expected a share such as 5%") from None
    if dimension not in ("", "1") or found < 0:
        raise click.BadParameter(f"expected a share such as 5%, got {value}")
    return found


def near_option(command: Any) -> Any:
    """Add the option for what comes near the best."""
    text = "Tell what the axes are among all points so near the best, such as 5%."
    return click.option("--near", metavar="SHARE", callback=share, help=text)(command)


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--budget", type=click.IntRange(1, 100_000), default=400, help="Different points.")
@click.option("--batch", type=click.IntRange(1, 1000), default=20, help="Points asked together.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Another one, another search.")
@click.option("--sampler", type=click.Choice(["nsga2", "tpe"]), default="nsga2", help="Of Optuna.")
@near_option
@set_option
@evaluation_options
@output_options(quiet=True)
def optimize(
    study: Path,
    assignments: tuple[str, ...],
    near: float,
    store: Path,
    output: Output,
    **options: Any,
) -> None:
    """Search the space of a STUDY file for its objectives, within its constraints.

    A space no larger than the budget is evaluated whole. The same seed asks the same points for any
    --jobs; a search that was interrupted goes on where it was.

    \b
    accelsim optimize workloads/studies/memory_search.yaml --budget 300 --near 5%
    """
    from accelsim.report.sweep import sweep_report
    from accelsim.study.search import Search, check_search, search_study
    from accelsim.study.store import Store
    from accelsim.study.sweep.space import load_study

    wanted, asked = output.chosen(), load_study(study, assignments)
    check_search(asked)
    search = Search(**{name: options.pop(name) for name in Search.model_fields})
    with Store(store) as kept, study_progress(store, shown=not output.quiet) as progress:
        tell_others(kept, kept.study(asked.source), "computed anew")
        found = search_study(asked, kept, evaluation(progress, **options), search)
        report = sweep_report(found.table, command_line(), near=near, searched=str(found))
    output.give(report, wanted)
    if found.table.tally and found.table.tally.failures:
        raise plain_click.exceptions.Exit(POINTS_FAILED)
