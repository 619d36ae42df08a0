"""``accelsim scaling``: what grows with the number of tasks."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import rich_click as click

from accelsim.cli.options import plugins_option
from accelsim.cli.output import refuse_unused_media, show, status, write, write_option
from accelsim.errors import ConfigError


@click.command()
@click.argument("workload", type=click.Path(path_type=Path))
@click.option(
    "--tasks", default="1..9", show_default=True, help="Numbers of tasks: 1..9, 3 or 1,3,9."
)
@click.option(
    "--set", "assignments", multiple=True, metavar="PATH=VALUE", help="Change one value, as in run."
)
@click.option("--out", type=click.Path(path_type=Path), help="Also write files into this folder.")
@plugins_option
@write_option()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, no report.")
def scaling(
    workload: Path,
    tasks: str,
    assignments: tuple[str, ...],
    out: Path | None,
    media: str,
    as_json: bool,
) -> None:
    """Show what storage, chip, energy and traffic of a WORKLOAD grow to with more GLUE tasks.

    The tasks of the workload come first, then the rest of GLUE; they are served in turn. Storage is
    exact; the energy of a request is that of rounds after the first.

    \b
    accelsim scaling WORKLOAD
    accelsim scaling WORKLOAD --tasks 1,3,9 \\
        --set cases.adapter_slc.adaptation.bottleneck=16
    """
    from accelsim.report.media import chosen_media
    from accelsim.report.scaling import scaling_report
    from accelsim.study.scaling import find_scaling
    from accelsim.workload.schema import load_workload

    refuse_unused_media(out)
    loaded = load_workload(workload, assignments)
    wanted = chosen_media(media)
    numbers = _numbers(tasks)
    with status(shown=not as_json) as step:
        found = find_scaling(loaded, numbers, progress=step)
    report = scaling_report(loaded, found, ["accelsim", *sys.argv[1:]])
    show(report, write(report, out, wanted) if out else [], as_json=as_json)


# Two digits suffice: there are nine tasks, and the study checks the numbers.
_RANGE = re.compile(r"\s*([0-9]{1,2})\s*(?:\.\.\s*([0-9]{1,2})\s*)?")


def _numbers(text: str) -> list[int]:
    """Return the numbers of ``1..9``, ``3`` or ``1,3,9``. Raises ConfigError for anything else."""
    numbers: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ConfigError(f"--tasks: expected numbers such as 1..9, 3 or 1,3,9, got '{text}'")
        first, last = match.groups()
        numbers += range(int(first), int(last or first) + 1)
    return numbers
