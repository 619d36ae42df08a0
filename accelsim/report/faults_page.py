"""The study of faults as one HTML page with its plots."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from accelsim.report.faults import (
    COST_COLUMNS,
    FAULT_COLUMNS,
    cost_cells,
    fault_cells,
    faults_findings,
    faults_notes,
    number,
)
from accelsim.report.faults_plots import scheme_plot, sweep_plots
from accelsim.study.faults.damage import DamageSummary
from accelsim.study.faults.statistics import INTERVALS
from accelsim.study.faults.study import FaultStudy
from accelsim.study.faults.sweep import Sweep
from accelsim.version import __version__

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }}
body {{ margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; margin: 1rem 0 2rem; font-size: .9rem; }}
th, td {{ border-bottom: 1px solid #8884; padding: .25rem .6rem; text-align: right; }}
th:first-child, td:first-child {{ text-align: left; }}
td {{ font-variant-numeric: tabular-nums; white-space: nowrap; }}
.wide {{ overflow-x: auto; }}
svg {{ max-width: 100%; height: auto; }} svg text {{ font-size: 12px; fill: currentColor; }}
.axis {{ stroke: currentColor; }} .grid {{ stroke: #8884; }}
.c0 {{ stroke: #0072b2; fill: #0072b2; }} .c1 {{ stroke: #d55e00; fill: #d55e00; }}
.c2 {{ stroke: #009e73; fill: #009e73; }} polyline {{ fill: none !important; stroke-width: 2; }}
.note {{ opacity: .75; }}
</style></head><body><h1>{title}</h1>
<p>{about}</p>{body}</body></html>
"""


def faults_page(study: FaultStudy) -> str:
    """Return one self-contained page: the tables, the findings and the plots."""
    subject = study.subject
    about = (
        f"accelsim {__version__}; case {subject.case.name}, task {subject.task}, "
        f"{subject.technology.name}, {subject.numbers.kind} values. "
        f"Weights: {subject.compressed.origin}. Sentences: {subject.sentences.origin}; "
        f"{len(study.seeds)} seeds of faults."
    )
    body = [_paragraphs(faults_findings(study))]
    if study.sweep:
        body.append("<h2>The same fault probability in values and in masks</h2>")
        body.append(sweep_plots(study.sweep))
    body += ["<h2>Area against damage</h2>", scheme_plot(study.schemes)]
    body += ["<h2>Costs</h2>", _table(COST_COLUMNS, map(cost_cells, study.schemes))]
    body += ["<h2>Faults and damage</h2>", _table(FAULT_COLUMNS, map(fault_cells, study.schemes))]
    body += ["<h2>Error of each layer's output</h2>", _layers(study)]
    if study.sweep:
        body += ["<h2>Sweep</h2>", _sweep_table(study.sweep)]
    body.append(_paragraphs([INTERVALS, *_meanings(study), *faults_notes(study)], "note"))
    title = f"{subject.workload.config.name}: storage schemes and faults"
    return _PAGE.format(title=html.escape(title), about=html.escape(about), body="".join(body))


def _meanings(study: FaultStudy) -> list[str]:
    return [f"{one.scheme.name}: {one.scheme.description}" for one in study.schemes]


def _paragraphs(lines: Iterable[str], kind: str = "") -> str:
    return "".join(f'<p class="{kind}">{html.escape(line)}</p>' for line in lines)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    lines = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<div class=wide><table><tr>{heads}</tr>{lines}</table></div>"


def _layers(study: FaultStudy) -> str:
    harmed = [(one.scheme.name, one.damage) for one in study.schemes if one.damage]
    count = max((len(damage.layers) for _, damage in harmed), default=0)
    rows = [[name, *(number(layer.mean) for layer in damage.layers)] for name, damage in harmed]
    return _table(["scheme", *(str(layer + 1) for layer in range(count))], rows)


def _sweep_table(sweep: Sweep) -> str:
    columns = ["rate"]
    for curve in sweep.curves:
        columns += [f"{curve.name}: faults", "weights", "logits", "agreement"]
    rows = []
    for points in zip(*(curve.points for curve in sweep.curves), strict=True):
        cells = [text for p in points for text in (number(p.expected), *_effects(p.damage))]
        rows.append([f"{points[0].rate:g}", *cells])
    ones = [text for curve in sweep.curves for text in ("1", *_effects(curve.one))]
    return _table(columns, [*rows, ["one cell", *ones]])


def _effects(damage: DamageSummary | None) -> list[str]:
    if damage is None:
        return ["0", "0", "1"]
    return [
        number(damage.weights.mean),
        number(damage.logits.mean),
        number(damage.agreement.mean),
    ]
