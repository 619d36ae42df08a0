"""What a user must know of a run without asking, each text once with the cases that it is true of.

What the figures cannot mean (saturated, wears out), what they leave out, what costs in vain.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from itertools import product
from math import fsum

from accelsim.account.cautions import reloading, saturation, spill
from accelsim.account.lifetime import REQUIRED_YEARS, RegionLifetime
from accelsim.account.memories import brought_from_outside, unused_memories
from accelsim.account.metrics import chip_time
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.homes import lost_for_good
from accelsim.evaluation.result import Result
from accelsim.machine.chip_state import PowerState
from accelsim.memory.arrays import ALL_FIGURES
from accelsim.memory.storage import StorageConfig
from accelsim.placement.placement import by_model
from accelsim.report.text import duration, number, percent, years
from accelsim.units import format_bytes, format_si

# What every array multiplies, whatever is stored.
_MULTIPLIED = 8
_MOST_NAMES = 4
# [ours] A memory is told of that is filled to less than this share, and takes more of the chip.
_HARDLY = 0.1
_QUANTITY = re.compile(
    r"(?<![\w.])\d[\d,.]*(?:e-?\d+)?"
    r"(?: (?:[KMG]iB|[fpnumkMGT]?(?:B|J|W|s|m2|Hz)|%|ppm|years|min|h|d)(?!\w))?"
)


def cautions(result: Result) -> tuple[str, ...]:
    """Return what to know of a run's figures: what is most in doubt first."""
    return _once(result, _warnings)


def left_out(result: Result) -> tuple[str, ...]:
    """Return the cases that have no figures, each with why."""
    return tuple(f"does not fit and is left out: {why}" for why in result.refused.values())


def remarks(result: Result) -> tuple[str, ...]:
    """Return what the figures leave out, or store in vain."""
    return _once(result, lambda _, case: _remarks(case))


def _once(result: Result, texts: Callable[[Result, CaseResult], Iterator[str]]) -> tuple[str, ...]:
    found: dict[str, list[str]] = {}
    for name, case in result.cases.items():
        for text in texts(result, case):
            found.setdefault(text, []).append(name)
    every = len(result.cases)
    alike: dict[tuple[str, ...], dict[str, str]] = {}
    for text, names in found.items():
        words = tuple(_QUANTITY.split(text))
        alike.setdefault(words, {})[text] = "" if len(names) == every > 1 else ", ".join(names)
    return tuple(map(_joined, alike.values()))


def _joined(texts: dict[str, str]) -> str:
    """Return texts that differ in quantities alone as one: of the later ones what differs."""
    (first, names), *others = texts.items()
    told = [names] if names else []
    for text, who in others:
        pairs = zip(_QUANTITY.findall(text), _QUANTITY.findall(first), strict=True)
        changed = (f"{own} instead of {known}" for own, known in pairs if own != known)
        told.append(f"{who}: {', '.join(changed)}")
    return f"{first} ({'; '.join(told)})" if told else first


def _warnings(result: Result, case: CaseResult) -> Iterator[str]:
    if not result.closed_loop:
        yield from _saturated(result, case)
    yield from _spilled(case)
    yield from _not_resident(case)
    yield from _worn(case)
    yield from retention_texts(case)
    yield from unused_texts(case)
    yield from _hardly_used(case)
    yield from _never_off(result, case)
    yield from _extrapolated(case)


def _remarks(case: CaseResult) -> Iterator[str]:
    yield from case.figures.prices.unpriced.values()
    yield from _power_on(case)
    yield from _half_built(case)
    yield from _storage(case)


def _power_on(case: CaseResult) -> Iterator[str]:
    """Yield what must come from outside at power-on; nothing for a machine with DRAM."""
    found = brought_from_outside(case.design).items()
    if found:
        held = " and ".join(f"{format_bytes(size)} in {name}" for name, size in found)
        yield (
            f"power-on: no DRAM keeps the parameters, so a host writes {held}, lost without "
            "supply; neither its time nor its energy is counted"
        )


def _half_built(case: CaseResult) -> Iterator[str]:
    """Yield which figures of memories stay NVSim's although those of silicon are asked for."""
    found: dict[tuple[str, ...], list[str]] = {}
    for one in case.footprints.values():
        if one.region.array.unmeasured:
            found.setdefault(one.region.array.unmeasured, []).append(one.region.name)
    for figures, names in found.items():
        of, kept = ", ".join(names), ", ".join(figures)
        if figures == ALL_FIGURES:
            yield f"not as built: of {of} nobody measured anything: all their figures are NVSim's"
        else:
            yield f"half built: of {of} nobody measured {kept}: NVSim's"


def _saturated(result: Result, case: CaseResult) -> Iterator[str]:
    found = saturation(case.run, result.workload.config.requests.horizon())
    if found:
        yield (
            f"saturated: {number(found.offered)} requests/s come, {number(found.served)} can be "
            f"served; waits grow as long as the stream lasts (to {duration(found.longest_wait)}), "
            "so latencies and their gains tell its length, not the design"
        )


def _spilled(case: CaseResult) -> Iterator[str]:
    found = spill(case.design, case.run, case.figures.account)
    if found:
        first, rest = found.names[:_MOST_NAMES], found.names[_MOST_NAMES:]
        more = f" and {len(rest)} more" if rest else ""
        yield (
            f"spilled: {case.case.hardware.placement.activations} is too small for "
            f"{', '.join(first)}{more}; inferences move {format_si(found.bytes, 'B')} through "
            f"DRAM for {format_si(found.joules, 'J')}, {percent(found.share, 2)} of all energy"
        )


def _not_resident(case: CaseResult) -> Iterator[str]:
    found = reloading(case.design, case.run)
    if not found:
        return
    swaps = bool(case.run.swaps)
    small = " and ".join(
        f"{name} has {format_bytes(found.capacity[name])} of the {format_bytes(size)} that all "
        f"{'models and ' * swaps}tasks take"
        for name, size in found.needed.items()
    )
    why = small or "sleep or the residency policy makes parameters leave that would fit"
    yield (
        f"not resident: {why}; {found.switches:,} of {found.requests:,} requests load their "
        f"{'model or ' * swaps}task's parameters first"
    )


def _worn(case: CaseResult) -> Iterator[str]:
    for one in case.lifetimes.values():
        if not one.lasts():
            yield (
                f"wears out: {one.region.name} after {years(one.years())} of this, "
                f"{_levelled(one)} with wear levelling; {REQUIRED_YEARS:g} years are expected"
            )


def _levelled(one: RegionLifetime) -> str:
    return years(one.years(levelled=True))


def retention_texts(case: CaseResult) -> Iterator[str]:
    """Yield what rewriting costs where shared parameters hold no day, or less than the run."""
    for name, cost in case.programming.items():
        found = case.lifetimes[name]
        array = found.region.array
        if array.retention and (array.retention < 86_400 or array.retention < found.seconds):
            told = (
                f"holds data too short: {name} for {duration(array.retention)} at grade "
                f"{array.grade}; writing it again takes {format_si(cost.seconds, 's')} and "
                f"{format_si(cost.joules, 'J')}, "
            )
            every = found.retention.get(array.grade, math.inf)
            if every <= array.retention:
                told += f"{found.rewrites_a_day:.3g} times a day: the energy is in these figures, "
                yield told + "with leakage, the time is not"
            else:
                yield told + f"but memories.{name}.refresh is later: its contents are lost"


def unused_texts(case: CaseResult) -> Iterator[str]:
    """Yield what memories cost that hold nothing."""
    found = unused_memories(case.design, case.run)
    if found:
        area, leakage = (fsum(getattr(one, key) for one in found) for key in ("area", "leakage"))
        nulls = ", ".join(f"{one.name}: null" for one in found)
        yield (
            f"unused: nothing lies in {', '.join(one.name for one in found)}, "
            f"{format_si(area, 'm2')} and leakage of {format_si(leakage, 'W')} in these figures; "
            f"memories: {{{nulls}}} removes that"
        )


def _hardly_used(case: CaseResult) -> Iterator[str]:
    """Yield the memories of parameters that are much of the chip and hold next to nothing."""
    chip = fsum(case.figures.prices.areas.values())
    for name in case.design.hardware.memories:
        one, fitted = case.footprints[name], ("memories", name, "capacity") in case.case.fits
        region, large = one.region, one.region.area > _HARDLY * chip
        if region.kind == "parameters" and large and 0 < one.fill < _HARDLY and not fitted:
            yield (
                f"mostly empty: {name} is {percent(one.fill, 2)} full; of its "
                f"{format_si(region.area, 'm2')} and leakage of {format_si(region.leakage, 'W')} "
                f"most holds nothing; memories.{name}.capacity: fit shows it as small as it can be"
            )


def _never_off(result: Result, case: CaseResult) -> Iterator[str]:
    """Yield what keeps a chip from powering off where another, asleep, does."""
    off = [name for name, each in result.cases.items() if _powers_off(each)]
    lost = lost_for_good(case.design.placements, case.case.hardware)
    if off and lost and not _powers_off(case):
        memory, task = lost
        yield (
            f"never off: {memory} holds parameters of {task} that would be lost, no dram brings "
            f"them back; {', '.join(off)} can power off, so idle energies are of different states; "
            "in non-volatile memory, or with a dram, they would be of the same"
        )


def _powers_off(case: CaseResult) -> bool:
    return PowerState.OFF in chip_time(case.run).asleep


def _extrapolated(case: CaseResult) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for one in case.footprints.values():
        for text in one.region.array.beyond:
            found.setdefault(text, []).append(one.region.name)
    for text, names in found.items():
        yield f"extrapolated: {', '.join(names)}: {text}"


def _storage(case: CaseResult) -> Iterator[str]:
    """Yield what stored values take beyond their bits, and where fewer bits change no compute."""
    first = by_model(case.design.placements.values())
    for model, role in product(first, StorageConfig.model_fields):
        bits = getattr(case.case.config.storage_of(model), role).bits
        if bits != _MULTIPLIED:
            of = f"{model}: " if len(first) > 1 else ""
            yield (
                f"{of}storage.{role}.bits: {bits} change memory and bus alone; compute is that of "
                f"{_MULTIPLIED} bits"
            )
    tensors = [tensor for each in first.values() for tensor in each.tensors.values()]
    for home in dict.fromkeys(home for tensor in tensors for home, _ in tensor.parts):
        unit, taken = home.packing.unit, home.packing.unit_array
        if taken > unit:
            yield f"{home.memory}: {unit} bits of a value take the cells of {taken}"
