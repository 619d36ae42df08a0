"""A report as JSON and back: whatever a command found, its page can be made again from its files.

Values are kept as they are, in SI; what is not finite and the lines of tables have no text in JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, get_args

from accelsim.report.table import (
    Alert,
    Chart,
    Column,
    Guide,
    Report,
    Row,
    Section,
    Table,
)
from accelsim.report.text import Value

REPORT = "report"
_PARTS = ("verdict", "sections", "pictures", "details")
_SECTIONS = {kind.__name__: kind for kind in get_args(Section)}


def saved(report: Report) -> dict[str, Any]:
    """Return what readers see of a report, ready for JSON; tables by column, texts once each.

    Charts name their tables by number: several may show one.
    """
    tables: dict[int, Table] = {}
    parts = {part: [_packed(each, tables) for each in getattr(report, part)] for part in _PARTS}
    return {
        "name": report.name,
        "title": report.title,
        "about": list(report.about),
        "notes": list(report.notes),
        "tables": [packed_table(table) for table in tables.values()],
        **parts,
    }


def restored(document: Mapping[str, Any]) -> Report:
    """Return the report that was saved in a document. Raises KeyError or TypeError for others."""
    found = document[REPORT]
    tables = [_table(each) for each in found["tables"]]
    parts = {part: tuple(_unpacked(each, tables) for each in found[part]) for part in _PARTS}
    return Report(
        name=found["name"],
        title=found["title"],
        about=tuple(found["about"]),
        notes=tuple(found["notes"]),
        data=Table("", (), ()),
        document=document,
        **parts,
    )


def _packed(section: Section, tables: dict[int, Table]) -> dict[str, Any]:
    kind = {"kind_of": type(section).__name__}
    if isinstance(section, Table):
        return kind | packed_table(section)
    if isinstance(section, Chart):
        tables.setdefault(id(section.table), section.table)
        return kind | _fields(section) | {"table": list(tables).index(id(section.table))}
    return kind | asdict(section)


def _fields(chart: Chart) -> dict[str, Any]:
    return {name: getattr(chart, name) for name in Chart.__dataclass_fields__}


def packed_chart(chart: Chart) -> dict[str, Any]:
    """Return a chart, its table by column."""
    return _fields(chart) | {"table": packed_table(chart.table)}


def packed_table(table: Table) -> dict[str, Any]:
    """Return a table by column: values, or texts once each with the number of each row's."""
    rows = [row for row in table.rows if row]
    columns = list(zip(*rows, strict=True)) or [()] * len(table.columns)
    return {
        "title": table.title,
        "columns": [asdict(column) for column in table.columns],
        "values": [_column(each) for each in columns],
        "rules": [number for number, row in enumerate(table.rows) if not row],
        "notes": list(table.notes),
        "total": table.total,
    }


def _column(values: Sequence[Any]) -> Any:
    kinds = set(map(type, values))
    if kinds and all(issubclass(kind, str) for kind in kinds):
        # An alert equals a text of the same letters.
        told = list(zip(values, map(type, values), strict=True))
        place = {text: number for number, text in enumerate(dict.fromkeys(told))}
        return {
            "texts": [text for text, _ in place],
            "alerts": [n for (_, kind), n in place.items() if kind is Alert],
            "of": [place[text] for text in told],
        }
    exact = kinds == {float} and all(map(math.isfinite, values))
    return list(values) if exact else [_plain(value) for value in values]


def _plain(value: Value) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return {"alert": str(value)} if isinstance(value, Alert) else value


def _unpacked(found: Mapping[str, Any], tables: Sequence[Table]) -> Section:
    kind = _SECTIONS[found["kind_of"]]
    fields = {name: found[name] for name in kind.__dataclass_fields__ if name in found}
    if kind is Table:
        return _table(found)
    if kind is Chart:
        guides = (Guide(name, tuple(a), tuple(b)) for name, a, b in fields["guides"])
        lists = {key: tuple(each) for key, each in fields.items() if isinstance(each, list)}
        return Chart(**fields | lists | {"table": tables[found["table"]], "guides": tuple(guides)})
    made: Section = kind(**fields)
    return made


def _table(found: Mapping[str, Any]) -> Table:
    columns = tuple(Column(**column) for column in found["columns"])
    values = [_cells(each) for each in found["values"]]
    rows: list[Row] = list(zip(*values, strict=True))
    for number in found["rules"]:
        rows.insert(number, ())
    return Table(found["title"], columns, tuple(rows), tuple(found["notes"]), found["total"])


def _cells(found: Any) -> list[Value]:
    if isinstance(found, list):
        return [Alert(v["alert"]) if isinstance(v, dict) else v for v in found]
    texts = [Alert(t) if n in found["alerts"] else t for n, t in enumerate(found["texts"])]
    return [texts[number] for number in found["of"]]
