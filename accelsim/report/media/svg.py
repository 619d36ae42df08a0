"""A picture: what a report comes to, and its first chart of names or its first table."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator
from itertools import cycle, groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from accelsim.report.media.base import Medium
from accelsim.report.table import Chart, Report, Table
from accelsim.report.text import printable

if TYPE_CHECKING:
    from rich.text import Text

_WIDTH, _PLOT = 100, 44
# Of Okabe and Ito, on dark, with a shape each.
_MARKS = (("●", "#56b4e9"), ("▲", "#e69f00"), ("◆", "#cc79a7"), ("■", "#009e73"))
_STYLE = itemgetter(1)
_TICKS = (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000)
# That of rich without the fonts that it fetches from a network.
_FORMAT = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px monospace; }}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class Svg(Medium):
    """The verdict of a report as a terminal shows it, with a chart: equal for equal reports."""

    name = "svg"

    def render(self, report: Report) -> Iterable[str]:
        """Return the picture."""
        from rich.console import Console

        from accelsim.report.console import drawn

        console = Console(
            file=io.StringIO(), width=_WIDTH, record=True, force_terminal=True,
            color_system="truecolor", no_color=False, legacy_windows=False, highlight=False,
        )  # fmt: skip
        for section in report.verdict:
            console.print(*drawn(section, console), sep="\n")
        console.print()
        sections = (*report.sections, *report.pictures)
        charts = (one for one in sections if isinstance(one, Chart) and _is_named(one))
        if chart := next(charts, None):
            console.print(*_dots(chart), sep="\n")
        elif table := next((one for one in sections if isinstance(one, Table)), None):
            console.print(*drawn(table, console), sep="\n")
        told = printable(f"accelsim: {report.title}")
        return [console.export_svg(title=told, code_format=_FORMAT, unique_id="accelsim")]


def _is_named(chart: Chart) -> bool:
    """Say whether a chart has points on one logarithmic axis, by name."""
    keys = [column.key for column in chart.table.columns]
    rows, x, y = chart.table.rows, keys.index(chart.x[0]), chart.y and keys.index(chart.y[0])
    if chart.kind != "points" or chart.x[0] not in chart.logarithmic or not rows:
        return False
    values = [row[x] for row in rows]
    positive = all(isinstance(value, int | float) and value > 0 for value in values)
    return positive and all(isinstance(row[y or 0], str) for row in rows)


def _dots(chart: Chart) -> Iterator[Text]:
    """Yield a chart: a line a name, a mark a series, the figures behind it, then the axis."""
    from rich.text import Text

    keys = {column.key: at for at, column in enumerate(chart.table.columns)}
    what, x = keys[chart.y[0]], keys[chart.x[0]]
    owners = [str(row[keys[chart.series]]) if chart.series else "" for row in chart.table.rows]
    series = list(dict.fromkeys(owners))
    marks = dict(zip(series, cycle(_MARKS), strict=False))
    pairs = zip(owners, chart.table.rows, strict=True)
    values = {(str(row[what]), owner): float(str(row[x])) for owner, row in pairs}
    low, high = min(1.0, *values.values()), max(1.0, *values.values())

    def place(value: float) -> int:
        return round(math.log(value / low) / math.log(high / low or math.e) * (_PLOT - 1))

    names = list(dict.fromkeys(name for name, _ in values))
    room = max(map(len, names))
    yield Text(printable(chart.title), style="bold")
    legend = Text()
    for name, (mark, colour) in marks.items():
        legend.append(f"{mark} {printable(name)}  ", style=colour)
    yield legend
    for name in names:
        line = Text(f"{printable(name):>{room}} ")
        known = [each for each in series if (name, each) in values]
        cells = {place(1.0): ("│", "dim")}
        cells |= {place(values[name, each]): marks[each] for each in reversed(known)}
        for style, same in groupby((cells.get(n, (" ", "")) for n in range(_PLOT)), _STYLE):
            line.append("".join(text for text, _ in same), style)
        for each in known:
            told = chart.table.columns[x].text(values[name, each])
            line.append(f"{told:>8}", style=marks[each][1])
        yield line
    axis = [" "] * (_PLOT + 4)
    for tick in (tick for tick in _TICKS if low <= tick <= high):
        label = f"{tick:g}x"
        axis[place(tick) : place(tick) + len(label)] = label
    yield Text(" " * (room + 1) + "".join(axis), style="dim")
