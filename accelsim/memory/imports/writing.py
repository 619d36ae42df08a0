"""From what another tool found to the text of a technology file, which is read back at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.document import parse_document, read_document, read_text
from accelsim.inputs.validation import validate
from accelsim.memory.dram import read_dram
from accelsim.memory.files import technology_path
from accelsim.memory.imports import cacti, dramsys, nvmexplorer, nvsim
from accelsim.memory.imports.points import COLUMNS, Found, Point, plain
from accelsim.memory.macro import MacroFile
from accelsim.memory.tables import FIGURES
from accelsim.memory.technology import read_technology

# [ours] No output of one of these tools is longer: NVMExplorer's tables have 0.5 MB, what is parsed
# as a whole some kB.
_MOST_CHARACTERS = 16 << 20
_MOST_PARSED = 1 << 18
_MOST_POINTS = 10_000
_PARSED = ("dramsys", "macro")
_DEFAULT_DRAM = "lpddr4_3200"
_AS_STATED = """\
# Also for conditions, targets and capacities that are not in the table; each array says so.
as_stated: true
"""


@dataclass(frozen=True)
class Given:
    """What the user adds to a file: conditions as texts of a technology file, sizes in bytes, bits.

    ``cell`` chooses one of several cells, ``currents_of`` names a DRAM part.
    """

    name: str
    node: str | None = None
    roadmap: str | None = None
    temperature: str | None = None
    bits_per_cell: int | None = None
    capacity: int | None = None
    word: int | None = None
    volatile: bool | None = None
    cell: str | None = None
    currents_of: str | None = None


@dataclass(frozen=True)
class Written:
    """A technology file's text, tool, ``key`` in machines, and the fields that were passed over."""

    text: str
    tool: str
    key: str
    unused: tuple[str, ...]


def import_files(paths: list[Path], form: str | None, given: Given) -> Written:
    """Return the technology file of files of one tool, all together in one table.

    Raises ConfigError for a file that is none, and for what it lacks, all at once.
    """
    texts = {path: _read(path) for path in paths}
    forms = {form or _form_of(text, path) for path, text in texts.items()}
    if len(forms) > 1:
        raise ConfigError(f"files of one tool make a technology; got {' and '.join(sorted(forms))}")
    (form,) = forms
    for path, text in texts.items() if form in _PARSED else ():
        _check_length(path, text, _MOST_PARSED)
    return _dram(texts, given) if form == "dramsys" else _arrays(texts, form, given)


def _read(path: Path) -> str:
    text = read_text(path, "text", lambda missing: "check the path")
    _check_length(path, text, _MOST_CHARACTERS)
    return text


def _check_length(path: Path, text: str, most: int) -> None:
    if len(text) > most:
        raise ConfigError(f"{path}: {len(text):,} characters, more than the {most:,} of any output")


def _form_of(text: str, path: Path) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "").strip()
    marks: tuple[tuple[bool, str], ...] = (
        (first.startswith("{"), "dramsys"),
        (nvmexplorer.MARK in first and "," in first, "nvmexplorer"),
        (first.startswith(cacti.TABLE_MARK) or cacti.MARK in text, "cacti"),
        (nvsim.MARK in text or "No valid solutions" in text, "nvsim"),
        ("kind: macro" in text, "macro"),
    )
    found = next((form for matches, form in marks if matches), None)
    if found is None:
        raise ConfigError(
            f"{path}: this is no output of NVSim, NS-Cache, NVMExplorer or CACTI, no memspec of "
            "DRAMSys and no data sheet with 'kind: macro'; name it with --format if it is"
        )
    return found


def _dram(texts: Mapping[Path, str], given: Given) -> Written:
    if len(texts) > 1:
        raise ConfigError("a DRAM part is one memspec; import one file at a time")
    ((path, text),) = texts.items()
    like = dict(read_document(technology_path(given.currents_of or _DEFAULT_DRAM)).data)
    if "self_refresh" not in like:
        raise ConfigError(f"--currents-of {given.currents_of}: expected a part of kind dram")
    if given.currents_of:
        like["currents_of"] = given.currents_of
    part, unused = dramsys.read_dramsys(text, str(path), like)
    written = _header({path: text}, "DRAMSys") + "".join(_yaml(part))
    read_dram(parse_document(written, Path(f"{given.name}.yaml")))
    return Written(written, "DRAMSys", "dram", unused)


def _yaml(data: Mapping[Any, Any], indent: str = "") -> Iterator[str]:
    """Yield the lines of a mapping; JSON's texts are YAML's."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield f"{indent}{key}:\n"
            yield from _yaml(value, indent + "  ")
        else:
            yield f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}\n"


def _item(data: Mapping[str, Any]) -> str:
    """Return a mapping as an item of a list."""
    return "".join(_yaml(data, "    ")).replace("    ", "  - ", 1)


def _header(texts: Mapping[Path, str], tool: str) -> str:
    digests = (
        f"# {json.dumps(path.name)}, SHA-256 {hashlib.sha256(text.encode()).hexdigest()}\n"
        for path, text in texts.items()
    )
    return f"# Made by `accelsim tech import` of what {tool} says in\n" + "".join(digests)


def _arrays(texts: Mapping[Path, str], form: str, given: Given) -> Written:
    read: dict[str, Callable[[str, str], Found]] = {
        "nvsim": nvsim.read_nvsim_runs,
        "ns-cache": nvsim.read_nvsim_runs,
        "cacti": cacti.read_cacti,
        "nvmexplorer": lambda text, file: nvmexplorer.read_nvmexplorer(text, file, given.cell),
        "macro": _read_macro,
    }
    found = [_completed(read[form](text, str(path)), given) for path, text in texts.items()]
    if sum(len(each.points) for each in found) > _MOST_POINTS:
        raise ConfigError(f"more than {_MOST_POINTS:,} arrays; import a part of them")
    first = found[0]
    told = {each.volatile for each in found} | ({given.volatile} - {None})
    volatile = given.volatile if given.volatile is not None else first.volatile
    if volatile is None or (given.volatile is None and len(told) > 1):
        files = ", ".join(map(str, texts))
        raise ConfigError(f"{files}: volatile or not? say --volatile or --non-volatile")
    blocks: dict[tuple[object, ...], list[tuple[Point, str]]] = {}
    for each, path in zip(found, texts, strict=True):
        for point in each.points:
            conditions = (point.node, point.roadmap, point.temperature)
            key = (point.bits_per_cell, *conditions, bool(point.target))
            blocks.setdefault(key, []).append((point, path.name))
    notes = dict.fromkeys(note for each in found for note in each.notes)
    devices = {bits: row for each in found for bits, row in each.devices.items()}
    head = {
        "name": given.name,
        "kind": "array",
        "description": f"{first.cell or 'a memory'}, by {first.tool}",
        "volatile": volatile,
        **({"cell_area": f"{plain(first.cell_area)} F2"} if first.cell_area else {}),
    }
    text = _header(texts, first.tool) + "".join(_yaml(head)) + _AS_STATED
    text += "notes:\n" + "".join(f"  - {json.dumps(note)}\n" for note in notes) if notes else ""
    text += "devices:\n" if devices else ""
    text += "".join(_item(device) for device in devices.values())
    text += "arrays:\n" + "".join(_block(key, points, first.tool) for key, points in blocks.items())
    read_technology(parse_document(text, Path(f"{given.name}.yaml")))
    unused = tuple(dict.fromkeys(name for each in found for name in each.unused))
    return Written(text, first.tool, "memories.NAME", unused)


def _completed(found: Found, given: Given) -> Found:
    """Return what was found with what the user adds; a size is that of a file of one array."""
    if given.bits_per_cell and found.tool in ("NVSim", "NS-Cache"):
        found = nvsim.with_cells(found, given.bits_per_cell)
    named = {n: getattr(given, n) for n in ("node", "roadmap", "temperature", "capacity", "word")}
    changes = {name: value for name, value in named.items() if value is not None}
    if len(found.points) > 1 and (given.capacity or given.word):
        raise ConfigError("--capacity and --word are of one array; this file has several")
    return replace(found, points=tuple(replace(point, **changes) for point in found.points))


def _block(key: tuple[object, ...], points: list[tuple[Point, str]], tool: str) -> str:
    bits, node, roadmap, temperature, targeted = key
    files = ", ".join(dict.fromkeys(name for _, name in points))
    conditions = {"node": node, "roadmap": roadmap, "temperature": temperature}
    known = {name: value for name, value in conditions.items() if value}
    head = _item({"bits_per_cell": bits, **known, "source": f"{tool}: {files}"})
    header = [*(["target"] if targeted else []), "capacity_KiB", "word_b", *COLUMNS]
    rows = [header, *([*_cells(point)] for point, _ in points)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # YAML takes the indentation of the first line: nothing stands left of it.
    aligned = (map(str.ljust, row, widths) for row in rows)
    table = "".join(f"      {'  '.join(row).rstrip()}\n" for row in aligned)
    return f"{head}    table: |\n{table}"


def _cells(point: Point) -> Iterator[str]:
    if point.target:
        yield point.target
    yield plain(Decimal(point.capacity) / 1024)
    yield str(point.word)
    for column in COLUMNS:
        # Without the digits that arithmetic adds and without those that it takes: as it was.
        yield plain(point.figures[column])


def _read_macro(text: str, file: str) -> Found:
    sheet = validate(parse_document(text, Path(file)), MacroFile)
    row = sheet.row
    point = Point(
        sheet.capacity,
        sheet.word,
        {c: Decimal(repr(getattr(row, FIGURES[c][0]))).scaleb(-FIGURES[c][1]) for c in COLUMNS},
        bits_per_cell=sheet.bits_per_cell,
        node=_text(sheet.node, 9, "nm"),
        temperature=_text(sheet.temperature, 0, "K"),
    )
    kept = {
        "endurance": _text(sheet.endurance, 0, "writes"),
        "retention": _text(sheet.retention, 0, "s"),
    }
    grades = {
        name: {"low": value, "typical": value, "high": value, "source": sheet.source}
        for name, value in kept.items()
        if value
    }
    devices = {sheet.bits_per_cell: {"bits_per_cell": sheet.bits_per_cell, **grades}}
    return Found(
        tool="a data sheet",
        points=(point,),
        volatile=sheet.volatile,
        cell="one macro",
        notes=(sheet.source,),
        devices=devices if grades else {},
    )


def _text(value: float | None, power: int, unit: str) -> str | None:
    return f"{plain(Decimal(repr(value)).scaleb(power))} {unit}" if value else None
