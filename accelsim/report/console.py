"""A report on a terminal, as wide as it is; plain when it goes into a file or a pipe."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Column as RichColumn
from rich.table import Table as RichTable
from rich.text import Text

from accelsim.report.scatter import scatter
from accelsim.report.table import Alert, Chart, Column, Heading, Prose, Report, Section, Table
from accelsim.report.text import Value, printable

# [ours] Longer words, such as paths, may be broken.
_LONGEST_WORD = 24
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
        return [*title, _fitted(section, console), *notes]
    lines = scatter(section).splitlines() if section.brief else []
    return [Text(printable(line)) for line in lines]


def _fitted(table: Table, console: Console) -> RichTable:
    """Return a table that gives up space, then lines, before it breaks a word."""
    drawn = _table(table)
    least = [_longest_word(column) for column in drawn.columns]
    gap = 2 if sum(least) + 2 * len(least) - 2 <= console.width else 1
    drawn.padding = (0, gap - 1)
    room = console.width - gap * (len(least) - 1)
    widths = [max(_widths(column)) for column in drawn.columns]
    while sum(widths) > room and widths != least:
        spare = [n for n, width in enumerate(widths) if width > least[n]]
        widths[max(spare, key=widths.__getitem__)] -= 1
    if sum(widths) <= room:
        for column, width in zip(drawn.columns, widths, strict=True):
            column.width = width
    return drawn


def _texts(column: RichColumn) -> list[str]:
    return [str(column.header), *map(str, column.cells)]


def _widths(column: RichColumn) -> list[int]:
    return [cell_len(line) for text in _texts(column) for line in text.split("\n")]


def _longest_word(column: RichColumn) -> int:
    """Return the narrowest that a column may be."""
    if column.no_wrap:
        return max(_widths(column))
    words = (word for text in _texts(column) for word in text.split())
    return min(_LONGEST_WORD, max(map(cell_len, words), default=0))


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
