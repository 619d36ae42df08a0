"""The report for the terminal, as rich renderables: one table a design, then the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accelsim.account.footprint import Footprint
from accelsim.evaluation.cases import CaseResult, Result
from accelsim.evaluation.comparison import KINDS, Comparison, compare
from accelsim.policies.service import ServiceConfig
from accelsim.report.results import array_warnings, ledger_digest
from accelsim.report.stream_report import (
    duration_text,
    exits_text,
    lifetime_table,
    plain_table,
    purpose_table,
    service_table,
    service_text,
    states_text,
)
from accelsim.requests.patterns.file import RequestFile
from accelsim.requests.patterns.round_robin import RoundRobin
from accelsim.units import format_si, to_seconds
from accelsim.workload.schema import PublishedGains, Workload

_SCOPE_NAMES = {
    "switch": "one task switch",
    "memory_one_pass": "memory, one pass",
    "memory": "memory, a round",
    "system": "system, a round",
}
_STREAM_SCOPE_NAMES = {
    "memory": "parameter memories",
    "system": "chip",
    "request": "a request, mean",
    "request_p99": "a request, p99",
}


def report(result: Result) -> RenderableType:
    """Return the whole report: of rounds for a closed loop, of a stream of requests otherwise."""
    workload, closed = result.workload, result.closed_loop
    parts: list[RenderableType] = [_header(workload, result.cases)]
    for name, case in result.cases.items():
        parts += [Text(), _title(workload, name, case), _memory_table(case)]
        if closed:
            parts += [_cost_table(case), _summary(case)]
        else:
            parts += [purpose_table(case), Text(), service_table(case), _chip_text(case)]
        parts += [part for part in (states_text(case), exits_text(case)) if part]
        if worn := lifetime_table(case):
            parts += [Text(), worn]
    if comparisons := compare(result):
        published = workload.config.published if closed else None
        names = _SCOPE_NAMES if closed else _STREAM_SCOPE_NAMES
        parts += [Text(), _comparison(comparisons, published, names)]
    return Group(*parts)


def _header(workload: Workload, results: Mapping[str, CaseResult]) -> Text:
    config, requests = workload.config, workload.config.requests
    text = Text(config.name, style="bold")
    text.append(f"\n{config.description}\n" if config.description else "\n", style="not bold")
    model = f"{config.model.name}, {config.sequence_length} tokens; tasks {', '.join(config.tasks)}"
    text.append(f"{model}; {_requests_text(workload, results)}", style="not bold")
    if not requests.closed_loop or service_text(config) != service_text(ServiceConfig()):
        text.append(f"\nServed {service_text(config)}", style="not bold")
    processes = dict.fromkeys(_process(result) for result in results.values())
    text.append("\nArrays: " + "; ".join(processes), style="not bold")
    return text


def _requests_text(workload: Workload, results: Mapping[str, CaseResult]) -> str:
    requests = workload.config.requests
    if isinstance(requests, RoundRobin):
        sentences = _count(requests.sentences_per_task, "sentence")
        return f"{_count(requests.rounds, 'round')} of {sentences} a task"
    run = next(iter(results.values())).run
    span = duration_text(to_seconds(requests.horizon() or run.makespan))
    origin = f"file {requests.path}" if isinstance(requests, RequestFile) else requests.pattern
    return f"{_count(len(run.requests), 'request')} ({origin}) in {span}"


def _process(result: CaseResult) -> str:
    hardware = result.case.hardware
    tables = result.footprints.values()
    roadmaps = "/".join(dict.fromkeys(f.region.array.roadmap for f in tables))
    targets = "/".join(dict.fromkeys(f.region.array.target for f in tables))
    process = hardware.process
    return (
        f"{1e9 * process.node:g} nm {roadmaps}, {process.temperature:g} K, {targets}, "
        f"{process.grade} grade"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def _title(workload: Workload, name: str, result: CaseResult) -> Text:
    adaptation = result.case.config.adaptation
    size = f", bottleneck {adaptation.bottleneck}" if adaptation.bottleneck else ""
    text = Text(name, style="bold cyan")
    text.append(f"  {adaptation.method} fine-tuning{size}", style="not bold default")
    text.append(f"\n{result.case.hardware.description}", style="not bold dim")
    if result.design.weights:
        text.append(f"\nWeights: {result.design.weights}", style="not bold default")
    config = workload.config
    own, shared = (service_text(s) for s in (config.service_of(result.case.config), config))
    if own != shared:
        text.append(f"\nServed {own}", style="not bold default")
    return text


def _memory_table(result: CaseResult) -> Table:
    table = plain_table()
    table.add_column("memory", no_wrap=True)
    table.add_column("array", no_wrap=True)
    for name in ("holds / capacity", "full", "mm2", "leakage"):
        table.add_column(name, justify="right", no_wrap=True)
    found = result.footprints.values()
    for kind in (["parameters"], ["activations", "buffer"]):
        for footprint in (f for f in found if f.region.kind in kind):
            table.add_row(*_memory_row(footprint))
        table.add_section()
    return table


def _memory_row(footprint: Footprint) -> list[str]:
    region, array, held = footprint.region, footprint.region.array, footprint.held_bytes
    cells = f" {array.bits_per_cell} b/cell" if not array.volatile else ""
    return [
        region.name,
        f"{array.technology}{cells}",
        _of(held, region.capacity),
        f"{100 * held / region.capacity:.0f} %",
        f"{1e6 * region.area:.3f}",
        format_si(region.leakage, "W"),
    ]


def _of(held: int, capacity: int) -> str:
    """Return ``1.47 / 1.50 MiB``, both in the unit of the capacity."""
    unit, name = (2**20, "MiB") if capacity >= 2**20 else (2**10, "KiB")
    digits = 2 if unit == 2**20 else 1
    return f"{held / unit:.{digits}f} / {capacity / unit:.{digits}f} {name}"


def _cost_table(result: CaseResult) -> Table:
    figures = result.figures
    table = plain_table()
    table.add_column("energy and time of a round")
    table.add_column("energy", justify="right")
    table.add_column("share", justify="right")
    table.add_column("time", justify="right")
    total = sum(figures.parts.values())
    for part, joules in figures.parts.items():
        if joules:
            table.add_row(part, format_si(joules, "J"), f"{100 * joules / total:.1f} %", "")
    table.add_section()
    if switch := figures.scopes.get("switch"):
        switches = figures.switches / figures.rounds
        noun = "task switch" if switches == 1 else "task switches"
        table.add_row(
            f"of which {switches:.3g} {noun}",
            format_si(switches * switch.energy, "J"),
            f"{100 * switches * switch.energy / total:.1f} %",
            format_si(switches * switch.latency, "s"),
        )
    table.add_row(
        "all",
        format_si(total, "J"),
        "100 %",
        format_si(figures.scopes["system"].latency, "s"),
        style="bold",
    )
    return table


def _summary(result: CaseResult) -> Text:
    figures = result.figures
    inference = f"an inference {format_si(figures.inference_latency, 's')}"
    switch = f"A task switch takes {format_si(figures.switch_latency, 's')}, {inference}."
    none = f"No task switch: all parameters stay on the chip; {inference}."
    return Text(f"{switch if figures.switches else none} Chip: {_chip(result)}.{_written(result)}")


def _chip_text(result: CaseResult) -> Text:
    return Text(f"Chip: {_chip(result)}.{_written(result)}")


def _written(result: CaseResult) -> str:
    """Return what writing the shared non-volatile parameters costs, if there are any."""
    costs = result.programming.values()
    if not costs:
        return ""
    seconds, joules = sum(c.seconds for c in costs), sum(c.joules for c in costs)
    return (
        f" Writing the shared parameters once: {format_si(seconds, 's')}, {format_si(joules, 'J')}."
    )


def _chip(result: CaseResult) -> str:
    system = result.figures.scopes["system"].area or 0.0
    memory = result.figures.scopes["memory"].area or 0.0
    return f"{1e6 * system:.2f} mm2, of which {1e6 * memory:.2f} mm2 for parameters"


def _comparison(
    comparisons: Sequence[Comparison],
    published: PublishedGains | None,
    scope_names: Mapping[str, str],
) -> Group:
    table = plain_table(title="Gain over the baseline, by scope", title_justify="left")
    table.title_style = "bold"
    table.add_column("")
    table.add_column("scope")
    for comparison in comparisons:
        heading = Text(f"{comparison.design}\nover {comparison.baseline}", justify="right")
        table.add_column(heading, justify="right")
    if published:
        table.add_column("paper", justify="right", style="dim")
    values = [{(g.metric, g.scope): g.value for g in c.gains} for c in comparisons]
    for metric in KINDS:
        paper = getattr(published, metric) if published else None
        known = [s for s in scope_names if any((metric, s) in found for found in values)]
        for number, scope in enumerate(known):
            row = [metric if number == 0 else "", scope_names[scope]]
            row += [_gain(found.get((metric, scope))) for found in values]
            row += [f"{paper:g}x" if paper else ""] if published else []
            table.add_row(*row)
        table.add_section()
    return Group(table, *_footnotes(published))


def _gain(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}x"


def _footnotes(published: PublishedGains | None) -> list[RenderableType]:
    if published is None:
        return []
    return [
        Text(
            f"paper: {published.source}. It does not say which scope its figures have; "
            "none is tuned to them.",
            style="dim",
        )
    ]


def details(results: Mapping[str, CaseResult]) -> Group:
    """Return what --verbose adds: events, mapping choices, warnings of the technology table."""
    lines: list[RenderableType] = []
    for name, result in results.items():
        run = result.run
        lines.append(Text(f"\n{name}", style="bold cyan"))
        lines.append(
            Text(
                f"{run.event_count} SimPy events; {run.simulated} segments simulated, "
                f"{run.replayed} replayed; ledger {ledger_digest(run.ledger)[:16]}"
            )
        )
        made = next(iter(result.design.inferences.values()))
        lines += [Text(f"mapping: {choice}") for choice in made.choices]
        if made.spilled:
            lines.append(Text(f"spilled to DRAM: {', '.join(made.spilled)}"))
        if worn := lifetime_table(result, every=True):
            lines.append(worn)
        for memory, warnings in array_warnings(result).items():
            lines += [Text(f"{memory}: {warning}", style="yellow") for warning in warnings]
    return Group(*lines)
