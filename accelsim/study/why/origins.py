"""Where the prices and the times of a block come from: lines of files, found as they are read."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.result import Result
from accelsim.inputs.document import read_document
from accelsim.inputs.shipped import find_beside, known_as
from accelsim.machine.components.base import Datasheet
from accelsim.machine.components.clocked import ClockedServer
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.files import hardware_document
from accelsim.machine.servers import Machine
from accelsim.memory.arrays import Array
from accelsim.study.why.trail import Origin
from accelsim.units import format_si, to_seconds

_PACKAGE = Path(__file__).parents[2]


def code_place(thing: Any) -> str:
    """Return where a function or a class is defined; of what has no file of source that."""
    try:
        path, line = Path(inspect.getfile(thing)), inspect.getsourcelines(thing)[1]
    except (OSError, TypeError):
        return "a plug-in"
    shown = path.relative_to(_PACKAGE.parent) if path.is_relative_to(_PACKAGE) else path
    return f"{shown.as_posix()}:{line}"


def origins(
    result: Result, case: CaseResult, blocks: Iterable[str], *, timed: bool
) -> Iterator[Origin]:
    """Yield where blocks are described; of prices, or, if ``timed``, of times."""
    machine = _Machine(result, case)
    for block in blocks:
        sheet = case.figures.prices.sheets[block]
        stated = machine.timings(block) if timed else machine.sources(sheet.source)
        places = (machine.component(block), *machine.rows(block), *stated)
        told = machine.timing(block) if timed else ""
        raised = "" if timed else machine.raised(block, sheet)
        yield Origin(block, tuple(dict.fromkeys(filter(None, places))), sheet.source, told, raised)


def read_as_well(result: Result, found: Iterable[Origin]) -> tuple[str, ...]:
    """Return the files that were read for a result and that none of the places is in."""
    plain = (place.partition("; ")[0] for origin in found for place in origin.places)
    places = {place.rpartition(":")[0] for place in plain}
    return tuple(sorted({known_as(path) for path in result.files} - places))


class _Machine:
    """The files of a case's machine, looked at line by line."""

    def __init__(self, result: Result, case: CaseResult) -> None:
        workload, self.case = result.workload, case
        beside = find_beside(workload.path.parent, case.case.config.hardware)
        self.document = hardware_document(beside)
        self.set = [each for each in workload.overrides if "hardware" in each.partition("=")[0]]
        shelf = (Path(path) for path in result.files if Path(path).suffix in (".yaml", ".yml"))
        self.technologies = [path for path in shelf if "kind" in read_document(path).data]

    def component(self, block: str) -> str:
        """Return where a component stands, and what was set of it."""
        memory = block in self.case.case.hardware.memories
        path = ("memories", block) if memory else (block,)
        place = self.document.place(path)
        told = [f"--set {text}" for text in self.set if f".{block}." in text.partition("=")[0]]
        where = f"{known_as(place.file)}:{place.line}"
        return "; ".join((where, *told))

    def rows(self, block: str) -> Iterator[str]:
        """Yield the rows of a technology table that a memory is made of."""
        region = self.case.case.hardware.regions.get(block)
        for path in self.technologies if region else ():
            document = read_document(path)
            # A data sheet need not have a name: its file's stands for it.
            if not region or (document.data.get("name") or path.stem) != region.array.technology:
                continue
            if document.data["kind"] == "macro":
                lines: Iterable[int | None] = (document.place((key,)).line for key in _SHEET)
            else:
                lines = row_lines(path.read_text("utf-8"), region.array)
            yield from (f"{known_as(str(path))}:{line}" for line in lines)

    def timing(self, block: str) -> str:
        """Return what its times are made of: latencies of arrays, cycles of the clock."""
        hardware = self.case.design.hardware
        if region := hardware.regions.get(block):
            array = region.array
            read, write = (format_si(t, "s") for t in (array.read_latency, array.write_latency))
            banks = f", {region.banks} banks take turns" if region.banks > 1 else ""
            told = f"read {read}, write {write}, in whole cycles{banks}"
        else:
            told = code_place(type(hardware.components[block]))
        ports = (server for (name, _), server in Machine(hardware).ports if name == block)
        periods = {server.period for server in ports if isinstance(server, ClockedServer)}
        return "; ".join([*(f"cycle {format_si(to_seconds(p), 's')}" for p in periods), told])

    def raised(self, block: str, sheet: Datasheet) -> str:
        """Return what a memory charges beyond its arrays' own figures; "" where it does not."""
        region = self.case.case.hardware.regions.get(block)
        if not region or not sheet.raised_by:
            return ""
        read, write = (format_si(j, "J") for j in (region.read_energy, region.write_energy))
        return f"above the arrays' own {read} a read, {write} a write: {sheet.raised_by}"

    def timings(self, block: str) -> Iterator[str]:
        """Yield where the clock is stated, and for a DRAM of the table its timing."""
        if block != DRAM:
            place = self.document.place(("clock",))
            yield f"{known_as(place.file)}:{place.line}"
            return
        technology = getattr(self.case.design.hardware.dram, "technology", "")
        for path in (p for p in self.technologies if p.stem == Path(technology).stem):
            document = read_document(path)
            for key in ("organisation", "timing", "access", "rests"):
                if key in document.data:
                    yield f"{known_as(str(path))}:{document.place((key,)).line}"

    def sources(self, told: str) -> Iterator[str]:
        """Yield where the sources that a datasheet names are stated, but those of arrays.

        Of a file that it names instead, all of them.
        """
        plain = " ".join(told.split())
        documents = map(read_document, self.technologies)
        for document in (each for each in documents if each.data["kind"] != "array"):
            texts = ((key, " ".join(text.split())) for key, text in _texts((), document.data))
            stated = [(key, text) for key, text in texts if str(key[-1]).endswith("source")]
            quoted = [key for key, text in stated if text in plain]
            named = f"{document.data.get('name')}.yaml" in plain
            for key in quoted or ([key for key, _ in stated] if named else []):
                place = document.place(key)
                yield f"{known_as(place.file)}:{place.line}"


def _texts(path: tuple[Any, ...], data: Any) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(data, str) and path:
        yield path, data
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(data, Mapping):
        items = data.items()
    elif isinstance(data, list):
        items = enumerate(data)
    for key, value in items:
        yield from _texts((*path, key), value)


# Where the figures of a data sheet begin, and their source.
_SHEET = ("capacity", "source")
_CONDITION = re.compile(r"^\s*(?:- )?(bits_per_cell|roadmap|temperature|source): (.*?)\s*$")


def row_lines(text: str, array: Array) -> Iterator[int]:
    """Yield the lines of a technology file, from one, of the banks of an array, then their source.

    Of its own conditions; where the table has none, those of another temperature, which the array
    was carried over from. Of words as wide as the array's, or the next wider ones.
    """
    # By (another temperature, word), the line of each bank with that of its source.
    found: defaultdict[tuple[bool, int], dict[int, tuple[int, int]]] = defaultdict(dict)
    known: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if match := _CONDITION.match(line):
            known[match[1]] = (match[2], number)
        elif len(words) > 3 and words[0] == array.target and words[2].isdigit():
            size, word = round(float(words[1]) * 1024), int(words[2])
            of = (known["bits_per_cell"][0], known["roadmap"][0])
            wanted = (str(array.bits_per_cell), array.roadmap)
            if size in array.banks and word >= array.word and of == wanted:
                other = known["temperature"][0] != f"{array.temperature:g} K"
                found[other, word].setdefault(size, (number, known["source"][1]))
    whole = [key for key, rows in found.items() if rows.keys() >= {*array.banks}]
    if whole:
        taken = found[min(whole)].values()
        yield from (line for line, _ in taken)
        yield from dict.fromkeys(source for _, source in taken)
