"""``accelsim validate``: compare with figures that nobody here wrote."""

from __future__ import annotations

from pathlib import Path

import click as plain_click
import rich_click as click

from accelsim.version import __version__


@click.command()
@click.option("--all", "every", is_flag=True, help="Show every comparison, not only failures.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", type=click.Path(path_type=Path), help="Also write an HTML page here.")
@click.option("--reference", type=click.Path(path_type=Path), help="Folder of the reference data.")
def validate(every: bool, as_json: bool, html: Path | None, reference: Path | None) -> None:
    """Compare the models with published and measured figures; exit with 1 if one fails."""
    import json

    from rich.console import Console

    from accelsim.report.files import write_all
    from accelsim.report.validation import (
        validation_document,
        validation_page,
        validation_report,
    )
    from accelsim.study.validation.check import reference_folder
    from accelsim.study.validation.suite import run_validation

    checks = run_validation(reference or reference_folder())
    if html is not None:
        page = validation_page(checks, __version__)
        write_all(html.parent, {html.name: [page]})
    if as_json:
        click.echo(json.dumps(validation_document(checks), indent=1))
    else:
        Console(highlight=False).print(validation_report(checks, every=every))
    if any(check.passed is False for check in checks):
        raise plain_click.exceptions.Exit(1)
