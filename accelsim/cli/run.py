"""``accelsim run``: simulate a workload, print the report, write results and timeline."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click as plain_click
import rich_click as click

from accelsim.cli.options import (
    Output,
    command_line,
    parse_option,
    refuse_options,
    strict_option,
    workload_options,
)
from accelsim.cli.output import show, without_markup, write
from accelsim.errors import INTERRUPTED, ConfigError
from accelsim.version import __version__

if TYPE_CHECKING:
    from accelsim.engine.run import Options, Window
    from accelsim.evaluation.point import Point
    from accelsim.evaluation.result import Result
    from accelsim.inputs.memo import Memo
    from accelsim.report.files import Pieces
    from accelsim.report.media.base import Medium
    from accelsim.report.table import Report
    from accelsim.report.timeline.levels import Plan
    from accelsim.study.uncertainty.bands import Uncertainty
    from accelsim.workload.schema import Workload

    Plans = Mapping[str, Plan]

_REQUESTS = "requests.csv"
# [ours] The 5 % point of so many is the tenth.
_BAND_POINTS = 200
_FORMATS = ("pftrace", "json")
_LEVELS = ("request", "switch", "layer", "operator", "panel", "use")


@click.command()
@workload_options("Folder of the results. [out/NAME]", quiet=True)
@strict_option
@click.option("--verbose", is_flag=True, help="Also print events, mapping choices and warnings.")
@click.option(
    "--window",
    metavar="START..END",
    help="Draw this time of the run, such as 10s..12s. [first round or requests]",
)
@click.option(
    "--timeline-detail",
    type=click.Choice(_LEVELS),
    help="Draw all of the window at this level. [what fits]",
)
@click.option(
    "--timeline-format",
    type=click.Choice(_FORMATS),
    default=_FORMATS[0],
    help="Perfetto's format, or Chrome's JSON. [pftrace]",
)
@click.option("--by", help="Also print energy and time by layer, operator, block, task, memory.")
@click.option("--parquet", is_flag=True, help="Also write breakdown.parquet (extra parquet).")
@click.option("--report", "page", is_flag=True, help="Also write the report as one HTML page.")
@click.option("--per-request", is_flag=True, help="Also write requests.csv, a row a request.")
@click.option("--no-trace", is_flag=True, help="Write no timeline.")
@click.option("--no-replay", is_flag=True, help="Simulate every segment, also equal ones.")
@click.option("--bands", is_flag=True, help="Give gains the bands of accelsim uncertainty.")
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="PATH=V1,V2",
    help="Instead evaluate these values of a path, and all combinations with further --sweep.",
)
def run(
    workload: Path,
    assignments: tuple[str, ...],
    cases: list[str] | None,
    output: Output,
    strict: bool,
    page: bool,
    sweeps: tuple[str, ...],
    **more: Any,
) -> None:
    """Simulate the cases of a WORKLOAD file and compare them.

    Writes results.json and what --write names beside it; breakdown.csv, all that was spent by task,
    layer, operator, block and action; and, unless --no-trace is given, timeline.pftrace, which
    opens at ui.perfetto.dev.
    """
    from accelsim.evaluation.examine import resolve
    from accelsim.evaluation.point import Point
    from accelsim.inputs.memo import Memo
    from accelsim.report.by import chosen_groupings, with_groupings
    from accelsim.report.files import check_free
    from accelsim.report.run import run_report
    from accelsim.report.text import printable

    if page:
        output = replace(output, media=f"{output.media},html")
    if sweeps:
        from accelsim.cli.sweep import quick_study, run_sweep

        study = quick_study(workload, sweeps, assignments, cases=cases)
        refuse_options("--sweep", "strict", *_Asked.__dataclass_fields__)
        output.refuse_unused_media()
        run_sweep(lambda: study, output)
        return
    asked, memo = _Asked(**more), Memo()
    options = asked.options()
    resolved = resolve(Point(workload, assignments, cases), memo)
    wanted, groupings = output.chosen(), chosen_groupings(asked.by)
    folder = output.out or Path("out") / resolved.config.name
    files = asked.files()
    check_free(folder, [*(f"results.{medium.name}" for medium in wanted), *files])
    shown = not (output.quiet or output.as_json)
    result = _simulate(resolved, memo, options, shown=shown, strict=strict)
    _tell_of_refused(result)
    sure = _bands(Point(workload, assignments, tuple(result.cases))) if asked.bands else None
    report = with_groupings(run_report(result, _command(workload), sure), result, groupings)
    plans = {} if asked.no_trace else _plans(result, asked.timeline_detail)
    beside = {name: make(result, plans) for name, make in files.items()}
    paths = _write(report, folder, wanted, beside)
    if output.quiet:
        return
    try:
        show(report, paths, as_json=output.as_json, details=asked.verbose)
        _tell_of_timelines(result, plans, as_json=output.as_json)
    except KeyboardInterrupt:
        click.echo(f"accelsim: interrupted; {printable(str(folder))} is complete", err=True)
        raise plain_click.exceptions.Exit(INTERRUPTED) from None


@dataclass(frozen=True)
class _Asked:
    """What was asked for of one run, as the options have it."""

    window: str | None
    timeline_detail: str | None
    timeline_format: str
    by: str | None
    parquet: bool
    per_request: bool
    verbose: bool
    no_trace: bool
    no_replay: bool
    bands: bool

    def options(self) -> Options:
        """Return how to simulate. Raises ConfigError for options that contradict one another."""
        from accelsim.engine.run import Options

        drawn = _parse_window(self.window, no_trace=self.no_trace)
        if self.no_trace and self.timeline_detail:
            raise ConfigError(
                "--timeline-detail draws a timeline, but --no-trace writes none; drop one"
            )
        return Options(replay=not self.no_replay, trace=not self.no_trace, window=drawn)

    def files(self) -> dict[str, Callable[[Result, Plans], Pieces]]:
        """Return what makes each file beside the report, by name."""
        from accelsim.account.breakdown import BREAKDOWN
        from accelsim.report.breakdown import PARQUET, breakdown_lines, breakdown_parquet

        found: dict[str, Callable[[Result, Plans], Pieces]] = {
            BREAKDOWN: lambda result, _: breakdown_lines(result.cases)
        }
        if self.parquet:
            found[PARQUET] = lambda result, _: breakdown_parquet(result.cases)
        if not self.no_trace:
            found[f"timeline.{self.timeline_format}"] = partial(_timeline, self.timeline_format)
        if self.per_request:
            from accelsim.report.request_rows import request_rows

            found[_REQUESTS] = lambda result, _: request_rows(result.cases)
        return found


def _bands(point: Point) -> Uncertainty:
    from accelsim.study.uncertainty.bands import uncertainty

    return uncertainty(
        point.workload, _BAND_POINTS, set=point.assignments, cases=point.cases, jobs=None
    )


def _tell_of_refused(result: Result) -> None:
    from accelsim.report.text import printable

    for why in result.refused.values():
        click.echo(f"accelsim: does not fit and is left out: {printable(str(why))}", err=True)


def _tell_of_timelines(result: Result, plans: Plans, *, as_json: bool) -> None:
    if not plans:
        return
    from accelsim.report.timeline.drawing import told

    empty = [name for name, case in result.cases.items() if not case.run.executions]
    if empty:
        click.echo(
            f"accelsim: no request is served within --window ({', '.join(empty)}): the timeline "
            "shows the power state alone",
            err=True,
        )
    if not as_json:
        click.echo("Open the timeline at https://ui.perfetto.dev")
        if said := told(plans):
            click.echo(said)


def _parse_window(text: str | None, *, no_trace: bool) -> Window | None:
    from accelsim.engine.run import Window
    from accelsim.units import to_ticks

    if text is None:
        return None
    if no_trace:
        raise ConfigError("--window limits the timeline, but --no-trace writes none; drop one")
    start, separator, end = text.partition("..")
    if not separator:
        raise ConfigError(f"--window: expected START..END such as 10s..12s, got '{text}'")
    ticks = [to_ticks(parse_option("--window", part, "s")) for part in (start, end)]
    if not 0 <= ticks[0] < ticks[1]:
        raise ConfigError(
            f"--window: expected a start of 0 s or later and an end after it, got '{text}'"
        )
    return Window(*ticks)


def _simulate(
    workload: Workload, memo: Memo, options: Options, *, shown: bool, strict: bool
) -> Result:
    from accelsim.evaluation.examine import examine_workload

    workers = os.cpu_count() or 1
    with _progress(shown=shown) as step:
        return examine_workload(
            workload, memo, options=options, workers=workers, progress=step, strict=strict
        )


def _write(
    report: Report, folder: Path, media: Sequence[Medium], more: Mapping[str, Pieces]
) -> list[Path]:
    from accelsim.account.breakdown import BREAKDOWN
    from accelsim.report.breakdown import PARQUET
    from accelsim.report.media import MEDIA

    # Files of an earlier run would not belong to these results.
    others = (BREAKDOWN, PARQUET, _REQUESTS, *(f"timeline.{name}" for name in _FORMATS))
    ours = (*others, *(f"{report.name}.{name}" for name in MEDIA.all()))
    return write(report, folder, media, more, stale=ours)


def _command(workload: Path) -> list[str]:
    called = str(workload) in sys.argv
    return command_line() if called else ["accelsim", "run", str(workload)]


def _plans(result: Result, detail: str | None) -> Plans:
    from accelsim.report.timeline.levels import USUAL, Level, plan_of

    level, usual = Level[detail.upper()] if detail else None, USUAL // len(result.cases)
    return {name: plan_of(name, case, level, usual) for name, case in result.cases.items()}


def _timeline(file_format: str, result: Result, plans: Plans) -> Iterator[bytes]:
    from accelsim.report.timeline import timeline

    workload = result.workload
    about = {
        "accelsim": __version__,
        "workload": workload.config.name,
        "workload digest": workload.digest,
        **{f"{name} machine digest": case.digest for name, case in workload.cases.items()},
    }
    return timeline(plans, file_format, about)


@contextlib.contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """Show a bar of the requests on the terminal's error stream meanwhile."""
    if not shown or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("simulating", total=None)
        done = 0

        def step(case: str, served: int, total: int) -> None:
            nonlocal done
            done += served
            # A bar is some hundred characters wide; to redraw it each time would take longer.
            if done % max(1, total // 500) < served:
                described = f"simulating {without_markup(case)}"
                bar.update(line, completed=done, total=total, description=described)

        yield step
