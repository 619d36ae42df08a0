"""One figure walked back: what it counts, at which prices, and where each price comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import fsum

from accelsim.account.memories import contents
from accelsim.account.scopes import parameter_memories
from accelsim.engine.run import Options, Window
from accelsim.errors import ConfigError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.comparison import find_gains
from accelsim.evaluation.examine import examine_workload
from accelsim.evaluation.metrics import all_metrics, case_figures
from accelsim.evaluation.result import Result
from accelsim.inputs.paths import suggest, suggest_figures
from accelsim.machine.components.off_chip import DRAM
from accelsim.study.why.joules import energy_entries, moved_entries, one_pass_entries
from accelsim.study.why.origins import code_place, origins, read_as_well
from accelsim.study.why.times import time_entries
from accelsim.study.why.trail import ROUNDS
from accelsim.study.why.trail import Entry as Entry
from accelsim.study.why.trail import Origin as Origin
from accelsim.study.why.trail import Trail as Trail
from accelsim.workload.schema import Workload

# [ours] What differs by less is rounding.
_ROUNDING = 1e-9
_GAIN = ".gain."


def walk_back(workload: Workload, name: str) -> tuple[Trail, ...]:
    """Simulate what a figure such as ``adapter_slc.energy.system`` needs; return its trail.

    Of a gain the trails of both figures. Raises what ``find_trails`` raises.
    """
    watched = any(f".{word}." in name for word in ("latency", "time", "waiting", "service"))
    options = Options(trace=True, window=Window()) if watched else Options()
    return find_trails(examine_workload(workload, options=options), name)


def find_trails(result: Result, name: str) -> tuple[Trail, ...]:
    """Return the trail of a figure, or of a gain those of both figures.

    Times need a run that was watched from begin to end. Raises ConfigError for what is no figure
    of a case.
    """
    design, gain, key = name.partition(_GAIN)
    if not gain:
        return (_trail(result, name),)
    of = next((one for one in find_gains(result) if one.design == design), None)
    if of is None or key not in (known := [f"{one.metric}.{one.scope}" for one in of.gains]):
        hint = suggest(key, known, "gains") if of else "it has no baseline"
        raise ConfigError(f"'{name}' is no gain; {hint}")
    return tuple(_trail(result, f"{case}.{key}") for case in (of.baseline, design))


def _trail(result: Result, name: str) -> Trail:
    case_name = next((n for n in result.cases if name.startswith(f"{n}.")), None)
    if case_name is None:
        raise ConfigError(f"'{name}' names no case; cases: {', '.join(result.cases)}")
    case, key = result[case_name], name.removeprefix(f"{case_name}.")
    known = {figure: (metric, value) for metric, figure, value in case_figures(case)}
    if key not in known:
        absent = next((metric for metric in all_metrics() if metric.key == key), None)
        told = f"'{case_name}' has no {absent.title}" if absent else f"'{key}' is no figure"
        titles = {figure: of.title for figure, (of, _) in known.items()}
        raise ConfigError(f"{told}; {suggest_figures(key, titles)}")
    metric, found = known[key]
    value = "" if found is None else found
    counted, per = _entries(case, key) or ([], "")
    first, switches = case.figures.first_loads, case.figures.switches
    if first and per == ROUNDS:
        per += f"; no part of them are {first:g} of the {switches} switches, which load what stays"
    entries = sorted((e for e in counted if e.value), key=lambda entry: -entry.value)
    sheets = case.figures.prices.sheets
    blocks = [block for block in dict.fromkeys(e.block for e in entries) if block in sheets]
    scale = 0.0 if isinstance(value, str) else abs(value)
    rest = 0.0 if isinstance(value, str) else value - fsum(entry.value for entry in entries)
    shown = blocks if entries else _told(key, sheets)
    sources = tuple(origins(result, case, shown, timed=metric.unit == "s"))
    return Trail(
        name,
        metric,
        value,
        code_place(metric.of),
        per,
        tuple(entries),
        rest if entries and abs(rest) > _ROUNDING * scale else 0.0,
        sources,
        read_as_well(result, sources),
    )


def _told(key: str, sheets: Mapping[str, object]) -> list[str]:
    """Return the blocks that a figure without entries is of: the one in its name, or all."""
    label = key.rpartition(".")[2]
    return [label] if label in sheets else list(sheets)


def _entries(case: CaseResult, key: str) -> tuple[list[Entry], str] | None:
    metric, _, label = key.rpartition(".")
    if metric == "area":
        return _areas(case, every=label == "system"), "the chip"
    if metric == "dram":
        action = "read" if label == "read" else "write"
        return list(moved_entries(case, DRAM, action)), "the run"
    if metric == "memory.held":
        return list(_contents(case, label)), "the fullest of the run"
    if key == "energy.memory_one_pass":
        return one_pass_entries(case), "the visits of a task"
    return energy_entries(case, key) or time_entries(case, key)


def _areas(case: CaseResult, *, every: bool) -> list[Entry]:
    areas, memories = case.figures.prices.areas, parameter_memories(case.design.hardware)
    kept = {block: area for block, area in areas.items() if every or block in memories}
    return [Entry(block, "area", 1, "", area, area) for block, area in kept.items()]


def _contents(case: CaseResult, memory: str) -> Iterator[Entry]:
    for one in contents(case.design, case.run):
        if one.memory == memory and one.what != "free" and one.bytes:
            what = f"{one.what}, {one.bits} b {one.format}"
            yield Entry(memory, what, one.bytes, "bytes", 1.0, one.bytes)
