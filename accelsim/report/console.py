"""A report on a terminal, as wide as it is; plain when it goes into a file or a pipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.text import Text

from accelsim.report.fitted import fitted
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


_WIDTH, _HEIGHT = 60, 14
# The mark of each series, the most frequent first; letters that any terminal has.
_MARKS = ".ox+"


def scatter(chart: Chart) -> str:
    """Return the first ``y`` over ``x`` as lines; "" where points do not differ in both."""
    columns = {column.key: at for at, column in enumerate(chart.table.columns)}
    x, y = chart.x[0], chart.y[0]
    series = columns.get(chart.series)
    points = [
        (row[columns[x]], row[columns[y]], row[series] if series is not None else "")
        for row in chart.table.rows
        if row and all(isinstance(row[columns[key]], (int, float)) for key in (x, y))
    ]
    xs, ys = ([float(point[at]) for point in points] for at in (0, 1))  # type: ignore[arg-type]
    if len(points) < 2 or min(xs) == max(xs) or min(ys) == max(ys):
        return ""
    order = [name for name, _ in Counter(kind for _, _, kind in points).most_common()]
    grid = [[" "] * _WIDTH for _ in range(_HEIGHT)]
    for (_, _, kind), right, up in sorted(
        zip(points, _places(xs, _WIDTH), _places(ys, _HEIGHT), strict=True),
        key=lambda each: order.index(each[0][2]),
    ):
        grid[_HEIGHT - 1 - up][right] = _MARKS[min(order.index(kind), len(_MARKS) - 1)]
    across, upward = (chart.table.columns[columns[key]] for key in (x, y))
    legend = ", ".join(
        f"{_MARKS[min(at, len(_MARKS) - 1)]} {name}" for at, name in enumerate(order) if name
    )
    top, bottom = upward.text(max(ys)), upward.text(min(ys))
    room = max(len(top), len(bottom))
    labels = [top, *[""] * (_HEIGHT - 2), bottom]
    lines = [f"{label:>{room}} |{''.join(row)}" for label, row in zip(labels, grid, strict=True)]
    left, right_end = across.text(min(xs)), across.text(max(xs))
    title = f"{_flat(upward.title)} over {_flat(across.title)}"
    return "\n".join(
        [
            f"{title}: {legend}" if legend else title,
            *(line.rstrip() for line in lines),
            f"{'':{room}} +{'-' * _WIDTH}",
            f"{'':{room}}  {left}{right_end:>{_WIDTH - len(left)}}",
        ]
    )


def _flat(title: str) -> str:
    return " ".join(title.split())


def _places(values: list[float], room: int) -> list[int]:
    low, high = min(values), max(values)
    return [round((value - low) / (high - low) * (room - 1)) for value in values]
