"""Where what a command found goes: into files, and onto the terminal. Nothing else prints names."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

if TYPE_CHECKING:
    from accelsim.report.files import Pieces
    from accelsim.report.media.base import Medium
    from accelsim.report.table import Report


@contextlib.contextmanager
def status(*, shown: bool, lines: bool = False) -> Iterator[Callable[[str], None] | None]:
    """Show what is being simulated on the error stream, if that is a terminal.

    With ``lines`` each step is a line where it is none: a log shows how far a long study is.
    """
    if not shown or not (lines or sys.stderr.isatty()):
        yield None
        return
    if not sys.stderr.isatty():
        yield lambda text: click.echo(f"accelsim: simulating {text}", err=True)
        return
    from rich.console import Console

    with Console(stderr=True).status("compiling") as line:
        yield lambda text: line.update(f"simulating {without_markup(text)}")


def without_markup(text: str) -> str:
    """Return a text that rich prints as it stands, control characters spelled."""
    from rich.markup import escape

    from accelsim.report.text import printable

    return escape(printable(text))


def write(
    report: Report,
    folder: Path,
    media: Sequence[Medium],
    more: Mapping[str, Pieces] | None = None,
    stale: Iterable[str] = (),
) -> list[Path]:
    """Write a report by each of the media, and more files, all together; return their paths.

    Files of an earlier call that ``stale`` names are removed.
    """
    from accelsim.report.files import write_all

    files: dict[str, Pieces] = {
        f"{report.name}.{medium.name}": medium.render(report) for medium in media
    }
    files |= more or {}
    write_all(folder, files, stale)
    return [folder / name for name in files]


def show(
    report: Report, paths: Sequence[Path] = (), *, as_json: bool = False, details: bool = False
) -> None:
    """Print a report, or its JSON, and where it was written to."""
    if as_json:
        from accelsim.report.media.json import Json

        click.echo("".join(Json().render(report)), nl=False)
        return
    from rich.console import Console
    from rich.text import Text

    from accelsim.report.console import shown
    from accelsim.report.text import printable

    console = Console(highlight=False)
    click.echo(shown(report, console, details=details), nl=False)
    if paths:
        *most, last = map(str, paths)
        names = " and ".join(filter(None, (", ".join(most), last)))
        console.print(Text(f"\nWrote {printable(names)}", style="dim"), soft_wrap=True)
