"""``accelsim explain``: where a ratio between two designs comes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import rich_click as click

from accelsim.cli.options import Output, command_line, output_options, set_option
from accelsim.cli.output import status
from accelsim.errors import ConfigError


@click.command()
@click.argument("workload", type=click.Path(path_type=Path))
@click.argument("before")
@click.argument("after", required=False)
@set_option
@click.option("--to", multiple=True, metavar="PATH=VALUE", help="Change a value of AFTER alone.")
@click.option("--other", type=click.Path(path_type=Path), help="The workload file of AFTER.")
@click.option("--metric", help="The figure. [energy.system, of a stream energy.request]")
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME=PATH,PATH",
    help="Call these paths one change; * stands for any text.",
)
@click.option(
    "--needs", multiple=True, metavar="NAME=NAME,NAME", help="A change that comes after others."
)
@click.option("--verbose", is_flag=True, help="Also say why each mixture is not feasible.")
@click.option("--interactions", is_flag=True, help="Also show what two changes do together.")
@click.option("--orders", default=100, help="Orders to draw for more than 10 changes.")
@click.option("--seed", default=0, help="Seed of these orders.")
@output_options()
def explain(
    workload: Path,
    before: str,
    after: str | None,
    assignments: tuple[str, ...],
    to: tuple[str, ...],
    other: Path | None,
    metric: str | None,
    groups: tuple[str, ...],
    needs: tuple[str, ...],
    verbose: bool,
    interactions: bool,
    orders: int,
    seed: int,
    output: Output,
) -> None:
    """Explain what makes case AFTER of a WORKLOAD better or worse than case BEFORE.

    All that differs between the two is turned into changes; every mixture of the two designs is
    evaluated, and the ratio is shared out to the changes over all orders of making them.

    \b
    accelsim explain workloads/mti_mnli_mrpc_qnli.yaml vanilla_slc adapter_slc
    accelsim explain workloads/mti_mnli_mrpc_qnli.yaml adapter_slc \\
        --to hardware.dram.devices=2 --to hardware.process.roadmap=LOP --metric energy.switch
    """
    from accelsim.evaluation.examine import resolve
    from accelsim.evaluation.point import Point
    from accelsim.report.explain import explain_report
    from accelsim.study.explain.explanation import Question, find_explanation

    first = Point(workload, assignments, (before,))
    last = Point(other or workload, (*assignments, *to), (after or before,))
    question = Question(
        first,
        last,
        metric,
        dict(map(_named("--group"), groups)),
        {name: frozenset(wanted) for name, wanted in map(_named("--needs"), needs)},
        orders,
        seed,
    )
    wanted = output.chosen()
    with status(shown=not output.as_json) as step:
        found = find_explanation(question, progress=step)
    report = explain_report(resolve(first), found, command_line(), interactions=interactions)
    output.give(report, wanted, details=verbose)


def _named(option: str) -> Callable[[str], tuple[str, list[str]]]:
    def parsed(text: str) -> tuple[str, list[str]]:
        name, separator, rest = text.partition("=")
        items = [item.strip() for item in rest.split(",") if item.strip()]
        if not (separator and name.strip() and items):
            raise ConfigError(f"{option}: expected NAME=ONE,TWO, got '{text}'")
        return name.strip(), items

    return parsed
