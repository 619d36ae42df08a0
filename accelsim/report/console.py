"""A report on a terminal, as wide as it is; plain when it goes into a file or a pipe."""

from __future__ import annotations

from rich import box
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from accelsim.report.table import Alert, Column, Heading, Prose, Report, Section, Table
from accelsim.report.text import Value, printable

# Columns that no table needs.
_LIMITLESS = 10_000
_STYLES = {"plain": "", "strong": "bold", "note": "dim", "warning": "yellow"}


def shown(report: Report, console: Console, *, details: bool = False) -> str:
    """Return what a console shows of a report, colours included if it has any."""
    sections = (
        *map(Prose, report.about),
        *report.sections,
        *(report.details if details else ()),
        *report.verdict,
        *(Prose(note, "note") for note in report.notes),
    )
    with console.capture() as capture:
        console.print(Text(printable(report.title), style="bold"))
        before: Section = Heading(report.title)
        for section in sections:
            if drawn := _drawn(section, console):
                if not _adjoins(before, section):
                    console.print()
                console.print(*drawn, sep="\n", highlight=False)
                before = section
    text = capture.get()
    if console.color_system:
        return text
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _adjoins(before: Section, section: Section) -> bool:
    """Say whether no blank line separates two sections."""
    if isinstance(section, Heading):
        return False
    return isinstance(before, Heading) or (isinstance(before, Prose) and isinstance(section, Prose))


def _drawn(section: Section, console: Console) -> list[RenderableType]:
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
        drawn = _table(section)
        unlimited = console.options.update(max_width=_LIMITLESS)
        if Measurement.get(console, unlimited, drawn).minimum > console.width:
            drawn.padding = (0, 0)
        return [*title, drawn, *notes]
    return []


def _table(table: Table) -> RichTable:
    drawn = RichTable(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1), collapse_padding=True
    )
    places = [place for place, column in enumerate(table.columns) if column.brief]
    lines = max(table.columns[place].heading.count("\n") for place in places)
    for place in places:
        column = table.columns[place]
        raised = "\n" * (lines - column.heading.count("\n"))
        drawn.add_column(
            Text(raised + printable(column.heading)),
            justify="right" if column.numeric else "left",
            no_wrap=column.numeric,
            overflow="fold",
        )
    for number, row in enumerate(table.rows, 1):
        if not row:
            drawn.add_section()
            continue
        cells = [_cell(table.columns[place], row[place]) for place in places]
        last = table.total and number == len(table.rows)
        drawn.add_row(*cells, style="bold" if last else None)
    return drawn


def _cell(column: Column, value: Value) -> Text:
    return Text(column.text(value), style="bold red" if isinstance(value, Alert) else "")
