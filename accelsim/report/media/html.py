"""One self-contained HTML page: nothing is loaded, light and dark as the reader's system is."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from itertools import chain

from accelsim.report.charts import chart_svg
from accelsim.report.media.base import Medium
from accelsim.report.table import Alert, Column, Heading, Prose, Report, Section, Table
from accelsim.report.text import Value, printable
from accelsim.version import __version__

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ margin: 2rem auto; max-width: 68rem; padding: 0 1rem; }}
h1 {{ font-size: 1.6rem; }} h2 {{ margin: 2.5rem 0 .5rem; font-size: 1.25rem; }}
h2 small {{ font-weight: 400; opacity: .75; }} p {{ margin: .4rem 0; max-width: 48rem; }}
.wide {{ overflow-x: auto; margin: 1.2rem 0; }}
table {{ border-collapse: collapse; font-size: .875rem; }}
caption {{ text-align: left; font-weight: 600; padding: 0 0 .3rem; white-space: nowrap; }}
th {{ vertical-align: bottom; white-space: pre-line; border-bottom: 1.5px solid #8888; }}
th, td {{ padding: .2rem .7rem; text-align: left; }} td {{ border-bottom: 1px solid #8883; }}
tbody + tbody tr:first-child td {{ border-top: 2px solid #8889; }}
tbody tr:hover {{ background: #8881; }}
.n {{ text-align: right; font-variant-numeric: tabular-nums; }} td.n {{ white-space: nowrap; }}
.total {{ font-weight: 600; }} .strong {{ border-left: 3px solid #0072b2; padding-left: .6rem; }}
.note {{ opacity: .75; font-size: .875rem; }}
.warning {{ border-left: 3px solid #c80; padding-left: .6rem; }}
.alert {{ color: light-dark(#b3261e, #ff8a80); font-weight: 600; }}
figure {{ margin: 1.5rem 0; }} figcaption {{ font-weight: 600; }}
svg {{ width: 44rem; max-width: 100%; height: auto; }}
svg text {{ font-size: 12px; fill: currentColor; }}
.grid {{ stroke: #8884; }}
.c0 {{ stroke: #0072b2; fill: #0072b2; }} .c1 {{ stroke: #d55e00; fill: #d55e00; }}
.c2 {{ stroke: #009e73; fill: #009e73; }} polyline {{ fill: none !important; stroke-width: 2; }}
</style></head><body><h1>{title}</h1>
"""


class Html(Medium):
    """The sections of a report as a page, details and charts included."""

    name = "html"

    def render(self, report: Report) -> Iterable[str]:
        """Yield the page, section by section."""
        yield _HEAD.format(title=_escaped(report.title))
        about = map(Prose, report.about)
        notes = (Prose(note, "note") for note in report.notes)
        parts = (report.verdict, about, report.sections, notes, report.details)
        for section in chain.from_iterable(parts):
            yield from _drawn(section)
        yield f'<p class="note">accelsim {__version__}</p></body></html>\n'


def _escaped(text: str) -> str:
    return html.escape(printable(text))


def _drawn(section: Section) -> Iterator[str]:
    if isinstance(section, Heading):
        name, _, rest = section.detail.partition("\n")
        yield f"<h2>{_escaped(section.text)} <small>{_escaped(name)}</small></h2>\n"
        yield from (f'<p class="note">{_escaped(line)}</p>\n' for line in rest.splitlines())
    elif isinstance(section, Prose):
        yield f'<p class="{section.tone}">{_escaped(section.text)}</p>\n'
    elif isinstance(section, Table):
        yield from _table(section)
        yield from (f'<p class="note">{_escaped(note)}</p>\n' for note in section.notes)
    else:
        title = f"<figcaption>{_escaped(section.title)}</figcaption>"
        yield f"<figure>{title}{chart_svg(section)}</figure>\n"


def _table(table: Table) -> Iterator[str]:
    caption = f"<caption>{_escaped(table.title)}</caption>" if table.title else ""
    heads = "".join(
        f"<th{_kind(column)}>{_escaped(column.heading)}</th>" for column in table.columns
    )
    yield f'<div class="wide"><table>{caption}<thead><tr>{heads}</tr></thead><tbody>\n'
    for number, row in enumerate(table.rows, 1):
        if not row:
            yield "</tbody><tbody>\n"
            continue
        kind = ' class="total"' if table.total and number == len(table.rows) else ""
        cells = map(_cell, table.columns, row)
        yield f"<tr{kind}>{''.join(cells)}</tr>\n"
    yield "</tbody></table></div>\n"


def _cell(column: Column, value: Value) -> str:
    kind = ' class="alert"' if isinstance(value, Alert) else _kind(column)
    return f"<td{kind}>{_escaped(column.text(value))}</td>"


def _kind(column: Column) -> str:
    return ' class="n"' if column.numeric else ""
