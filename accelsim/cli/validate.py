"""``accelsim validate``: compare with figures that nobody here wrote."""

from __future__ import annotations

from pathlib import Path

import click as plain_click
import rich_click as click

from accelsim.cli.options import Output, command_line, output_options


@click.command()
@click.option("--all", "every", is_flag=True, help="Show every comparison, not only failures.")
@click.option("--reference", type=click.Path(path_type=Path), help="Folder of the reference data.")
@output_options()
def validate(every: bool, reference: Path | None, output: Output) -> None:
    """Compare the models with published and measured figures; exit with 1 if one fails."""
    from accelsim.report.validation import validation_report
    from accelsim.study.validation.check import reference_folder
    from accelsim.study.validation.suite import run_validation

    wanted = output.chosen()
    outcome = run_validation(reference or reference_folder())
    output.give(validation_report(outcome, command_line()), wanted, details=every)
    if not (every or output.as_json):
        click.echo("--all shows every row")
    if outcome.failed:
        raise plain_click.exceptions.Exit(1)
