"""What the commands of studies have in common: progress, and where results go."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

if TYPE_CHECKING:
    from rich.console import RenderableType


@contextlib.contextmanager
def status(*, shown: bool) -> Iterator[Callable[[str], None] | None]:
    """Show what is being simulated on the terminal's error stream, if there is one."""
    if not shown or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("compiling") as line:
        yield lambda text: line.update(f"simulating {text}")


def deliver(
    report: RenderableType,
    document: Mapping[str, Any],
    name: str,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    """Write a study's JSON to ``out``, if given, then print it or the report."""
    from rich.console import Console

    from accelsim.report.files import write_all
    from accelsim.report.studies import study_text

    text = study_text(document)
    if out is not None:
        write_all(out, {name: [text]})
    if as_json:
        click.echo(text, nl=False)
        return
    console = Console(highlight=False)
    console.print(report)
    if out is not None:
        console.print(f"\nWrote {out / name}", style="dim", soft_wrap=True)
