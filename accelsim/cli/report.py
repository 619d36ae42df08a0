"""``accelsim report``: the page of what a command found, from its files or from a new run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click as plain_click
import rich_click as click

from accelsim.cli.options import plugins_option, set_option
from accelsim.cli.output import write
from accelsim.errors import ConfigError
from accelsim.inputs.manifest import check_whole

if TYPE_CHECKING:
    from accelsim.report.table import Report

_ADVICE = "name a folder that a command of this version wrote, or a workload"


@click.command()
@click.argument("target", metavar="FOLDER_OR_WORKLOAD", type=click.Path(path_type=Path))
@set_option
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the page. [FOLDER]")
@plugins_option
@plain_click.pass_context
def report(
    context: click.Context, target: Path, assignments: tuple[str, ...], out: Path | None
) -> None:
    """Write one HTML page, which needs no network, of what a command found.

    A FOLDER is one that run, faults, validate or another study has written: each JSON file there
    gets its page beside it. A WORKLOAD is run first, as by run --report.

    \b
    accelsim report out/mti_mnli_mrpc_qnli
    """
    from accelsim.report.media.html import Html

    if not (target.is_dir() or target.suffix == ".json"):
        _run(context, target, assignments, out)
        return
    if assignments:
        raise ConfigError("--set changes a workload; what lies in a folder is done")
    for file, found in _reports(target):
        (path,) = write(found, out or file.parent, [Html()])
        click.echo(f"Wrote {path}")


def _run(
    context: click.Context, workload: Path, assignments: tuple[str, ...], out: Path | None
) -> None:
    from accelsim.cli.run import run

    given = {"workload": workload, "assignments": assignments, "out": out}
    context.invoke(run, **given, media="json", page=True, quiet=True, no_trace=False)
    click.echo("Done: the page lies beside the results")


def _reports(target: Path) -> list[tuple[Path, Report]]:
    """Return what readers see of each JSON file of ours. Raises ConfigError for none.

    So it does for a folder whose files may be of two runs.
    """
    check_whole(target if target.is_dir() else target.parent)
    files = sorted(target.glob("*.json")) if target.is_dir() else [target]
    found = [(file, one) for file in files if (one := _report(file))]
    if not found:
        raise ConfigError(f"{target}: there is no report in it; {_ADVICE}")
    return found


def _report(file: Path) -> Report | None:
    from accelsim.inputs.document import read_text
    from accelsim.report.saved import REPORT, restored

    text = read_text(file, "JSON", lambda _: _ADVICE)
    # A timeline is large and has none.
    if f'"{REPORT}": {{' not in text:
        return None
    try:
        document: dict[str, Any] = json.loads(text)
        return restored(document)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{file}: not the results of this version; {_ADVICE}") from error
