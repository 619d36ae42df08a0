"""``accelsim validate``: compare with figures that nobody here wrote."""

from __future__ import annotations

from pathlib import Path

import click as plain_click
import rich_click as click

from accelsim.cli.options import command_line, output_options, refuse_unused_media
from accelsim.cli.output import show, write


@click.command()
@click.option("--all", "every", is_flag=True, help="Show every comparison, not only failures.")
@click.option("--reference", type=click.Path(path_type=Path), help="Folder of the reference data.")
@output_options()
def validate(
    every: bool, as_json: bool, out: Path | None, media: str, reference: Path | None
) -> None:
    """Compare the models with published and measured figures; exit with 1 if one fails."""
    from accelsim.report.media import chosen_media
    from accelsim.report.validation import validation_report
    from accelsim.study.validation.check import reference_folder
    from accelsim.study.validation.suite import run_validation

    refuse_unused_media(out)
    wanted = chosen_media(media)
    outcome = run_validation(reference or reference_folder())
    report = validation_report(outcome, command_line())
    paths = write(report, out, wanted) if out else []
    show(report, paths, as_json=as_json, details=every)
    if not (every or as_json):
        click.echo("--all shows every row")
    if outcome.failed:
        raise plain_click.exceptions.Exit(1)
