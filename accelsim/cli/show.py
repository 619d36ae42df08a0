"""``accelsim show``: a machine, its components and what they can do."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from accelsim.cli.options import Output, command_line, machine_set_option, output_options


@click.command()
@click.argument("machine", type=click.Path(path_type=Path))
@machine_set_option
@click.option("--verbose", is_flag=True, help="Also print the price of each action.")
@output_options()
def show(machine: Path, assignments: tuple[str, ...], verbose: bool, output: Output) -> None:
    """Show a MACHINE: components, capacities, widths, areas, bandwidths, placement.

    What depends on a size that a workload's models decide (capacity: fit) is "fit".

    \b
    accelsim show hwconfigs/adapter_slc.yaml --set memories.sram.capacity=1MiB
    """
    from accelsim.machine.fit import load_unsized
    from accelsim.report.machine import machine_report

    hardware, fits = load_unsized(machine, assignments)
    report = machine_report(hardware, command_line(), fits)
    output.give(report, output.chosen(), details=verbose)
