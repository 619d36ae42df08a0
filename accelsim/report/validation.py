"""The outcome of a validation as tables, JSON and one HTML page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accelsim.study.validation.check import Check
from accelsim.study.validation.suite import GroupSummary, summarise

_COLUMNS = ("quantity", "reference", "accelsim", "deviation", "allowed", "verdict", "source")
_VERDICTS = {True: "pass", False: "FAIL", None: "reported"}


def validation_report(checks: Sequence[Check], *, every: bool) -> RenderableType:
    """Return the summary by group and the single checks: all, or those that fail."""
    summaries = summarise(checks)
    parts: list[RenderableType] = [_summary_table(summaries)]
    shown = list(checks) if every else [check for check in checks if check.passed is False]
    if shown:
        parts += [Text(), _check_table(shown)]
    failed = sum(summary.failed for summary in summaries)
    count = sum(summary.count for summary in summaries)
    reported = sum(check.allowed is None for check in checks)
    more = "" if every else " (--all shows every row)"
    parts.append(
        Text(
            f"{count} comparisons, {failed} failed; {reported} more figures (the paper's headline, "
            f"arrays one by one) are reported without verdict{more}"
        )
    )
    return Group(*parts)


def _summary_table(summaries: Sequence[GroupSummary]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("against", "checks", "nearest to its limit", "deviation", "allowed", "verdict"):
        table.add_column(name, justify="left" if name.startswith(("a", "near")) else "right")
    for summary in summaries:
        worst = summary.worst
        verdict = "pass" if not summary.failed else f"{summary.failed} FAIL"
        exact = worst.deviation == 0
        table.add_row(
            summary.group,
            str(summary.count),
            "all equal" if exact else worst.quantity,
            _percent(worst.deviation),
            _percent(worst.allowed),
            Text(verdict, style="green" if not summary.failed else "bold red"),
        )
    return table


def _check_table(checks: Sequence[Check]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in _COLUMNS:
        right = name in ("reference", "accelsim", "deviation", "allowed")
        table.add_column(name, justify="right" if right else "left")
    for check in checks:
        table.add_row(*_cells(check))
    return table


def _cells(check: Check) -> list[str]:
    return [
        check.quantity,
        f"{check.reference:.7g} {check.unit}",
        f"{check.value:.7g}",
        _percent(check.deviation),
        _percent(check.allowed),
        _VERDICTS[check.passed],
        check.source,
    ]


def _percent(share: float | None) -> str:
    if share is None:
        return ""
    return "0 %" if share == 0 else f"{100 * share:.3g} %"


def validation_document(checks: Sequence[Check]) -> dict[str, Any]:
    """Return the outcome for JSON."""
    return {
        "schema_version": 1,
        "failed": sum(check.passed is False for check in checks),
        "checks": [
            {
                "group": check.group,
                "quantity": check.quantity,
                "unit": check.unit,
                "reference": check.reference,
                "accelsim": check.value,
                "deviation": check.deviation,
                "allowed_deviation": check.allowed,
                "verdict": _VERDICTS[check.passed],
                "source": check.source,
            }
            for check in checks
        ],
    }


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>accelsim validation</title><style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }}
body {{ margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; font-size: .9rem; }}
th, td {{ border-bottom: 1px solid #8884; padding: .25rem .6rem; text-align: left; }}
td.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.FAIL {{ color: #d33; font-weight: 600; }}
.pass {{ color: #2a8a3a; }} td.source {{ opacity: .7; overflow-wrap: anywhere; }}
</style></head><body><h1>accelsim {version}: validation</h1>
<p>{verdict}</p>{tables}</body></html>
"""


def validation_page(checks: Sequence[Check], version: str) -> str:
    """Return one self-contained HTML page with every check, by group."""
    groups: dict[str, list[Check]] = {}
    for check in checks:
        groups.setdefault(check.group, []).append(check)
    failed = sum(check.passed is False for check in checks)
    verdict = f"{len(checks)} figures compared, {failed} outside the allowed deviation."
    tables = "".join(_group_table(name, members) for name, members in groups.items())
    return _PAGE.format(version=html.escape(version), verdict=verdict, tables=tables)


def _group_table(name: str, checks: Sequence[Check]) -> str:
    rows = "".join(_row(check) for check in checks)
    heads = "".join(f"<th>{head}</th>" for head in _COLUMNS)
    return f"<h2>{html.escape(name)}</h2><table><tr>{heads}</tr>{rows}</table>"


def _row(check: Check) -> str:
    quantity, *numbers, verdict, source = map(html.escape, _cells(check))
    cells = "".join(f'<td class="n">{number}</td>' for number in numbers)
    end = f'<td class="{verdict}">{verdict}</td><td class="source">{source}</td>'
    return f"<tr><td>{quantity}</td>{cells}{end}</tr>"
