"""What an energy, a power or traffic is made of: rows of the breakdown, counted and priced."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import fsum

from accelsim.account.breakdown import CHIP, STANDING, BreakdownRow
from accelsim.account.parts import GROUPS, REFRESH
from accelsim.account.purposes import OF_PROGRAMS, day_factor
from accelsim.account.scopes import PATH
from accelsim.engine.ledger import BACKGROUND
from accelsim.evaluation.cases import CaseResult
from accelsim.machine.components.base import Part
from accelsim.machine.components.off_chip import DRAM
from accelsim.program import ProgramKind
from accelsim.study.why.trail import ROUNDS, Entry, scope_account
from accelsim.units import TICKS_PER_SECOND

DYNAMIC = "dynamic"
_STANDING = ("leakage", "clock", "standby")
_PARAMETERS, _DRAM = Part.PARAMETERS.value, Part.DRAM.value


@dataclass(frozen=True)
class _Rule:
    """The joules of a breakdown that a figure sums up, and by what it is divided.

    ``when`` picks rows, and the time of what is spent by the tick; ``what`` picks joules by kind.
    """

    per: str
    divisor: Callable[[CaseResult], float]
    when: Callable[[BreakdownRow], bool] = lambda _: True
    what: Callable[[BreakdownRow, str], bool] = lambda _row, _kind: True


def _rounds(case: CaseResult) -> float:
    return case.figures.rounds


def _switching(row: BreakdownRow) -> bool:
    return row.program == ProgramKind.SWITCH


def _of_path(row: BreakdownRow, kind: str) -> bool:
    return row.part in PATH and not (kind in _STANDING and row.part == Part.BUS)


def _round_part(row: BreakdownRow, kind: str) -> str:
    if kind == "leakage":
        return f"leakage of {_PARAMETERS if row.part == _PARAMETERS else 'the rest'}"
    if kind in _STANDING:
        return "clock" if kind == "clock" else "DRAM standby"
    refresh = row.part == _DRAM and row.action == REFRESH
    return "DRAM refresh" if refresh else GROUPS[Part(row.part)].round


def _purpose(row: BreakdownRow, kind: str) -> str:
    if kind == "leakage":
        return "memory leakage" if Part(row.part).is_memory else "logic leakage"
    if kind in _STANDING:
        return "clock" if kind == "clock" else "DRAM standby"
    if row.part == _DRAM and row.action == REFRESH:
        return "DRAM refresh"
    if row.operator == BACKGROUND:
        return "DRAM standby"
    return OF_PROGRAMS.get(row.program) or GROUPS[Part(row.part)].purpose


_RULES = {
    "energy.switch": _Rule("the run's switches", lambda case: case.figures.switches, _switching),
    "energy.memory": _Rule(ROUNDS, _rounds, what=_of_path),
    "energy.system": _Rule(ROUNDS, _rounds),
    "energy.request": _Rule("the run's requests", lambda case: len(case.run.requests)),
    "energy.run": _Rule("the run", lambda _: 1.0),
    "energy.day": _Rule("days like the run", lambda case: 1 / day_factor(case.run)),
    "power": _Rule("the run's seconds", lambda case: case.run.makespan / TICKS_PER_SECOND),
}


def _rule(key: str) -> _Rule | None:
    metric, _, label = key.rpartition(".")
    name = label.replace("_", " ")
    if metric == "energy.part":
        return _Rule(ROUNDS, _rounds, what=lambda r, kind: _round_part(r, kind) == name)
    if metric == "energy.purpose":
        return _Rule("the run", lambda _: 1.0, what=lambda r, kind: _purpose(r, kind) == name)
    if key.startswith("energy.leakage."):
        label = key.removeprefix("energy.leakage.")
        return _Rule(
            "the run",
            lambda _: 1.0,
            lambda row: row.state.replace(" ", "_") == label,
            lambda _, kind: kind == "leakage",
        )
    return _RULES.get(key)


_SWITCHES = _Rule(
    "the visits of a task",
    lambda case: scope_account(case).share,
    _switching,
    lambda row, kind: row.part in PATH and kind in (DYNAMIC, "standby"),
)


def energy_entries(case: CaseResult, key: str) -> tuple[list[Entry], str] | None:
    """Return the entries of an energy or a power and by what they are divided; None for others."""
    rule = _rule(key)
    return (_by_rule(case, rule), rule.per) if rule else None


def _by_rule(case: CaseResult, rule: _Rule) -> list[Entry]:
    divisor = rule.divisor(case)
    # What is loaded once is part of no round.
    again = scope_account(case).repeated if rule.divisor is _rounds else 1.0
    actions: defaultdict[tuple[str, str, str], list[BreakdownRow]] = defaultdict(list)
    standing: defaultdict[tuple[str, str], float] = defaultdict(float)
    rows = [
        row if row.program != ProgramKind.SWITCH or again == 1 else _scaled(row, again)
        for row in case.breakdown
        if rule.when(row)
    ]
    seconds = fsum(row.elapsed for row in rows if row.block == CHIP)
    for row in (row for row in rows if row.block != CHIP):
        if row.action == STANDING:
            for kind in (kind for kind in _STANDING if rule.what(row, kind)):
                standing[row.block, kind] += getattr(row, kind)
        elif row.dynamic and rule.what(row, DYNAMIC):
            actions[row.block, row.action, row.unit].append(row)
    found = [
        _entry(name, sum(row.amount for row in own), fsum(row.dynamic for row in own), divisor)
        for name, own in actions.items()
    ]
    return found + [
        _entry((*name, "s"), seconds, joules, divisor)
        for name, joules in standing.items()
        if joules
    ]


def _scaled(row: BreakdownRow, share: float) -> BreakdownRow:
    """Return a share of a row."""
    numbers = {field: share * getattr(row, field) for field in row._fields[9:]}
    return row._replace(**numbers)


def _entry(name: tuple[str, str, str], amount: float, joules: float, divisor: float) -> Entry:
    block, what, unit = name
    price = joules / amount if amount else None
    return Entry(block, what, amount / divisor, unit, price, joules / divisor)


def one_pass_entries(case: CaseResult) -> list[Entry]:
    """Return what a switch and one reading of all needed words take, in the parameters' path."""
    scopes, prices = scope_account(case), case.figures.prices
    found = _by_rule(case, _SWITCHES)
    visited, words = sum(scopes.visits.values()), Counter[str]()
    for task, once in scopes.words_once.items():
        for memory, n in once.items():
            words[memory] += n * scopes.visits[task]
    for memory, n in words.items():
        joules = prices.joules[memory, "read"]
        found.append(
            Entry(memory, "read each word once", n / visited, "words", joules, n * joules / visited)
        )
    visit = case.figures.scopes["memory_one_pass"].latency
    reading = visit - scopes.repeated * case.figures.switch_latency * scopes.switches / scopes.began
    spent = [(memory, "leakage", visit, prices.watts[memory]) for memory in scopes.memories]
    spent += [(DRAM, "standby", reading, scopes.idle_watts)] if scopes.idle_watts else []
    return found + [Entry(b, what, t, "s", watts, t * watts) for b, what, t, watts in spent]


def moved_entries(case: CaseResult, block: str, action: str) -> Iterator[Entry]:
    """Yield on whose behalf a block did an action: bytes by program and operator."""
    found: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for row in case.breakdown:
        if (row.block, row.action) == (block, action):
            found[row.program, row.operator, row.unit] += row.amount
    for (program, operator, unit), amount in found.items():
        yield Entry(block, f"{action} for {operator}, {program}", amount, unit, 1.0, amount)
