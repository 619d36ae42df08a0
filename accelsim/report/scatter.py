"""A chart of points as text, for a terminal: a mark a place, the rarer series on top."""

from __future__ import annotations

from collections import Counter

from accelsim.report.table import Chart

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
