"""Charts as SVG: marks with intervals on linear or logarithmic axes, series joined by lines."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from accelsim.report.table import Axis, Chart, Mark
from accelsim.report.text import number, printable

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 620, 320, 60, 20, 24, 44
# The part of a logarithmic axis that is kept for zero.
_ZERO = 0.1
_TICKS = 6
# Below it a linear axis is as good as empty.
_SMALLEST = 1e-200

# The share of an axis at which a value lies, and the values that are marked.
_Scale = tuple[Callable[[float], float], Sequence[float]]


def chart_svg(chart: Chart) -> str:
    """Return the drawing of a chart."""
    marks = [mark for series in chart.series.values() for mark in series]
    across, columns = _scale(chart.x, [mark.x for mark in marks])
    up, rows = _scale(chart.y, [mark.y for mark in marks])
    parts = [_text(_LEFT, _TOP - 10, chart.y.title)]
    for value in columns:
        x = _x(across(value))
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_y(0)}"/>')
        parts.append(_text(x, _y(0) + 16, number(value), "middle"))
    for value in rows:
        y = _y(up(value))
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_x(1)}" y1="{y}" y2="{y}"/>')
        parts.append(_text(_LEFT - 6, y + 4, number(value), "end"))
    parts.append(_text(_x(0.5), _y(0) + 36, chart.x.title, "middle"))
    for place, (name, series) in enumerate(chart.series.items()):
        spots = [(_x(across(mark.x)), _y(up(mark.y)), mark) for mark in series]
        parts += _series(place, spots, up, joined=len(chart.series) > 1)
        if len(chart.series) > 1:
            parts.append(_text(_LEFT + 10, _TOP + 16 * (place + 1), name, kind=f"c{place}"))
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(parts)}</svg>'


_Spot = tuple[float, float, Mark]


def _series(
    place: int, spots: Sequence[_Spot], up: Callable[[float], float], *, joined: bool
) -> Iterator[str]:
    kind, taken = f'class="c{place}"', list[tuple[float, float]]()
    if joined:
        line = " ".join(f"{x},{y}" for x, y, _ in spots)
        yield f'<polyline {kind} points="{line}"/>'
    for x, y, mark in spots:
        yield f'<circle {kind} cx="{x}" cy="{y}" r="3.5"/>'
        if mark.low is not None and mark.high is not None:
            low, high = _y(up(mark.low)), _y(up(mark.high))
            yield f'<line {kind} x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>'
        if mark.text:
            while any(abs(y - other) < 12 and abs(x - at) < 130 for at, other in taken):
                y -= 13
            taken.append((x, y))
            left = x > _x(0.65)
            yield _text(x - 7 if left else x + 7, y - 3, mark.text, "end" if left else "start")


def _scale(axis: Axis, values: Iterable[float]) -> _Scale:
    finite = [value for value in values if math.isfinite(value)] or [1.0]
    return _logarithmic(finite) if axis.logarithmic else _linear(max(finite))


def _logarithmic(values: Sequence[float]) -> _Scale:
    """Return whole decades around the positive values, above a place for zero if there is one."""
    positive = [value for value in values if value > 0] or [1.0]
    low = math.floor(math.log10(min(positive)))
    high = max(low + 1, math.ceil(math.log10(max(positive))))
    rest = _ZERO if min(values) <= 0 else 0.0

    def place(value: float) -> float:
        if value < 10.0**low:
            return 0.0
        decades = min(math.log10(value), high) - low if math.isfinite(value) else high - low
        return rest + (1 - rest) * decades / (high - low)

    return place, [*([0.0] if rest else []), *(10.0**n for n in range(low, high + 1))]


def _linear(largest: float) -> _Scale:
    """Return round steps from zero to beyond the largest value."""
    rough = (largest if largest > _SMALLEST else 1.0) / _TICKS
    decade = 10.0 ** math.floor(math.log10(rough))
    step = next(n * decade for n in (1, 2, 5, 10) if n * decade >= rough)
    count = math.ceil(largest / step) or 1
    return lambda value: min(max(value / (count * step), 0.0), 1.0), [
        n * step for n in range(count + 1)
    ]


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    style = f' class="{kind}" style="stroke: none"' if kind else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text{style} {place}>{html.escape(printable(text))}</text>"


def _x(share: float) -> float:
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(share: float) -> float:
    return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)
