"""``accelsim graph``: the layer graph of a workload, with work and placement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import rich_click as click

from accelsim.cli.options import Progress, command_line, study_command
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.report.table import Report
    from accelsim.workload.schema import Workload


@click.command()
@study_command
@click.option("--task", help="A task of the workload. [the first]")
@click.option(
    "--as", "drawn", type=click.Choice(["tree", "dot", "graphml"]), default="tree",
    help="What to print: a tree, or text for Graphviz or for yEd, Gephi, networkx.",
)  # fmt: skip
@click.option("--verbose", is_flag=True, help="Show every layer, equal ones too.")
def graph(
    workload: Workload,
    progress: Progress,
    task: str | None,
    drawn: Literal["tree", "dot", "graphml"],
    verbose: bool,
) -> Report | None:
    """Show the layer graph of a WORKLOAD: shapes, MACs, bytes, and where parameters lie.

    It is that of the first case, or of the first of --cases.

    \b
    accelsim graph workloads/mti_mnli_mrpc_qnli.yaml --cases adapter_slc
    accelsim graph workloads/mti_mnli_mrpc_qnli.yaml --as dot | dot -Tsvg > model.svg
    """
    from accelsim.evaluation.graphs import machine_of_model, task_graph
    from accelsim.inputs.memo import Memo
    from accelsim.inputs.paths import suggest
    from accelsim.model.drawing import to_dot, to_graphml
    from accelsim.placement.placement import place
    from accelsim.report.graph import described, graph_report

    config, case = workload.config, next(iter(workload.cases.values()))
    task = task or next(iter(config.tasks))
    if task not in config.tasks:
        raise ConfigError(f"--task: no '{task}'; {suggest(task, config.tasks, 'tasks')}")
    layers = task_graph(config, case, task, config.longest(task), Memo())
    model = config.name_of_model(task)
    placement = place(layers, case.config.storage_of(model), machine_of_model(case, model))
    if drawn != "tree":
        written = to_dot if drawn == "dot" else to_graphml
        click.echo(written(layers, described(layers, placement)), nl=False)
        return None
    return graph_report(workload, case.name, task, layers, placement, command_line(), whole=verbose)
