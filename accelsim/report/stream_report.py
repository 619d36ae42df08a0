"""What the terminal shows of a stream of requests: energy by purpose, service, states, lifetime."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich import box
from rich.table import Table
from rich.text import Text

from accelsim.account.lifetime import REQUIRED_YEARS, RegionLifetime
from accelsim.account.purposes import day_factor, mean_power
from accelsim.account.service import ALL, TaskService
from accelsim.evaluation.cases import CaseResult
from accelsim.machine.chip_state import NOMINAL, ChipState, PowerState
from accelsim.policies.idle import IDLE_STATES, Timeout
from accelsim.policies.service import ServiceConfig
from accelsim.program import ProgramKind
from accelsim.units import format_si, to_seconds


def plain_table(**options: object) -> Table:
    """Return an empty table in the style of all reports."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1), **options)  # type: ignore[arg-type]


# -- in words --------------------------------------------------------------------------------------


def service_text(service: ServiceConfig) -> str:
    """Return in words how requests are served: order, idleness, early exit."""
    parts = [f"in order {service.policy.name}", f"idle: {_idle_text(service)}"]
    if service.residency != "least_recently_used":
        parts.append(f"residency {service.residency}")
    if service.early_exit:
        target = service.early_exit.latency_target
        goal = f" within {format_si(target, 's')} by voltage scaling" if target else ""
        parts.append(f"early exit{goal}")
    return "; ".join(parts)


def _idle_text(service: ServiceConfig) -> str:
    if not isinstance(service.idle, Timeout):
        return service.idle.policy
    named = [
        f"{state.value.replace('_', ' ')} after {duration_text(to_seconds(after))}"
        for after, state in service.idle.plan(None, {}).steps
        if state is not PowerState.IDLE
    ]
    return ", ".join(named) or "awake"


def duration_text(seconds: float) -> str:
    """Return a time as ``24 h``, ``2.5 min`` or ``40.0 ms``."""
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit or (seconds >= unit and not seconds % unit):
            return f"{seconds / unit:.4g} {name}"
    return format_si(seconds, "s")


def states_text(result: CaseResult) -> Text | None:
    """Return the shares of time of the chip's states; None when it is always active."""
    ticks = {state: n for state, n in result.run.ledger.chip_states.items() if n}
    if len(ticks) < 2:
        return None
    total = sum(ticks.values())
    running = sorted((s for s in ticks if s.power is PowerState.ACTIVE), key=str)
    active = {state.point: ticks[state] / total for state in running}
    parts = [f"active {_percent(sum(active.values()))}"]
    if len(active) > 1:
        parts[0] += f" ({', '.join(f'{p} {_percent(share)}' for p, share in active.items())})"
    asleep = [state for state in map(ChipState, IDLE_STATES) if state in ticks]
    parts += [f"{str(s).replace('_', ' ')} {_percent(ticks[s] / total)}" for s in asleep]
    wakes = result.run.total(ProgramKind.POWER_UP).count
    woken = f"; {wakes:,} wake-ups" if wakes else ""
    return Text(f"Time: {', '.join(parts)}{woken}.")


def exits_text(result: CaseResult) -> Text | None:
    """Return how early sentences left; None without early exit."""
    found = result.statistics[ALL]
    if found.mean_layers is None:
        return None
    parts = [f"Early exit: {found.mean_layers:.2f} layers on average", *_plan_texts(found)]
    if list(found.points) != [NOMINAL]:
        shares = (f"{p} {_percent(n / found.requests)}" for p, n in found.points.items())
        parts.append(f"after layer 1 at {', '.join(shares)}")
    target = result.service.early_exit.latency_target if result.service.early_exit else None
    if target is not None:
        late = _percent(found.late / found.requests)
        parts.append(f"{late} of inferences took longer than {format_si(target, 's')}")
    return Text("; ".join(parts) + ".")


def _plan_texts(found: TaskService) -> Iterator[str]:
    for count, what in ((found.planned_short, "few"), (found.planned_long, "many")):
        if count:
            yield f"planned for too {what} in {_percent(count / found.requests)} of requests"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 1e-3 or not share else f"{100 * share:.1g} %"


# -- tables ----------------------------------------------------------------------------------------


def purpose_table(result: CaseResult) -> Table:
    """Return the energy of a request and of a day by purpose."""
    run, account = result.run, result.figures.account
    factor = day_factor(run)
    table = plain_table()
    table.add_column("energy by purpose")
    for name in ("a request", "a day" if factor == 1 else "a day of it", "share"):
        table.add_column(name, justify="right")
    for purpose, joules in result.purposes.items():
        if joules:
            each = format_si(joules / len(run.requests), "J")
            share = f"{100 * joules / account.total:.1f} %"
            table.add_row(purpose, each, format_si(joules * factor, "J"), share)
    table.add_section()
    table.add_row(
        f"all: {format_si(mean_power(run, account), 'W')} on average",
        format_si(account.total / len(run.requests), "J"),
        format_si(account.total * factor, "J"),
        "100 %",
        style="bold",
    )
    return table


def service_table(result: CaseResult) -> Table:
    """Return how requests were served, a row for each task."""
    found = result.statistics
    rows = {task: s for task, s in found.items() if task != ALL or len(found) > 2}
    deadlines = found[ALL].deadlines > 0
    unit, name = _unit_of(found[ALL].latency.maximum)
    table = plain_table(collapse_padding=True, title=f"Requests (times in {name})")
    table.title_justify, table.title_style = "left", ""
    table.add_column("\ntask", no_wrap=True)
    times = ["waits\np50", "\np95", "\np99", "\nmax", "latency\np95"]
    for heading in ["\nrequests", "\nswitches", *times, *["\nmissed"] * deadlines, "\nbusy"]:
        table.add_column(heading, justify="right", no_wrap=True)
    for task, service in rows.items():
        if task == ALL:
            table.add_section()
        cells = _service_cells(service, unit, deadlines=deadlines)
        table.add_row(task, *cells, style="bold" if task == ALL else None)
    return table


def _unit_of(longest: float) -> tuple[float, str]:
    """Return the seconds and the name of the largest unit of which a time has ten or more."""
    units = ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"))
    return next((unit for unit in units if longest >= 10 * unit[0]), (1e-6, "us"))


def _service_cells(service: TaskService, unit: float, *, deadlines: bool) -> Iterator[str]:
    waiting, latency = service.waiting, service.latency
    yield from (f"{service.requests:,}", f"{service.switches:,}")
    for seconds in (waiting.p50, waiting.p95, waiting.p99, waiting.maximum, latency.p95):
        yield f"{seconds / unit:,.0f}" if seconds >= 1000 * unit else f"{seconds / unit:.3g}"
    if deadlines:
        yield _percent(service.missed / service.deadlines) if service.deadlines else ""
    yield _percent(service.utilisation)


def lifetime_table(result: CaseResult, *, every: bool = False) -> Table | None:
    """Return how long memories last; None without a written one that wears.

    ``every`` shows those too that are not written or do not wear.
    """
    found = result.lifetimes.values()
    worn = [one for one in found if every or (one.endurance and one.words_written)]
    if not worn:
        return None
    table = plain_table(collapse_padding=True)
    table.add_column("lifetime", no_wrap=True)
    table.add_column("technology", no_wrap=True)
    for name in ("endurance", "worst cell", "levelled", f"{REQUIRED_YEARS:g} years"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in worn:
        table.add_row(one.name, one.technology, *_lifetime_cells(one))
    return table


def _lifetime_cells(one: RegionLifetime) -> Iterator[str | Text]:
    yield f"{one.endurance[one.grade]:.0e}".replace("e+0", "e") if one.endurance else "no limit"
    yield _years(one.years())
    yield _years(one.years(levelled=True))
    yield Text("lasts") if one.lasts() else Text("wears out", style="bold red")


def _years(years: float) -> str:
    """Return ``3.2 d``, ``4.1 years`` or, where nothing wears, ``-``."""
    if math.isinf(years):
        return "-"
    if years < 0.1:
        return duration_text(years * 365.25 * 86_400)
    return f"{years:,.0f} years" if years >= 10 else f"{years:.2g} years"
