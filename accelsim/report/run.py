"""The report of a run: what it comes to, all designs side by side, a short table for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import fsum
from typing import TYPE_CHECKING, Any

from accelsim.account.memories import Footprint
from accelsim.account.metrics import RoundCost, round_costs
from accelsim.account.parts import PURPOSES, ROUND_PARTS
from accelsim.account.purposes import ALL as ALL_PURPOSES
from accelsim.account.purposes import Spending, day_factor, mean_power, spendings
from accelsim.account.service import ALL, TaskService
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.comparison import KINDS, Gain, find_gains
from accelsim.evaluation.metrics import case_figures
from accelsim.evaluation.reasons import energy_parts
from accelsim.evaluation.result import Result
from accelsim.inputs.shipped import known_as
from accelsim.mapping.cache import InferenceProgram
from accelsim.policies.service import ServiceConfig
from accelsim.report.cautions import cautions, left_out, remarks
from accelsim.report.memories import LIFETIME, MEMORY
from accelsim.report.origin import changes
from accelsim.report.results import results_document
from accelsim.report.run_charts import (
    band_of,
    courses,
    gains_chart,
    latencies,
    machines,
    rooflines,
    sources,
    spending,
)
from accelsim.report.run_words import (
    exits_text,
    first_loads_text,
    memories_text,
    process_text,
    requests_text,
    service_text,
    sleep_text,
    states_text,
    writing_text,
)
from accelsim.report.table import (
    RULE,
    Column,
    Field,
    Heading,
    Prose,
    Report,
    Row,
    Section,
    Table,
    listed,
)
from accelsim.report.text import Value, time_unit
from accelsim.report.verdict import verdict
from accelsim.units import format_si
from accelsim.workload.cases import PublishedGains
from accelsim.workload.schema import WorkloadConfig

if TYPE_CHECKING:
    from accelsim.study.uncertainty.bands import Uncertainty

_SCOPE_NAMES = {
    "switch": "one task switch",
    "memory_one_pass": "memory, one pass",
    "memory": "memory, a round",
    "system": "system, a round",
}
# [ours] What one line of a heading holds.
_MOST_NAMES = 12
_STREAM_SCOPE_NAMES = {
    "memory": "parameter memories",
    "system": "chip",
    "request": "a request, mean",
    "request_oracle": "both with an oracle",
    "request_p99": "a request, p99",
}


def run_report(result: Result, command: Sequence[str], sure: Uncertainty | None = None) -> Report:
    """Return the report of rounds for a closed loop, of a stream of requests otherwise.

    Gains have the bands of what is not ``sure``, if they were asked for.
    """
    figures, warnings, notes = _figures(result), cautions(result), remarks(result)
    bands_told, bands, said = _bands(sure) if sure else ((), {}, ())
    return Report(
        name="results",
        title=result.workload.config.name,
        about=tuple(_about(result)),
        sections=(
            *_gains(result, sure),
            *gains_chart(result, _scopes(result), sure),
            _turned("Figures", figures, brief=True),
            _parts(result),
            *(part for name, case in result.cases.items() for part in _case(result, name, case)),
        ),
        pictures=tuple(
            part
            for drawn in (spending, machines, rooflines, courses, latencies, sources)
            for part in drawn(result)
        ),
        verdict=(
            *(Prose(text, "warning") for text in left_out(result)),
            *(Prose(text, "strong") for text in verdict(result)),
            *(Prose(text, "strong") for text in bands_told),
            *(Prose(text, "warning") for text in warnings),
        ),
        notes=(*said, *notes),
        data=figures,
        document=results_document(result, command)
        | {
            "figures": figures.records,
            "cautions": [*left_out(result), *warnings],
            "notes": list(notes),
        }
        | bands,
        details=(
            _files(result),
            *(part for name, case in result.cases.items() for part in _details(result, name, case)),
            _turned("All figures", figures, brief=False),
        ),
    )


def _bands(sure: Uncertainty) -> tuple[Iterable[str], dict[str, Any], tuple[str, ...]]:
    """Return what bands come to, all of them for the document, and what they are of."""
    from accelsim.report.uncertainty import bands_document, bands_note, bands_verdict

    return bands_verdict(sure), {"bands": bands_document(sure)}, (bands_note(sure),)


def _names(tasks: Iterable[str]) -> str:
    first, rest = list(tasks)[:_MOST_NAMES], list(tasks)[_MOST_NAMES:]
    return ", ".join(first) + (f" and {len(rest)} more" if rest else "")


def _about(result: Result) -> Iterator[str]:
    config = result.workload.config
    yield from changes(result.workload)
    yield (f"{'; '.join(_models(config))}; {requests_text(result)}")
    if result.request_notes:
        yield f"Requests: {'; '.join(result.request_notes)}"
    if not result.closed_loop or service_text(config) != service_text(ServiceConfig()):
        yield f"Served {service_text(config)}"
    yield "Arrays: " + "; ".join(dict.fromkeys(map(process_text, result.cases.values())))


def _models(config: WorkloadConfig) -> Iterator[str]:
    """Yield each model with what it reads and its tasks."""
    for name, model in config.networks.items():
        tasks = [task for task in config.tasks if config.name_of_model(task) == name]
        label = f"{name}: {model.name}" if len(config.networks) > 1 else model.name
        reads = model.inputs(config.longest(tasks[0]))
        yield f"{label}, {reads}; tasks {_names(tasks)}"


def _case(result: Result, name: str, case: CaseResult) -> Iterator[Section]:
    yield _heading(result, name, case)
    yield _memories(case, buffers=False) if result.closed_loop else _service(case)


def _heading(result: Result, name: str, case: CaseResult) -> Heading:
    config, own_config = result.workload.config, case.case.config
    adapted = {name: own_config.adaptation_of(name).describe() for name in config.networks}
    several = len(adapted) > 1
    how = "; ".join(f"{model}: {text}" if several else text for model, text in adapted.items())
    lines = [f"{how}, on {case.case.hardware.name}"]
    if not result.closed_loop:
        lines.append(memories_text(case))
    if case.design.weights:
        lines.append(f"Weights: {case.design.weights}")
    own, shared = (service_text(each) for each in (case.service, config))
    if own != shared:
        lines.append(f"Served {own}")
    return Heading(name, "\n".join(lines))


def _memories(case: CaseResult, *, buffers: bool) -> Table:
    """Return the memories of parameters, a line, and that of activations or all others."""
    groups: tuple[list[Footprint], list[Footprint]] = [], []
    for one in case.footprints.values():
        if buffers or one.region.kind != "buffer":
            groups[one.region.kind != "parameters"].append(one)
    fields = [field for field in MEMORY if buffers or field[0].brief]
    own, others = (listed("", fields, group) for group in groups)
    return replace(own, rows=(*own.rows, RULE, *others.rows))


_ROUND: tuple[Field[RoundCost], ...] = (
    (Column("part", "energy and time of a round"), lambda cost: cost.what),
    (Column("energy", "energy", "J"), lambda cost: cost.energy),
    (Column("share", "share", "%"), lambda cost: cost.share),
    (Column("time", "time", "s"), lambda cost: "" if cost.time is None else cost.time),
)


def _round(case: CaseResult) -> Table:
    parts, sums = (listed("", _ROUND, costs) for costs in round_costs(case.figures))
    return replace(parts, rows=(*parts.rows, RULE, *sums.rows), total=True)


def _purposes(case: CaseResult) -> Table:
    run, account = case.run, case.figures.account
    power = f"all: {format_si(mean_power(run, account), 'W')} on average"
    fields: tuple[Field[Spending], ...] = (
        (
            Column("purpose", "energy by purpose"),
            lambda one: power if one.purpose == ALL_PURPOSES else one.purpose,
        ),
        (Column("request", "a request", "J"), lambda one: one.request),
        (Column("day", f"a day{' of it' * (day_factor(run) != 1)}", "J"), lambda one: one.day),
        (Column("share", "share", "%"), lambda one: one.share),
    )
    table = listed("", fields, spendings(run, account, case.purposes))
    return replace(table, rows=(*table.rows[:-1], RULE, table.rows[-1]), total=True)


def _service(case: CaseResult) -> Table:
    """Return how requests were served, a row for each task; times in one unit."""
    found = case.statistics
    unit = time_unit(found[ALL].latency.maximum)
    fields: list[Field[tuple[str, TaskService]]] = [
        (Column("task", "task"), lambda one: one[0]),
        (Column("requests", "requests", "1"), lambda one: one[1].requests),
        (Column("switches", "switches", "1"), lambda one: one[1].switches),
        (Column("", "waits\np50", unit), lambda one: one[1].waiting.p50),
        (Column("", "p95", unit), lambda one: one[1].waiting.p95),
        (Column("", "p99", unit), lambda one: one[1].waiting.p99),
        (Column("", "max", unit), lambda one: one[1].waiting.maximum),
        (Column("", "latency\np95", unit), lambda one: one[1].latency.p95),
    ]
    if found[ALL].deadlines:
        fields.append((Column("", "missed", "%"), lambda one: one[1].missed_share))
    fields.append((Column("", "busy", "%"), lambda one: one[1].utilisation))
    table = listed("Requests", fields, found.items())
    one_task = len(found) == 2
    rows = table.rows[:1] if one_task else (*table.rows[:-1], RULE, table.rows[-1])
    return replace(table, rows=rows, total=not one_task)


# -- side by side ----------------------------------------------------------------------------------


def _figures(result: Result) -> Table:
    """Return a row for each case with every figure that any of them has."""
    columns: dict[str, Column] = {}
    found: dict[str, dict[str, Value]] = {}
    for name, case in result.cases.items():
        found[name] = {"case": name}
        for metric, key, value in case_figures(case):
            label = key.removeprefix(metric.key).removeprefix(".")
            title = metric.titled(closed_loop=result.closed_loop) + f", {label}" * bool(label)
            brief = metric.is_brief(closed_loop=result.closed_loop) and not label
            columns.setdefault(key, Column(key, title, metric.unit, brief=brief))
            found[name][key] = value
    rows = (tuple(row.get(key) for key in ("case", *columns)) for row in found.values())
    return Table("", (Column("case", "case"), *columns.values()), tuple(rows))


def _turned(title: str, table: Table, *, brief: bool) -> Table:
    """Return a table with a row for each column, headed by what was the first one."""
    name, *columns = zip(table.columns, *table.rows, strict=True)
    head = (Column("figure", "figure"), *(Column("", str(case), "1") for case in name[1:]))
    rows = (
        (column.heading.replace("\n", ", "), *map(column.text, values))
        for column, *values in columns
        if column.brief or not brief
    )
    return Table(title, head, tuple(rows))


def _parts(result: Result) -> Table:
    """Return what the energy of a round, or of a request, is spent on, designs side by side."""
    found = {
        name: energy_parts(case, closed_loop=result.closed_loop)
        for name, case in result.cases.items()
    }
    known = ROUND_PARTS if result.closed_loop else PURPOSES
    title = f"Energy of a {'round by part' if result.closed_loop else 'request by purpose'}"
    columns = (Column("", "part"), *(Column("", name, "J") for name in found))
    rows: list[Row] = [
        (part, *(parts.get(part) for parts in found.values()))
        for part in known
        if any(part in parts for parts in found.values())
    ]
    total: Row = ("all", *(fsum(parts.values()) for parts in found.values()))
    return Table(title, columns, (*rows, RULE, total), total=True)


def _gains(result: Result, sure: Uncertainty | None) -> Iterator[Table]:
    comparisons = find_gains(result)
    if not comparisons:
        return
    published = result.workload.config.published if result.closed_loop else None
    scopes = _scopes(result)
    columns = [Column("", ""), Column("", "scope")]
    columns += [Column("", f"{one.design}\nover {one.baseline}", "x") for one in comparisons]
    columns += [Column("", "paper", "1")] if published else []
    values = [
        {(g.metric, g.scope): _with_band(one.design, g, sure) for g in one.gains}
        for one in comparisons
    ]
    groups = []
    for kind in KINDS:
        said = getattr(published, kind, None)
        paper = [None if said is None else f"{said:g}x"] if published else []
        known = [s for s in scopes if any((kind, s) in found for found in values)]
        gains = ((scopes[s], *(found.get((kind, s)) for found in values), *paper) for s in known)
        groups.append([(kind if n == 0 else "", *gain) for n, gain in enumerate(gains)])
    rows = [row for group in groups if group for row in (RULE, *group)][1:]
    notes = [] if published is None else [_published_note(published)]
    yield Table("Gain over the baseline, by scope", tuple(columns), tuple(rows), tuple(notes))


def _scopes(result: Result) -> dict[str, str]:
    return _SCOPE_NAMES if result.closed_loop else _STREAM_SCOPE_NAMES


def _with_band(design: str, gain: Gain, sure: Uncertainty | None) -> Value:
    band = band_of(design, gain, sure)
    if band is None:
        return gain.value
    from accelsim.report.uncertainty import banded

    return banded(band)


def _published_note(published: PublishedGains) -> str:
    return (
        f"paper: {published.source}. It does not say which scope its figures have; none is tuned "
        "to them."
    )


# -- details ---------------------------------------------------------------------------------------


def _files(result: Result) -> Table:
    columns = (Column("", "files read"), Column("", "SHA-256"))
    found = sorted((known_as(path), digest[:16]) for path, digest in result.files.items())
    return Table("", columns, tuple(found))


def _details(result: Result, name: str, case: CaseResult) -> Iterator[Section]:
    """Yield all memories, shares, times, mapping choices, lifetimes, warnings of the table."""
    run = case.run
    yield Heading(f"{name}, details")
    yield _memories(case, buffers=True)
    yield _round(case) if result.closed_loop else _purposes(case)
    texts = (
        first_loads_text(case),
        writing_text(case),
        states_text(case),
        sleep_text(case),
        exits_text(case),
    )
    yield from (Prose(text) for text in texts if text)
    yield Prose(
        f"{run.event_count} SimPy events; {run.simulated} segments simulated, "
        f"{run.replayed} replayed; ledger {run.ledger.digest()[:16]}"
    )
    mapped: dict[str, InferenceProgram] = {}
    for (task, _), each in case.design.inferences.items():
        mapped.setdefault(case.design.models.get(task, ""), each)
    for made in mapped.values():
        yield from (Prose(f"mapping: {choice}") for choice in made.choices)
    yield listed("", LIFETIME, case.lifetimes.values())
    for memory, warnings in case.array_warnings.items():
        yield from (Prose(f"{memory}: {warning}", "warning") for warning in warnings)
