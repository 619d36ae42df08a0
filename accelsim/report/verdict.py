"""What a run comes to, in three sentences written from its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import fsum

from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.comparison import Comparison, find_gains
from accelsim.evaluation.metrics import all_metrics
from accelsim.evaluation.reasons import Change, Reasons, energy_parts, overloaded, reasons
from accelsim.evaluation.result import Result
from accelsim.report.text import number, percent
from accelsim.units import format_si

# [ours] What saves less than this share of the largest saving, or costs less of it, is not told.
_WORTH_TELLING = 0.2


def verdict(result: Result) -> tuple[str, ...]:
    """Return who wins what and by how much, why, and what would change it."""
    comparisons = find_gains(result)
    if not comparisons:
        return tuple(_alone(result))
    found = [reasons(result, one) for one in comparisons]
    best = max(found, key=lambda one: one.energy.gain)
    return _wins(result, found, best), _why(result, best), _turns(result, best)


def _wins(result: Result, found: list[Reasons], best: Reasons) -> str:
    text = _gains(result, best.comparison)
    others = [one for one in found if one is not best]
    if len(others) == 1:
        other = others[0].comparison
        text += f" ({other.design} against {other.baseline}: {_briefly(result, other)})"
    elif others:
        won = sum(one.energy.gain > 1 for one in found)
        text += f" (of all, it saves most; {won} of {len(found)} designs save energy)"
    return text + "."


def _known(result: Result, one: Comparison) -> list[tuple[str, list[tuple[str, float]]]]:
    """Return the gains that are told, by what they are of."""
    known = {(gain.scope, gain.metric): gain.value for gain in one.gains}
    of = {
        "switch": "a task switch",
        "system": "a round of everything",
        "request": "a request",
    }
    scopes = ("switch", "system") if result.closed_loop else ("request",)
    nouns = {"energy": "energy", "latency": "time"}
    if overloaded(result, one):
        del nouns["latency"]
    told = [
        (of[scope], [(n, known[scope, m]) for m, n in nouns.items() if (scope, m) in known])
        for scope in scopes
    ]
    area = [("area", known["system", "area"])] if ("system", "area") in known else []
    return [(what, gains) for what, gains in (*told, ("on the chip", area)) if gains]


def _gains(result: Result, one: Comparison) -> str:
    clauses = [f"{_joined(gains)} {what}" for what, gains in _known(result, one)]
    *most, last = clauses
    taken = " and ".join(filter(None, (", ".join(most), last)))
    return f"Against {one.baseline}, {one.design} takes {taken}"


def _joined(gains: list[tuple[str, float]]) -> str:
    word = " and " if len({gain >= 1 for _, gain in gains}) == 1 else " but "
    return word.join(_times(gain, noun) for noun, gain in gains)


def _briefly(result: Result, one: Comparison) -> str:
    return "; ".join(
        ", ".join(_times(gain, noun) for noun, gain in gains) for _, gains in _known(result, one)
    )


def _times(gain: float, noun: str) -> str:
    """Return a gain in words: ``1.43x less energy``."""
    size = number(max(gain, 1 / gain), padded=True)
    return (
        f"as much {noun}" if size == "1.00" else f"{size}x {'less' if gain > 1 else 'more'} {noun}"
    )


def _why(result: Result, one: Reasons) -> str:
    clauses = []
    if one.switch_bytes:
        clauses.append(f"a switch reads {_turned(one.switch_bytes, 'B')} from DRAM")
    sign = 1 if one.energy.saved >= 0 else -1
    ordered = sorted(one.parts, key=lambda part: -sign * one.parts[part].saved)
    most = abs(one.parts[ordered[0]].saved)
    told = [p for p in ordered[:2] if sign * one.parts[p].saved > _WORTH_TELLING * most]
    parts = " and ".join(f"{part} ({_turned(one.parts[part], 'J')})" for part in told)
    unit = "round" if result.closed_loop else "request"
    moved = "saves" if sign > 0 else "costs"
    clauses.append(f"a {unit} {moved} {format_si(abs(one.energy.saved), 'J')}, most in {parts}")
    clauses.append(f"an inference takes {_turned(one.inference_time, 's')}")
    return f"Why ({one.comparison.design}): {'; '.join(clauses)}."


def _turned(change: Change, unit: str) -> str:
    after, before = (format_si(value, unit) for value in (change.after, change.before))
    return f"{after} as before" if after == before else f"{after} instead of {before}"


def _turns(result: Result, one: Reasons) -> str:
    unit = "a round" if result.closed_loop else "a request"
    without = _times(one.without_largest.gain, "energy")
    clauses = [f"without {one.largest} in both, {unit} would take {without}"]
    if one.inferences:
        left = _times(one.inferences.gain, "energy")
        clauses.append(f"with many sentences between switches {left}")
    extra, saved = -one.inference_time.saved, one.switch_time.saved
    if extra > 0 and one.switch_bytes:
        clauses.append(
            f"the {format_si(extra, 's')} that an inference takes longer are what "
            f"{number(extra / saved)} switches save, {format_si(saved, 's')} each"
            if saved > 0
            else "neither inferences nor switches take less time"
        )
    if not result.closed_loop:
        names = (one.comparison.design, one.comparison.baseline)
        busy = (percent(result[name].statistics["all"].utilisation) for name in names)
        clauses.append(f"the chips are busy {' and '.join(busy)} of the time")
    return f"What would change it: {'; '.join(clauses)}."


# -- designs without a baseline --------------------------------------------------------------------


def _alone(result: Result) -> Iterator[str]:
    """Yield the same of designs that are compared with nothing."""
    scope, unit = ("system", "a round") if result.closed_loop else ("request", "a request")
    keys = {"energy": f"energy.{scope}", "time": f"latency.{scope}", "area": "area.system"}
    figures = {
        noun: {name: _figure(key, case) for name, case in result.cases.items()}
        for noun, key in keys.items()
    }
    units = {"energy": "J", "time": "s", "area": "m2"}
    said = []
    for noun, found in figures.items():
        name = min(found, key=found.__getitem__)
        text = f"{name}: {format_si(found[name], units[noun])}"
        worst = max(found, key=found.__getitem__)
        if worst != name:
            text += f", {_times(found[worst] / found[name], noun)} than {worst}"
        said.append(f"least {noun}{'' if noun == 'area' else f' {unit}'} {text}")
    many = len(result.cases) > 1
    least = min(figures["energy"], key=figures["energy"].__getitem__)
    yield ("; ".join(said) if many else _only(least, figures, unit)) + "."
    spent = energy_parts(result[least], closed_loop=result.closed_loop).items()
    parts, total = sorted(spent, key=lambda part: -part[1]), fsum(joules for _, joules in spent)
    shares = [f"{part} ({percent(joules / total)})" for part, joules in parts[:3]]
    yield f"Why: {least} spends its energy on {', '.join(shares)}."
    yield f"What would change it: {_without(result, least, parts[0][0], unit)}."


def _only(name: str, figures: dict[str, dict[str, float]], unit: str) -> str:
    energy, time, area = (figures[noun][name] for noun in ("energy", "time", "area"))
    spent = f"{format_si(energy, 'J')} and {format_si(time, 's')}"
    return f"{name} takes {spent} {unit}, on a chip of {format_si(area, 'm2')}"


def _figure(key: str, case: CaseResult) -> float:
    of: Callable[[CaseResult], object] = next(m.of for m in all_metrics() if m.key == key)
    value = of(case)
    assert isinstance(value, float)
    return value


def _without(result: Result, least: str, largest: str, unit: str) -> str:
    rest = {
        name: fsum(joules for part, joules in parts.items() if part != largest)
        for name, case in result.cases.items()
        if (parts := energy_parts(case, closed_loop=result.closed_loop))
    }
    text = f"without {largest} {least} would take {format_si(rest[least], 'J')} {unit}"
    first = min(rest, key=rest.__getitem__)
    return text if first == least else f"{text}, and {first} least, {format_si(rest[first], 'J')}"
