"""``accelsim sweep``: evaluate every point of a study, keep the rows, show them."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click as plain_click
import rich_click as click

from accelsim.cli.options import Output, all_of, command_line, output_options, set_option
from accelsim.cli.output import without_markup
from accelsim.errors import INTERRUPTED, POINTS_FAILED

if TYPE_CHECKING:
    from accelsim.study.evaluator import Progress, Tally
    from accelsim.study.store import Store
    from accelsim.study.sweep.run import Evaluation
    from accelsim.study.sweep.space import Study

# Seconds between two lines about the progress, where there is no terminal.
_LINE_EVERY = 30.0
_STORE = "out/studies.sqlite"


store_option = click.option(
    "--store",
    type=click.Path(path_type=Path),
    default=_STORE,
    help="Where rows are kept, by all studies that name it.",
)


def _count(context: click.Context, option: click.Parameter, value: int | None) -> int | None:
    if value is not None and value < 0:
        raise click.BadParameter("expected 0 or more")
    return value


_JOBS = "Worker processes; 0: in this one. [a processor each]"
# How points are evaluated, and where rows are kept.
executor_options = all_of(
    store_option,
    click.option("--jobs", type=int, callback=_count, help=_JOBS),
    click.option("--scheduler", metavar="ADDRESS", help="Dask cluster, tcp://HOST:PORT."),
    click.option("--retry-failed", is_flag=True, help="Ask points again that failed."),
)
# The same, and when to stop.
evaluation_options = all_of(
    executor_options,
    click.option("--fail-fast", is_flag=True, help="Stop at the first failure."),
    click.option("--max-failures", type=int, callback=_count, help="Stop after more failures."),
)


def evaluation(
    progress: Progress,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    retry_failed: bool = False,
    fail_fast: bool = False,
    max_failures: int | None = None,
) -> Evaluation:
    """Return what ``evaluation_options`` ask for."""
    from accelsim.study.sweep.run import Evaluation

    if scheduler is not None:
        # What is wrong with a cluster is one message of ours.
        for name in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    limit = 0 if fail_fast else max_failures
    return Evaluation(jobs, scheduler, retry_failed, limit, progress)


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@set_option
@evaluation_options
@output_options(quiet=True)
def sweep(study: Path, assignments: tuple[str, ...], output: Output, **options: Any) -> None:
    """Evaluate every point of a STUDY file; what is in the store is not computed again.

    Exit code 8: points have failed or were killed. A point that does not fit is a row.

    \b
    accelsim new study mine && accelsim sweep mine.yaml
    accelsim sweep mine.yaml --jobs 2 --out out/mine --write csv
    accelsim study export mine.yaml --to mine.csv
    """
    from accelsim.study.sweep.space import load_study

    run_sweep(lambda: load_study(study, assignments), output, **options)


def run_sweep(
    load: Callable[[], Study], output: Output, store: Path = Path(_STORE), **options: Any
) -> None:
    """Run a study and show its report. Exits with 8 where points have failed."""
    from accelsim.report.sweep import sweep_report
    from accelsim.study.store import Store
    from accelsim.study.sweep.run import run_study

    wanted, found, quiet = output.chosen(), load(), output.quiet
    # Before there is a store: what is wrong with a study leaves nothing behind.
    found.check()
    with Store(store) as kept, study_progress(store, shown=not quiet) as progress:
        if kept.remote and not quiet:
            click.echo(f"accelsim: {store} is on a network: one command at a time", err=True)
        tell_others(kept, found.ids, "computed anew")
        how = evaluation(progress, **options)
        table = run_study(found, kept, how)
        changed = how.told[0] if how.told else None
        # All rows at once: only for who looks at them.
        seen = not quiet or output.out
        report = sweep_report(table, command_line(), changed) if seen else None
    if report:
        output.give(report, wanted)
    if table.tally and table.tally.failures:
        raise plain_click.exceptions.Exit(POINTS_FAILED)


def tell_others(store: Store, ids: Iterable[bytes], then: str) -> None:
    """Say on the error stream how many points have rows of others alone, and what becomes of it."""
    from accelsim.report.text import printable
    from accelsim.study.identity import model_id, model_name

    others = store.others(ids, model_id())
    rows = ", ".join(
        f"{number:,} of {name or 'files that have changed since'}"
        for name, number in others.most_common()
    )
    if rows:
        told = f"{store.path}: rows that are not comparable are {then}: {rows}"
        click.echo(f"accelsim: {printable(told)}; this is {printable(model_name())}", err=True)


@contextlib.contextmanager
def study_progress(store: Path | None, *, shown: bool) -> Iterator[Callable[[Tally], None]]:
    """Show how far a study is, on the error stream: a bar, or a line every half minute.

    The first failure is told at once. An interrupt says what is kept, if there is a store, and
    exits with its code.
    """
    last: list[Tally] = []
    with _bar() if shown and sys.stderr.isatty() else _lines(shown=shown) as draw:
        failed = False

        def progress(tally: Tally) -> None:
            nonlocal failed
            last[:] = [tally]
            draw(tally)
            if tally.first_failure and not failed:
                failed = True
                number, outcome = tally.first_failure
                click.echo(f"accelsim: point {number} {_told(outcome.reason.message)}", err=True)

        try:
            yield progress
        except KeyboardInterrupt:
            done = (
                f"{last[0].done:,} of {last[0].total:,} rows are" if last else "what was there is"
            )
            where = (
                f"in {store}, the same command goes on" if store else "lost, for want of a --store"
            )
            click.echo(f"\naccelsim: interrupted; {done} {where}", err=True)
            raise plain_click.exceptions.Exit(INTERRUPTED) from None


def _told(message: str) -> str:
    from accelsim.report.text import printable, shortened

    return printable(shortened(f"failed: {message}", 300))


def _line(tally: Tally) -> str:
    """Return counts by state, the rate and the remaining time as words."""
    from accelsim.report.text import duration

    states = ", ".join(f"{number:,} {state}" for state, number in tally.states.items())
    left = tally.remaining
    rest = f"; {tally.rate:.3g} points/s, {duration(left)} left" if left is not None else ""
    return f"{tally.done:,} of {tally.total:,} points ({states or 'none yet'}){rest}"


@contextlib.contextmanager
def _lines(*, shown: bool) -> Iterator[Callable[[Tally], None]]:
    before = time.monotonic()

    def draw(tally: Tally) -> None:
        nonlocal before
        if shown and time.monotonic() - before >= _LINE_EVERY:
            before = time.monotonic()
            click.echo(f"accelsim: {_line(tally)}", err=True)

    yield draw


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[Tally], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line, before = bar.add_task("starting", total=None), 0.0

        def draw(tally: Tally) -> None:
            nonlocal before
            # To draw takes longer than a point that is priced alone.
            if time.monotonic() - before > 0.1 or tally.done == tally.total:
                before = time.monotonic()
                text = without_markup(_line(tally))
                bar.update(line, completed=tally.done, total=tally.total, description=text)

        yield draw


def quick_study(
    workload: Path, sweeps: Sequence[str], assignments: Sequence[str], **more: Any
) -> Study:
    """Return the study of ``--sweep path=v1,v2``, each an axis. Raises ConfigError."""
    from accelsim.errors import ConfigError
    from accelsim.inputs.document import parse_override
    from accelsim.inputs.paths import format_path
    from accelsim.inputs.yaml_text import YamlReader
    from accelsim.study.sweep.run import study_of

    axes: dict[str, Any] = {}
    for text in sweeps:
        try:
            override = parse_override(text)
        except ConfigError as error:
            raise ConfigError(str(error).replace("--set", "--sweep", 1)) from None
        path = format_path(override.path)
        if path in axes:
            raise ConfigError(f"--sweep {text}: {path} is swept twice; give all values at once")
        axes[path] = YamlReader(f"[{override.text}]", f"--sweep {text}", numbered=False).data
    return study_of(workload, axes, assignments, {k: v for k, v in more.items() if v is not None})
