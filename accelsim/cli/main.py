"""The command ``accelsim``: sub-commands are imported when they are called.

Exit codes: 0 done; 1 other error; 2 wrong input or options; 3 the model does not fit the machine;
4 program error; 5 ledger contradiction; 6 output cannot be written; 7 a plug-in has failed; 8
points of a study have failed; 9 a run passes a limit of `compare --fail-above`; 130 interrupted;
141 the reader of the output went away.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click as plain_click
import rich_click as click

from accelsim.errors import INTERRUPTED, AccelsimError, ConfigError, OutputError
from accelsim.inputs.paths import suggest
from accelsim.report.text import printable, shortened
from accelsim.version import __version__

PIPE_CLOSED = 141
_COMMANDS = {
    "run": "Simulate the cases of a workload and compare them.",
    "compare": "Compare runs that did the same work; an exit code for CI.",
    "explain": "Share the ratio of two designs out to what differs between them.",
    "why": "Walk one figure back to its ledger entries, prices and sources.",
    "graph": "Show the layer graph of a workload: shapes, MACs, bytes, placement.",
    "show": "Show a machine: components, capacities, widths, areas, bandwidths.",
    "sweep": "Evaluate every point of a study, resumable, on all processors.",
    "optimize": "Search the space of a study for its objectives.",
    "study": "Show, export or clean what studies have found.",
    "uncertainty": "Find how sure figures are: bands, and what matters most.",
    "sensitivity": "Find what figures follow: tornado, Morris, Sobol.",
    "report": "Write one HTML page of what a command found.",
    "crossover": "Find the request rate at which two cases cost the same energy.",
    "scaling": "Show what grows with the number of tasks.",
    "faults": "Compare storage schemes of the weights: cost, faults, consequence.",
    "headline": "Price the cases by every plausible account of the published gains.",
    "validate": "Compare the models with published and measured figures.",
    "op": "Run one operator alone on a machine.",
    "new": "Write a machine, workload, study or technology file to begin with.",
    "tech": "Print the memory-technology table or one array of it, or import one.",
    "schema": "Print the JSON Schema of machine, workload, study or technology files.",
}


class LazyGroup(click.RichGroup):
    """A group that imports a sub-command's module only when the sub-command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of use."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return what --help needs to list a command, without importing it."""
        if cmd_name not in _COMMANDS:
            return None
        return click.Command(cmd_name, help=_COMMANDS[cmd_name])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is called. Raises UsageError with the nearest for none."""
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            told = suggest(args[0], _COMMANDS, "commands")
            raise plain_click.UsageError(f"No such command '{printable(args[0])}'; {told}", ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None:
            command = getattr(importlib.import_module(f"accelsim.cli.{name}"), name)
        return name, command, rest


@click.group(cls=LazyGroup, context_settings={"show_default": True})
@click.version_option(__version__, prog_name="accelsim")
def commands() -> None:
    """Where should the parameters of a multi-task network live on an edge chip?

    accelsim simulates an NLP accelerator with SRAM, RRAM and DRAM, counts every access, and
    prices it from a table of memory technologies.
    """


def run_command_line(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; print errors on one line each; return the exit code."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except AccelsimError as error:
        click.echo(f"accelsim: {printable(shortened(str(error)))}", err=True)
        return error.exit_code
    except plain_click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, plain_click.exceptions.Abort):
        click.echo("accelsim: interrupted; nothing was written", err=True)
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as left:
        # rich turns a broken pipe into SystemExit(1), rich_click a call without arguments, which
        # gets help, into SystemExit(2); nothing else here raises it.
        if isinstance(left, SystemExit) and left.code == plain_click.UsageError.exit_code:
            return plain_click.UsageError.exit_code
        _discard_output()
        return PIPE_CLOSED
    except OSError as error:
        _discard_output()
        # Whoever writes a file tells that himself, and the output has no name.
        if error.filename is not None:
            named = printable(shortened(f"{error.filename}: cannot be read: {error.strerror}"))
            plain_click.echo(f"accelsim: {named}", err=True)
            return ConfigError.exit_code
        plain_click.echo(f"accelsim: cannot write the output: {error.strerror}", err=True)
        return OutputError.exit_code
    return code if isinstance(code, int) else 0


def _run(arguments: Sequence[str] | None) -> object:
    """Run a command line; what leaves a method of a plug-in is told as its error."""
    try:
        # Without its standalone mode click returns the code that a command exits with.
        return commands.main(args=arguments, prog_name="accelsim", standalone_mode=False)
    except (AccelsimError, plain_click.ClickException, plain_click.exceptions.Abort):
        raise
    except (Exception, SystemExit) as error:
        from accelsim.inputs.plugins import failed_plugin

        if told := failed_plugin(error):
            raise told from error
        raise


def _discard_output() -> None:
    """Keep the interpreter from writing what is left to a stream that takes nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
