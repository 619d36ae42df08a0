"""A report on a terminal, as wide as it is; plain when it goes into a file or a pipe."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.text import Text

from accelsim.report.fitted import fitted
from accelsim.report.scatter import scatter
from accelsim.report.table import Chart, Heading, Prose, Report, Section, Table
from accelsim.report.text import printable

_STYLES = {"plain": "", "strong": "bold", "note": "dim", "warning": "yellow"}


def shown(report: Report, console: Console, *, details: bool = False) -> str:
    """Return what a console shows of a report, colours included if it has any."""
    groups: tuple[Iterable[Section], ...] = (
        report.verdict,
        map(Prose, report.about),
        report.sections,
        (picture for picture in report.pictures if isinstance(picture, Chart) and picture.brief),
        (Prose(note, "note") for note in report.notes),
        report.details if details else (),
    )
    with console.capture() as capture:
        console.print(Text(printable(report.title), style="bold"))
        before: Section | None = Heading(report.title)
        for group in groups:
            for section in group:
                if lines := drawn(section, console):
                    if before is None or not _adjoins(before, section):
                        console.print()
                    console.print(*lines, sep="\n", highlight=False)
                    before = section
            before = before and (before if isinstance(before, Heading) else None)
    text = capture.get()
    if console.color_system:
        return text
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _adjoins(before: Section, section: Section) -> bool:
    """Say whether no blank line separates two sections."""
    if isinstance(section, Heading):
        return False
    return isinstance(before, Heading) or (isinstance(before, Prose) and isinstance(section, Prose))


def drawn(section: Section, console: Console) -> list[RenderableType]:
    """Return what a console prints of a section; nothing for what it has no room for."""
    if isinstance(section, Heading):
        name, _, rest = section.detail.partition("\n")
        text = Text(printable(section.text), style="bold cyan")
        text.append(f"  {printable(name)}" if name else "", style="not bold default")
        text.append(f"\n{printable(rest)}" if rest else "", style="not bold default dim")
        return [text]
    if isinstance(section, Prose):
        return [Text(printable(section.text), style=_STYLES[section.tone])]
    if isinstance(section, Table):
        title = [Text(printable(section.title), style="bold")] if section.title else []
        notes = [Text(printable(note), style="dim") for note in section.notes]
        return [*title, *fitted(section, console.width), *notes]
    lines = scatter(section).splitlines() if section.brief else []
    return [Text(printable(line)) for line in lines]
