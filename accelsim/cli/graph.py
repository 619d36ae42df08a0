"""``accelsim graph``: the layer graph of a workload, with work and placement."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import rich_click as click

from accelsim.cli.options import command_line, refuse_unused_media, workload_options
from accelsim.cli.output import show, write
from accelsim.errors import ConfigError


@click.command()
@workload_options()
@click.option("--task", help="A task of the workload. [the first]")
@click.option(
    "--as", "drawn", type=click.Choice(["tree", "dot", "graphml"]), default="tree",
    help="What to print: a tree, or text for Graphviz or for yEd, Gephi, networkx.",
)  # fmt: skip
@click.option("--verbose", is_flag=True, help="Show every layer, equal ones too.")
def graph(
    workload: Path,
    assignments: tuple[str, ...],
    out: Path | None,
    media: str,
    as_json: bool,
    cases: list[str] | None,
    task: str | None,
    drawn: Literal["tree", "dot", "graphml"],
    verbose: bool,
) -> None:
    """Show the layer graph of a WORKLOAD: shapes, MACs, bytes, and where parameters lie.

    It is that of the first case, or of the first of --cases.

    \b
    accelsim graph workloads/mti_mnli_mrpc_qnli.yaml --cases adapter_slc
    accelsim graph workloads/mti_mnli_mrpc_qnli.yaml --as dot | dot -Tsvg > model.svg
    """
    from accelsim.evaluation.examine import resolve
    from accelsim.evaluation.graphs import machine_of_model, task_graph
    from accelsim.evaluation.point import Point
    from accelsim.inputs.memo import Memo
    from accelsim.inputs.paths import suggest
    from accelsim.model.drawing import to_dot, to_graphml
    from accelsim.placement.placement import place
    from accelsim.report.graph import described, graph_report
    from accelsim.report.media import chosen_media

    refuse_unused_media(out)
    loaded = resolve(Point(workload, assignments, cases))
    wanted, case = chosen_media(media), next(iter(loaded.cases.values()))
    task = task or next(iter(loaded.config.tasks))
    if task not in loaded.config.tasks:
        raise ConfigError(f"--task: no '{task}'; {suggest(task, loaded.config.tasks, 'tasks')}")
    layers = task_graph(loaded.config, case, task, loaded.config.longest(task), Memo())
    model = loaded.config.name_of_model(task)
    placement = place(layers, case.config.storage_of(model), machine_of_model(case, model))
    if drawn != "tree":
        written = to_dot if drawn == "dot" else to_graphml
        click.echo(written(layers, described(layers, placement)), nl=False)
        return
    report = graph_report(loaded, case.name, task, layers, placement, command_line(), whole=verbose)
    show(report, write(report, out, wanted) if out else [], as_json=as_json)
