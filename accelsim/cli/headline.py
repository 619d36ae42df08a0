"""``accelsim headline``: what a published gain may have counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from accelsim.cli.options import Progress, command_line, study_command

if TYPE_CHECKING:
    from accelsim.report.table import Report
    from accelsim.workload.schema import Workload


@click.command()
@study_command
def headline(workload: Workload, progress: Progress) -> Report:
    """Price the cases of a WORKLOAD by every plausible account of its published gains.

    Passes over the parameters, adapters loaded or resident, styles of arrays, leakage in or out,
    DRAM as a stream or as single accesses, densities: which combination comes near the published
    area, energy and latency, and which does not. Closed forms; nothing is simulated or fitted.

    \b
    accelsim headline workloads/mti_mnli_mrpc_qnli.yaml
    """
    from accelsim.report.headline import headline_report
    from accelsim.study.headline import find_gains

    return headline_report(workload, find_gains(workload), command_line())
