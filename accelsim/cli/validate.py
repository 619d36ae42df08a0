"""``accelsim validate``: compare with figures that nobody here wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click as plain_click
import rich_click as click

from accelsim.cli.output import refuse_unused_media, show, write, write_option

if TYPE_CHECKING:
    from accelsim.report.media.base import Medium


@click.command()
@click.option("--all", "every", is_flag=True, help="Show every comparison, not only failures.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write files into this folder.")
@write_option("json,html")
@click.option("--reference", type=click.Path(path_type=Path), help="Folder of the reference data.")
def validate(
    every: bool, as_json: bool, out: Path | None, media: list[Medium], reference: Path | None
) -> None:
    """Compare the models with published and measured figures; exit with 1 if one fails."""
    from accelsim.report.validation import validation_report
    from accelsim.study.validation.check import reference_folder
    from accelsim.study.validation.suite import run_validation

    refuse_unused_media(out)
    outcome = run_validation(reference or reference_folder())
    report = validation_report(outcome)
    paths = write(report, out, media) if out else []
    show(report, paths, as_json=as_json, details=every)
    if not (every or as_json):
        click.echo("--all shows every row")
    if outcome.failed:
        raise plain_click.exceptions.Exit(1)
