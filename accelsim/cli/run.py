"""``accelsim run``: simulate a workload, print the report, write results and timeline."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click as plain_click
import rich_click as click

import accelsim
from accelsim.errors import INTERRUPTED

if TYPE_CHECKING:
    from accelsim.config.workload import Workload
    from accelsim.study.cases import CaseResult, Comparison


@click.command()
@click.argument("workload", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results. [out/NAME]")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change one value: requests.rounds=5, hardware.dram.devices=2 (all machines), "
    "cases.NAME.hardware.dram.devices=2 (one).",
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json, no report.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--verbose", is_flag=True, help="Also print events, mapping choices and warnings.")
@click.option("--no-trace", is_flag=True, help="Write no timeline.")
@click.option("--no-replay", is_flag=True, help="Simulate every segment, also equal ones.")
def run(
    workload: Path,
    out: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    verbose: bool,
    no_trace: bool,
    no_replay: bool,
) -> None:
    """Simulate the cases of a WORKLOAD file and compare them.

    Writes results.json and, unless --no-trace is given, timeline.json, which opens at
    ui.perfetto.dev.
    """
    from accelsim.config.workload import load_workload
    from accelsim.export.files import write_all
    from accelsim.export.results import results_document, results_text
    from accelsim.study.cases import compare, simulate

    loaded = load_workload(workload, assignments)
    with _progress(loaded, shown=not (quiet or as_json)) as step:
        results = simulate(loaded, replay=not no_replay, trace=not no_trace, progress=step)
    comparisons = compare(results)
    text = results_text(results_document(loaded, results, comparisons, _command(workload)))
    files: dict[str, Iterable[str]] = {"results.json": [text]}
    if not no_trace:
        files["timeline.json"] = _timeline(loaded, results)
    folder = out or Path("out") / loaded.config.name
    write_all(folder, files)
    if no_trace:
        # A timeline of an earlier run would not belong to these results.
        (folder / "timeline.json").unlink(missing_ok=True)
    try:
        if as_json:
            click.echo(text, nl=False)
        elif not quiet:
            _print_report(loaded, results, comparisons, folder, list(files), verbose=verbose)
    except KeyboardInterrupt:
        click.echo(f"accelsim: interrupted; {folder} is complete", err=True)
        raise plain_click.exceptions.Exit(INTERRUPTED) from None


def _command(workload: Path) -> list[str]:
    called = str(workload) in sys.argv
    return ["accelsim", *sys.argv[1:]] if called else ["accelsim", "run", str(workload)]


def _timeline(workload: Workload, results: dict[str, CaseResult]) -> Iterator[str]:
    from accelsim.export.perfetto import CaseTrace, trace_events

    traces = {
        name: CaseTrace(result.design, result.run, result.figures.prices)
        for name, result in results.items()
    }
    about = {
        "accelsim": accelsim.__version__,
        "workload": workload.config.name,
        "workload digest": workload.digest,
        **{f"{name} machine digest": case.digest for name, case in workload.cases.items()},
    }
    return trace_events(traces, other_data=about)


@contextlib.contextmanager
def _progress(workload: Workload, *, shown: bool) -> Iterator[Callable[[str], None] | None]:
    """Show a bar on the terminal's error stream while the simulation works."""
    if not shown or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    requests = workload.config.requests
    each = requests.rounds * requests.sentences_per_task * len(workload.config.tasks)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("simulating", total=each * len(workload.cases))

        def step(case: str) -> None:
            bar.update(line, advance=1, description=f"simulating {case}")

        yield step


def _print_report(
    workload: Workload,
    results: dict[str, CaseResult],
    comparisons: list[Comparison],
    folder: Path,
    files: list[str],
    *,
    verbose: bool,
) -> None:
    from rich.console import Console

    from accelsim.export.terminal import details, report

    console = Console(highlight=False)
    console.print(report(workload, results, comparisons))
    if verbose:
        console.print(details(results))
    names = " and ".join(str(folder / name) for name in files)
    console.print(f"\nWrote {names}", style="dim", soft_wrap=True)
    if "timeline.json" in files:
        console.print("Open the timeline at https://ui.perfetto.dev", style="dim")
