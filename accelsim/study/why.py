"""One figure walked back: what it counts, at which prices, and where each price comes from."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any

from accelsim.account.breakdown import CHIP, STANDING, BreakdownRow
from accelsim.account.purposes import day_factor
from accelsim.errors import ConfigError
from accelsim.evaluation.cases import CaseResult, Result
from accelsim.evaluation.metrics import all_metrics
from accelsim.evaluation.metrics.base import Metric
from accelsim.inputs.document import read_document
from accelsim.inputs.paths import suggest
from accelsim.inputs.shipped import find_beside, known_as
from accelsim.machine.components.base import Part
from accelsim.machine.files import hardware_document
from accelsim.memory.arrays import Array
from accelsim.program import ProgramKind
from accelsim.units import TICKS_PER_SECOND

_PATH = (Part.PARAMETERS.value, Part.BUS.value, Part.DRAM.value)
# [ours] What differs by less is rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Entry:
    """What a block has in a figure: ``amount`` times ``price`` is its ``value``.

    ``amount`` is in ``unit``, ``price`` and ``value`` in the figure's unit; None where an entry has
    several prices. ``what`` is an action of the ledger, leakage, clock, standby or area.
    """

    block: str
    what: str
    amount: float
    unit: str
    price: float | None
    value: float


@dataclass(frozen=True)
class Origin:
    """Where a block's prices come from.

    ``places`` are files with lines: of the component, of its row of a table, of each source.
    """

    block: str
    places: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Trail:
    """A figure and what it is made of.

    ``defined`` is where the metric is; ``per`` says what the entries are divided by. ``rest`` is
    what the entries leave of the value.
    """

    name: str
    metric: Metric
    value: float
    defined: str
    per: str
    entries: tuple[Entry, ...]
    rest: float
    origins: tuple[Origin, ...]


@dataclass(frozen=True)
class _Rule:
    """The rows of a breakdown that a figure sums up, by what it is divided."""

    per: str
    keep: Callable[[BreakdownRow], bool]
    divisor: Callable[[CaseResult], float]


def _rounds(case: CaseResult) -> float:
    return case.figures.rounds


def _of_path(row: BreakdownRow) -> bool:
    standing = row.action == STANDING and row.part == Part.BUS.value
    return row.part in _PATH and not standing


def _requests(case: CaseResult) -> float:
    return len(case.run.requests)


_RULES = {
    "energy.switch": _Rule(
        "the run's switches",
        lambda row: row.program == ProgramKind.SWITCH,
        lambda case: case.figures.switches,
    ),
    "energy.memory": _Rule("the run's rounds", _of_path, _rounds),
    "energy.system": _Rule("the run's rounds", lambda _: True, _rounds),
    "energy.request": _Rule("the run's requests", lambda _: True, _requests),
    "energy.run": _Rule("the run", lambda _: True, lambda _: 1.0),
    "energy.day": _Rule("days like the run", lambda _: True, lambda c: 1 / day_factor(c.run)),
    "power": _Rule(
        "the run's seconds", lambda _: True, lambda case: case.run.makespan / TICKS_PER_SECOND
    ),
}
_AREAS = ("area.memory", "area.system")


def find_trail(result: Result, name: str) -> Trail:
    """Return the trail of a figure such as ``adapter_slc.energy.system``.

    Raises ConfigError for what is no figure of a case, and for one that no ledger entries add up
    to.
    """
    case_name = next((n for n in result.cases if name.startswith(f"{n}.")), None)
    if case_name is None:
        raise ConfigError(f"'{name}' names no case; cases: {', '.join(result.cases)}")
    case, key = result[case_name], name.removeprefix(f"{case_name}.")
    metric = {each.key: each for each in all_metrics()}.get(key)
    if key not in (*_RULES, *_AREAS) or metric is None:
        known = (*_RULES, *_AREAS)
        hint = suggest(key, known, "figures that are sums of entries")
        raise ConfigError(f"no entries add up to '{key}'; {hint}")
    value = metric.of(case)
    if not isinstance(value, int | float):
        raise ConfigError(f"'{case_name}' has no {metric.title}")
    entries, per = _areas(case, key) if key in _AREAS else _entries(case, _RULES[key])
    rest = value - fsum(entry.value for entry in entries)
    blocks = dict.fromkeys(entry.block for entry in entries)
    return Trail(
        name,
        metric,
        value,
        _defined(metric),
        per,
        tuple(sorted(entries, key=lambda entry: -entry.value)),
        rest if abs(rest) > _ROUNDING * abs(value) else 0.0,
        tuple(_origins(result, case, blocks)),
    )


def _areas(case: CaseResult, key: str) -> tuple[list[Entry], str]:
    prices = case.figures.prices
    every = key == "area.system"
    areas = ((b, area) for b, area in prices.areas.items() if every or _holds(case, b))
    return [Entry(block, "area", 1, "", area, area) for block, area in areas], "the chip"


def _holds(case: CaseResult, block: str) -> bool:
    return case.figures.prices.part(block) is Part.PARAMETERS


def _entries(case: CaseResult, rule: _Rule) -> tuple[list[Entry], str]:
    """Return the entries of a figure: equal actions of a block at one, standing ones at one."""
    divisor = rule.divisor(case)
    actions: defaultdict[tuple[str, str, str], list[BreakdownRow]] = defaultdict(list)
    standing: defaultdict[tuple[str, str], float] = defaultdict(float)
    seconds = 0.0
    for row in case.breakdown:
        if row.block == CHIP:
            seconds += row.elapsed if rule.keep(row) else 0.0
        elif rule.keep(row) and row.action == STANDING:
            for kind in ("leakage", "clock", "standby"):
                standing[row.block, kind] += getattr(row, kind)
        elif rule.keep(row) and row.dynamic:
            actions[row.block, row.action, row.unit].append(row)
    if rule.keep is _of_path:
        seconds = fsum(row.elapsed for row in case.breakdown)
    found = [
        _entry(key, sum(row.amount for row in rows), fsum(row.dynamic for row in rows), divisor)
        for key, rows in actions.items()
    ]
    found += [
        _entry((*key, "s"), seconds, joules, divisor) for key, joules in standing.items() if joules
    ]
    return found, rule.per


def _entry(key: tuple[str, str, str], amount: float, joules: float, divisor: float) -> Entry:
    block, what, unit = key
    return Entry(
        block, what, amount / divisor, unit, joules / amount if amount else None, joules / divisor
    )


# -- where prices come from ----------------------------------------------------------------------


def _defined(metric: Metric) -> str:
    code = getattr(metric.of, "__code__", None)
    if code is None:
        return "a plug-in"
    package = Path(__file__).parents[1]
    path = Path(code.co_filename)
    shown = path.relative_to(package.parent) if path.is_relative_to(package) else path
    return f"{shown.as_posix()}:{code.co_firstlineno}"


def _origins(result: Result, case: CaseResult, blocks: Iterable[str]) -> Iterator[Origin]:
    machine = _Machine(result, case)
    for block in blocks:
        sheet = case.figures.prices.sheets[block]
        places = (machine.component(block), *machine.rows(block), *machine.sources(sheet.source))
        yield Origin(block, tuple(dict.fromkeys(filter(None, places))), sheet.source)


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
            if region and read_document(path).data["name"] == region.array.technology:
                for line in row_lines(path.read_text("utf-8"), region.array):
                    yield f"{known_as(str(path))}:{line}"

    def sources(self, told: str) -> Iterator[str]:
        """Yield where the sources that a datasheet names are stated, but those of arrays."""
        plain = " ".join(told.split())
        documents = map(read_document, self.technologies)
        for document in (each for each in documents if each.data["kind"] != "array"):
            for key, text in _texts((), document.data):
                if key[-1] == "source" and " ".join(text.split()) in plain:
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
