"""``accelsim compare``: runs beside each other; an exit code for continuous integration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click as plain_click
import rich_click as click

from accelsim.cli.options import Output, command_line, output_options, set_option
from accelsim.cli.output import status
from accelsim.errors import LIMIT_PASSED, ConfigError

if TYPE_CHECKING:
    from accelsim.study.saved_run import SavedRun


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@set_option
@click.option("--by", default="scope,block,operator,layer,task", help="What to show.")
@click.option(
    "--fail-above",
    "limits",
    multiple=True,
    metavar="FIGURE=SHARE",
    help="Exit with 9 where a run takes more of it than the first: energy=5%, latency.switch=0%.",
)
@click.option("--verbose", is_flag=True, help="Also print all lines of long tables.")
@output_options()
def compare(
    runs: tuple[str, ...],
    assignments: tuple[str, ...],
    by: str,
    limits: tuple[str, ...],
    verbose: bool,
    output: Output,
) -> None:
    """Compare RUNs that did the same work: folders of `accelsim run`, or workloads to run.

    Each is compared with the first, in every case that all have; FOLDER:CASE and WORKLOAD:CASE name
    one. --set changes the workloads.

    \b
    accelsim compare out/before out/after --fail-above energy=5%
    accelsim compare workloads/mti_mnli_mrpc_qnli.yaml:vanilla_slc \\
        workloads/mti_mnli_mrpc_qnli.yaml:adapter_slc
    """
    from accelsim.report.compare import compare_report
    from accelsim.study.compare import compare as compare_runs

    groupings, most = _groupings(by), dict(map(_limit, limits))
    wanted = output.chosen()
    with status(shown=not output.as_json) as step:
        found = []
        for text in runs:
            if step:
                step(text)
            found.append(_run(text, assignments))
    compared = compare_runs(*found)
    worse = [
        f"{side}: {figure} is {100 * more:.3g} % more, above {100 * limit:.3g} %"
        for one in compared
        for figure, side, more, limit in one.worse(most)
    ]
    report = compare_report(compared, groupings, command_line(), worse)
    output.give(report, wanted, details=verbose)
    if worse:
        raise plain_click.exceptions.Exit(LIMIT_PASSED)


def _run(text: str, assignments: tuple[str, ...]) -> SavedRun | str:
    """Return a folder as it is, and what a run of a workload would leave in one."""
    from accelsim.account.breakdown import BreakdownRow
    from accelsim.evaluation.examine import examine
    from accelsim.evaluation.point import Point
    from accelsim.report.media.json import Json
    from accelsim.report.run import run_report
    from accelsim.study.compare import split_case
    from accelsim.study.saved_run import SavedRun

    path, case = split_case(text)
    if Path(path).suffix not in (".yaml", ".yml"):
        return text
    result = examine(Point(path, assignments, None if case is None else (case,)))
    document = json.loads("".join(Json().render(run_report(result, []))))
    names = ("design", *BreakdownRow.columns().values())
    rows = [(name, *row) for name, each in result.cases.items() for row in each.breakdown]
    columns = {
        name: list(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)
    }
    return SavedRun(Path(path), document, columns)


def _groupings(text: str) -> list[str]:
    from accelsim.inputs.paths import suggest
    from accelsim.study.compare import GROUPINGS

    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in GROUPINGS:
            raise ConfigError(f"--by: unknown '{word}'; {suggest(word, GROUPINGS, 'known')}")
    return words


def _limit(text: str) -> tuple[str, float]:
    figure, separator, share = text.partition("=")
    try:
        if not separator or figure.partition(".")[0] not in ("energy", "latency", "area"):
            raise ValueError
        number = share.strip()
        return figure, float(number[:-1]) / 100 if number.endswith("%") else float(number)
    except ValueError:
        raise ConfigError(
            f"--fail-above: expected FIGURE=SHARE such as energy=5% or latency.switch=0.02, of "
            f"energy, latency or area, got '{text}'"
        ) from None
