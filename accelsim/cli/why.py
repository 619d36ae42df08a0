"""``accelsim why``: walk one figure back to the ledger, the prices and their sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from accelsim.cli.options import Progress, command_line, study_command

if TYPE_CHECKING:
    from accelsim.report.table import Report
    from accelsim.workload.schema import Workload


@click.command()
@study_command
@click.argument("figure")
def why(workload: Workload, progress: Progress, figure: str) -> Report:
    """Walk a FIGURE of a WORKLOAD back: entries of the ledger, prices, rows of tables, sources.

    FIGURE is a case and any metric of it. Who knows only what a report calls it asks with those
    words, such as adapter_slc.energy.task, and is told the names. Energies, areas and traffic are
    walked back to entries of the ledger and their prices, times along the critical path to what
    each block needs for one of its actions. Of a gain both figures are.

    \b
    accelsim why workloads/mti_mnli_mrpc_qnli.yaml adapter_slc.energy.system
    accelsim why workloads/mti_mnli_mrpc_qnli.yaml adapter_slc.latency.switch
    accelsim why workloads/mti_mnli_mrpc_qnli.yaml adapter_slc.gain.energy.memory
    """
    from accelsim.report.why import why_report
    from accelsim.study.why import walk_back

    return why_report(workload, figure, walk_back(workload, figure), command_line())
