"""The plots of the study of faults, as SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Sequence

from accelsim.report.text import number, printable
from accelsim.study.faults.damage import DamageSummary
from accelsim.study.faults.statistics import Estimate
from accelsim.study.faults.study import SchemeResult
from accelsim.study.faults.sweep import Sweep

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 620, 320, 60, 20, 20, 44
_LINE = 16

_Scale = Callable[[float], float]
_Ticks = Sequence[tuple[str, float]]


def sweep_plots(sweep: Sweep) -> str:
    """Return the error of the logits and the agreement over the fault rate, with intervals.

    The logarithmic axis of errors leaves out zeros.
    """
    found = (p.damage.logits.mean for c in sweep.curves for p in c.points if p.damage)
    error, decades = _decades(found)
    tenths = [(f"{n / 5:g}", n / 5) for n in range(6)]
    return _plot(sweep, "relative error of the logits", lambda d: d.logits, error, decades) + _plot(
        sweep, "agreement with the model without faults", lambda d: d.agreement, _linear, tenths
    )


def scheme_plot(results: Sequence[SchemeResult]) -> str | None:
    """Return the logit error of each scheme over the area of its parameter memories.

    Schemes without a measured error stand on the axis below the smallest decade. None where no
    scheme has an area.
    """
    errors = {one.scheme.name: one.damage.logits.mean if one.damage else 0.0 for one in results}
    scale, decades = _decades(errors.values())
    areas = {one.scheme.name: 1e6 * one.costs.area for one in results if one.costs.area}
    if not areas:
        return None
    # Half as much again leaves room for the names.
    widest = 1.5 * max(areas.values())
    ticks = [(number(widest * n / 6), n / 6) for n in range(7)]
    parts = [_grid("relative error of the logits", "area of parameter memories, mm2", ticks)]
    parts.append(_marks([("0", 0.0), *((text, _above_zero(scale(v))) for text, v in decades)]))
    taken: list[tuple[float, float]] = []
    for name, area in areas.items():
        error = errors[name]
        x, y = _x(area / widest), _y(_above_zero(scale(error)) if error else 0.0)
        parts.append(f'<circle class="c0" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        while any(abs(y - other) < 12 and abs(x - at) < 130 for at, other in taken):
            y -= 13
        taken.append((x, y))
        parts.append(f'<text x="{x + 7:.1f}" y="{y - 3:.1f}">{html.escape(printable(name))}</text>')
    return _svg(parts)


def _above_zero(share: float) -> float:
    """Return the height of a decade's place, the lowest tenth being kept for zero."""
    return 0.1 + 0.9 * share


def _decades(values: Iterable[float]) -> tuple[_Scale, _Ticks]:
    """Return a logarithmic scale of whole decades around the positive values, and its ticks."""
    positive = [value for value in values if 0 < value < math.inf] or [0.1]
    low = math.floor(math.log10(min(positive)))
    high = max(low + 1, math.ceil(math.log10(max(positive))))
    return _log(10.0**low, 10.0**high), [(number(10.0**n), 10.0**n) for n in range(low, high + 1)]


def _log(low: float, high: float) -> _Scale:
    """Return the share of the axis, 0 to 1, at which a value lies on a logarithmic axis."""
    span = math.log(high / low)
    return lambda value: min(1.0, max(0.0, math.log(max(value, low) / low) / span))


def _linear(value: float) -> float:
    return value


def _plot(
    sweep: Sweep,
    title: str,
    figure: Callable[[DamageSummary], Estimate],
    scale: _Scale,
    ticks: _Ticks,
) -> str:
    rates = [point.rate for point in sweep.values.points]
    across = _log(rates[0] / 1.5, rates[-1] * 1.5)
    columns = [(number(rate), across(rate)) for rate in rates]
    parts = [_grid(title, "probability that a cell is misread", columns)]
    parts.append(_marks([(text, scale(value)) for text, value in ticks]))
    # The curves begin below on an axis of errors and above on one of agreement.
    top = _HEIGHT - _BOTTOM - 3 * _LINE if scale is _linear else _TOP + _LINE
    for place, curve in enumerate(sweep.curves):
        drawn = [
            (_x(across(point.rate)), figure(point.damage))
            for point in curve.points
            if point.damage and (scale is _linear or 0 < figure(point.damage).mean < math.inf)
        ]
        parts.append(_series(f"c{place}", drawn, scale))
        name, y = html.escape(printable(curve.name)), top + _LINE * place
        parts.append(f'<text class="c{place}" stroke="none" x="{_LEFT + 10}" y="{y}">{name}</text>')
    return _svg(parts)


def _series(kind: str, points: Sequence[tuple[float, Estimate]], scale: _Scale) -> str:
    line = " ".join(f"{x:.1f},{_y(scale(one.mean)):.1f}" for x, one in points)
    parts = [f'<polyline class="{kind}" points="{line}"/>']
    for x, one in points:
        parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{_y(scale(one.mean)):.1f}" r="3"/>')
        if one.low is not None and one.high is not None:
            low, high = _y(scale(one.low)), _y(scale(one.high))
            parts.append(_line(kind, (x, x), (low, high)))
    return "".join(parts)


def _grid(title: str, label: str, columns: _Ticks) -> str:
    """Return the title, the axis and a line for each column at its share of the width."""
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [f'<text x="{_LEFT}" y="{_TOP - 6}">{html.escape(title)}</text>']
    for text, share in columns:
        parts.append(_line("grid", (_x(share), _x(share)), (_TOP, bottom)))
        place = f'x="{_x(share):.1f}" y="{bottom + 16}"'
        parts.append(f'<text text-anchor="middle" {place}>{text}</text>')
    parts.append(_line("axis", (_LEFT, right), (bottom, bottom)))
    place = f'x="{(_LEFT + right) / 2}" y="{bottom + 36}"'
    parts.append(f'<text text-anchor="middle" {place}>{html.escape(label)}</text>')
    return "".join(parts)


def _marks(rows: _Ticks) -> str:
    """Return a line and a text for each row at its share of the height."""
    parts = []
    for text, share in rows:
        y = _y(share)
        parts.append(_line("grid", (_LEFT, _WIDTH - _RIGHT), (y, y)))
        parts.append(f'<text text-anchor="end" x="{_LEFT - 6}" y="{y + 4:.1f}">{text}</text>')
    return "".join(parts)


def _line(kind: str, across: tuple[float, float], down: tuple[float, float]) -> str:
    (x1, x2), (y1, y2) = across, down
    return f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def _svg(parts: Iterable[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(parts)}</svg>'


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)
