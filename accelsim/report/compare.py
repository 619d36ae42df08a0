"""The report of a comparison: what was changed, then figures of all sides by each grouping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from accelsim.report.origin import head
from accelsim.report.table import Column, Heading, Prose, Report, Row, Section, Table
from accelsim.report.text import Value, shortened, value_text
from accelsim.study.compare import Compared, Line, View

SCHEMA_VERSION = 1
# [ours] The least share of a whole, and the most lines of a view, that are told without --verbose.
_LEAST, _MOST = 1e-6, 8


def compare_report(
    found: Sequence[Compared],
    groupings: Sequence[str],
    command: Sequence[str],
    failures: Sequence[str] = (),
) -> Report:
    """Return the tables of each comparison; ``failures`` are told last."""
    data = _data(found)
    return Report(
        name="compare",
        title=_title(found[0]),
        sections=tuple(s for one in found for s in _sections(one, groupings, _MOST)),
        details=tuple(s for one in found for s in _sections(one, groupings, None)),
        verdict=(
            *(Prose(text) for one in found for text in _verdict(one)),
            *(Prose(text, "warning") for text in failures),
        ),
        data=data,
        document={
            **head(SCHEMA_VERSION, command),
            "study": "compare",
            "failed": list(failures),
            "comparisons": [_document(one) for one in found],
        },
    )


def _title(one: Compared) -> str:
    """Return what every ratio is of: "b as a multiple of a"."""
    first, *others = (side.name for side in one.sides)
    return f"{', '.join(others)} as {'multiples' if others[1:] else 'a multiple'} of {first}"


def _verdict(one: Compared) -> Iterator[str]:
    """Yield what each side takes of the first's, in the widest scope of each quantity."""
    first = one.sides[0].name
    widest = [view.lines[-1] for view in one.views if view.by == "scope" and view.lines]
    for number, side in enumerate(one.sides[1:], start=1):
        told = [
            f"{line.key} {value_text(ratio, 'x', 3)}"
            for line in widest
            if (ratio := line.ratio(number)) is not None
        ]
        yield f"{side.name} takes, of what {first} takes: {', '.join(told)}"


def _sections(one: Compared, groupings: Sequence[str], most: int | None) -> Iterator[Section]:
    yield Heading(_title(one))
    if most is not None:
        yield _changed(one)
    for view in one.views:
        if view.by in groupings and (most is not None or len(view.lines) > _MOST):
            yield _view(one, view, most)


def _changed(one: Compared) -> Section:
    if not one.changed:
        return Prose("The inputs are the same.")
    names = [side.name for side in one.sides]
    columns = (Column("path", "what was changed"), *(Column(name, name) for name in names))
    rows = tuple(tuple(shortened(text, 60) for text in change) for change in one.changed)
    return Table("Inputs that differ", columns, rows)


def _view(one: Compared, view: View, most: int | None) -> Table:
    names = [side.name for side in one.sides]
    columns = [Column("key", view.by), *(Column(name, name, view.unit) for name in names)]
    for name in names[1:]:
        of = f"{name}\n" if len(names) > 2 else ""
        columns += [Column("", f"{of}difference", view.unit), Column("", f"{of}ratio", "x")]
    lines = view.lines if most is None else [one for one in view.lines if _tells(one, view)][:most]
    rows = tuple(_row(line, view.unit) for line in lines)
    left = len(view.lines) - len(rows)
    notes = (f"{left} more with --verbose",) if left else ()
    of = "" if view.by == "scope" else ", of the whole run"
    return Table(f"{view.quantity} by {view.by}{of}", tuple(columns), rows, notes)


def _tells(line: Line, view: View) -> bool:
    """Say whether a line is more than a refresh that fell to the other side of a border."""
    every = zip(*(one.values for one in view.lines), strict=True)
    totals = (sum(value or 0.0 for value in values) for values in every)
    pairs = zip(line.values, totals, strict=True)
    return view.by == "scope" or any((v or 0.0) >= _LEAST * total for v, total in pairs)


def _row(line: Line, unit: str) -> Row:
    # Figures of results.json in mm2 are shown in it; columns take SI.
    scale = 1e-6 if unit == "mm2" else 1.0
    scaled: list[Value] = [None if value is None else scale * value for value in line.values]
    cells: list[Value] = [line.key, *scaled]
    for side in range(1, len(line.values)):
        difference = line.difference(side)
        cells += [None if difference is None else scale * difference, line.ratio(side)]
    return tuple(cells)


def _data(found: Sequence[Compared]) -> Table:
    columns = tuple(
        Column(name, name, unit)
        for name, unit in (
            ("by", ""), ("quantity", ""), ("unit", ""), ("key", ""), ("first", ""), ("side", ""),
            ("value", "1"), ("difference", "1"), ("ratio", "x"),
        )
    )  # fmt: skip
    rows = tuple(
        (view.by, view.quantity, view.unit, line.key, one.sides[0].name, side.name,
         line.values[number], line.difference(number), line.ratio(number))
        for one in found
        for view in one.views
        for line in view.lines
        for number, side in enumerate(one.sides)
    )  # fmt: skip
    return Table("", columns, rows)


def _document(one: Compared) -> dict[str, Any]:
    return {
        "sides": [
            {"name": side.name, "run": str(side.run.folder), "case": side.case}
            for side in one.sides
        ],
        "changed": [{"path": path, "values": values} for path, *values in one.changed],
        "views": [
            {
                "by": view.by,
                "quantity": view.quantity,
                "unit": view.unit,
                "lines": [
                    {
                        "key": line.key,
                        "values": list(line.values),
                        "ratios": [line.ratio(n) for n in range(1, len(line.values))],
                    }
                    for line in view.lines
                ],
            }
            for view in one.views
        ],
    }
