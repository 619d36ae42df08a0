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

    FIGURE is a case and a metric that is a sum of entries: an energy, an area, a power.

    \b
    accelsim why workloads/mti_mnli_mrpc_qnli.yaml adapter_slc.energy.system
    """
    from accelsim.evaluation.examine import examine_workload
    from accelsim.report.why import why_report
    from accelsim.study.why import find_trail

    trail = find_trail(examine_workload(workload), figure)
    return why_report(workload, trail, command_line())
