"""What a run's report says in sentences: how requests are served, sleep, exits, the chip."""

from __future__ import annotations

from collections.abc import Iterator

from accelsim.account.memories import writing_once
from accelsim.account.metrics import chip_time
from accelsim.account.purposes import energy_per_inference
from accelsim.account.service import ALL, TaskService
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.result import Result
from accelsim.machine.chip_state import NOMINAL, PowerState
from accelsim.policies.idle import IdlePlan, Timeout
from accelsim.policies.service import ServiceConfig
from accelsim.report.memories import described
from accelsim.report.text import duration, percent
from accelsim.units import format_si, to_seconds


def requests_text(result: Result) -> str:
    """Return how many requests come from where."""
    requests = result.workload.config.requests
    if requests.closed_loop:
        return f"{_count(requests.turns, 'round')} of {requests.source}"
    run = next(iter(result.cases.values())).run
    span = duration(to_seconds(requests.horizon() or run.makespan))
    return f"{_count(len(run.requests), 'request')} ({requests.source}) in {span}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def process_text(case: CaseResult) -> str:
    """Return the process and the arrays of a case's machine."""
    process, arrays = case.case.hardware.process, [f.region.array for f in case.footprints.values()]
    roadmaps = "/".join(dict.fromkeys(array.roadmap for array in arrays))
    targets = "/".join(dict.fromkeys(array.target for array in arrays))
    return (
        f"{1e9 * process.node:g} nm {roadmaps}, {process.temperature:g} K, {targets}, "
        f"{'silicon as built, ' if process.source == 'silicon' else ''}{process.grade} grade, "
        f"{process.logic} logic"
    )


def memories_text(case: CaseResult) -> str:
    """Return the parameter memories as they ran."""
    own = (one for one in case.footprints.values() if one.region.kind == "parameters")
    return ", ".join(map(described, own))


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
        return service.idle.policy.replace("_", " ")
    return _steps_text(service.idle.plan(None, {}))


def _word(state: PowerState) -> str:
    return state.value.replace("_", " ")


def first_loads_text(case: CaseResult) -> str:
    """Return what is loaded once and kept; nothing where every round loads again."""
    figures = case.figures
    if not figures.first_loads:
        return ""
    switch, count = figures.scopes["switch"], figures.first_loads
    cost = f"{format_si(count * switch.energy, 'J')}, {format_si(count * switch.latency, 's')}"
    return f"Loaded once and kept, in no round: {cost}, {count:.3g} task switches."


def writing_text(case: CaseResult) -> str:
    """Return what writing the shared non-volatile parameters once costs; nothing without any."""
    if not case.programming:
        return ""
    seconds, joules = writing_once(case.programming.values())
    cost = f"{format_si(seconds, 's')}, {format_si(joules, 'J')}"
    return f"Writing the shared parameters once: {cost}."


def states_text(case: CaseResult) -> str:
    """Return the shares of time of the chip's states; nothing when it is always in one."""
    found = chip_time(case.run)
    if len(found.active) + len(found.asleep) < 2:
        return ""
    awake = f"active {percent(found.awake)}"
    if len(found.active) > 1:
        points = (f"{point} {percent(share)}" for point, share in found.active.items())
        awake += f" ({', '.join(points)})"
    asleep = (f"{_word(state)} {percent(share)}" for state, share in found.asleep.items())
    woken = f"; {found.wake_ups:,} wake-ups" if found.wake_ups else ""
    return f"Time: {', '.join([awake, *asleep])}{woken}."


def sleep_text(case: CaseResult) -> str:
    """Return the usual plan for idle times, and the bound; nothing for a chip never idle."""
    usual = case.run.usual_plan
    if case.oracle is None or usual is None:
        return ""
    spent = energy_per_inference(case.run, case.figures.account)
    return (
        f"Idle: {_steps_text(usual)}. A request takes {format_si(spent, 'J')}, "
        f"{format_si(case.oracle, 'J')} if the next arrival were known."
    )


def _steps_text(plan: IdlePlan) -> str:
    sleeps = ((at, state) for at, state in plan.steps if state is not PowerState.IDLE)
    named = (f"{_word(state)} after {duration(to_seconds(at))}" for at, state in sleeps)
    return ", ".join(named) or "awake"


def exits_text(case: CaseResult) -> str:
    """Return how early sentences left; nothing without early exit."""
    found = case.statistics[ALL]
    if found.mean_layers is None:
        return ""
    parts = [f"Early exit: {found.mean_layers:.2f} layers on average", *_plan_texts(found)]
    if list(found.points) != [NOMINAL]:
        shares = (f"{p} {percent(found.share(n))}" for p, n in found.points.items())
        parts.append(f"after layer 1 at {', '.join(shares)}")
    target = case.service.early_exit.latency_target if case.service.early_exit else None
    if target is not None:
        late = percent(found.share(found.late))
        parts.append(f"{late} of inferences took longer than {format_si(target, 's')}")
    return "; ".join(parts) + "."


def _plan_texts(found: TaskService) -> Iterator[str]:
    for count, what in ((found.planned_short, "few"), (found.planned_long, "many")):
        if count:
            yield f"planned for too {what} in {percent(found.share(count))} of requests"
