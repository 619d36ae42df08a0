"""What the options of several commands have in common, and what makes a study a command."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click as plain_click
import rich_click as click
from click.core import ParameterSource

from accelsim.cli.output import show, status, write
from accelsim.errors import ConfigError
from accelsim.inputs.progress import silenced
from accelsim.units import UnitError, parse_quantity

if TYPE_CHECKING:
    from accelsim.report.media.base import Medium
    from accelsim.report.table import Report

Progress = Callable[[str], None] | None
Command = Callable[..., Any]
Decorator = Callable[[Command], Command]


def parse_option(option: str, text: str, dimension: str) -> float:
    """Return the SI value of an option such as ``--capacity 4.5MiB``.

    Raises ConfigError that names the option.
    """
    try:
        return parse_quantity(text, dimension)
    except UnitError as error:
        raise ConfigError(f"{option}: {error}") from None


def parse_bytes(option: str, text: str) -> int:
    """Return the bytes of an option. Raises ConfigError that names it."""
    number = parse_option(option, text, "B")
    if not number.is_integer():
        raise ConfigError(f"{option}: expected a whole number of bytes, got '{text}'")
    return int(number)


def _load_plugins(context: click.Context, option: click.Parameter, paths: tuple[str, ...]) -> None:
    if paths:
        from accelsim.inputs.plugins import load_plugins

        load_plugins(paths)


plugins_option = click.option(
    "--plugins",
    multiple=True,
    is_eager=True,
    expose_value=False,
    metavar="PATH",
    callback=_load_plugins,
    help="Load what a Python file, or a folder of them, adds: kinds, policies, media.",
)
set_option = click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change one value: requests.rounds=5, hardware.dram.devices=2 (all machines), "
    "cases.NAME.hardware.dram.devices=2 (one).",
)
machine_set_option = click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change one value of the machine: dram.devices=2, memories.sram.capacity=1MiB.",
)


def _names(context: click.Context, option: click.Parameter, text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


cases_option = click.option(
    "--cases",
    metavar="NAMES",
    callback=_names,
    help="Of the workload's cases only these, separated by commas. [all]",
)
strict_option = click.option(
    "--strict", is_flag=True, help="Stop at a case that does not fit. [the others run]"
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, no report.")


def _be_quiet(context: click.Context, option: click.Parameter, quiet: bool) -> bool:
    if quiet:
        context.with_resource(silenced())
    return quiet


quiet_option = click.option(
    "--quiet", is_flag=True, is_eager=True, callback=_be_quiet, help="Print nothing but errors."
)


_OUT = "Also write files into this folder."


def all_of(*options: Decorator) -> Decorator:
    """Return a decorator that adds options in their order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@dataclass(frozen=True)
class Output:
    """Where a report goes: into the folder ``out`` by ``media``, and onto the terminal."""

    out: Path | None
    media: str
    as_json: bool
    quiet: bool

    def chosen(self) -> list[Medium]:
        """Return the media; which there are is known when a workload's plug-ins are loaded.

        JSON is always among them: other commands read it.
        """
        from accelsim.report.media import chosen_media

        return chosen_media(f"json,{self.media}")

    def give(self, report: Report, media: list[Medium], *, details: bool = False) -> None:
        """Write a report if there is a folder, and print it."""
        paths = write(report, self.out, media) if self.out else []
        if not self.quiet:
            show(report, paths, as_json=self.as_json, details=details)

    def refuse_unused_media(self) -> None:
        """Refuse a ``--write`` of a command that writes nothing without ``--out``."""
        source = plain_click.get_current_context().get_parameter_source("media")
        if self.out is None and source is ParameterSource.COMMANDLINE:
            raise ConfigError("--write says what to write into a folder; name it with --out")


def output_options(folder: str = "", *, quiet: bool = False) -> Decorator:
    """Return a decorator with the options for what is written and printed, as one ``output``.

    ``folder`` describes that of a command that has one unless told otherwise.
    """
    text = "Files to write beside the .json, separated by commas: csv, html, svg, txt."
    options = all_of(
        click.option("--out", type=click.Path(path_type=Path), help=folder or _OUT),
        click.option("--write", "media", default="json", metavar="MEDIA", help=text),
        json_option,
        plugins_option,
        *([quiet_option] if quiet else []),
    )

    def add(command: Command) -> Command:
        @functools.wraps(command)
        def given(
            out: Path | None, media: str, as_json: bool, quiet: bool = False, **more: Any
        ) -> Any:
            output = Output(out, media, as_json, quiet)
            if not folder:
                output.refuse_unused_media()
            return command(output=output, **more)

        return options(given)

    return add


def workload_options(folder: str = "", *, quiet: bool = False) -> Decorator:
    """Return a decorator with what every command of a WORKLOAD has."""
    argument = click.argument("workload", type=click.Path(path_type=Path))
    return all_of(argument, set_option, cases_option, output_options(folder, quiet=quiet))


def study_command(study: Callable[..., Report | None]) -> Command:
    """Make a command of a function that returns its report of a loaded workload.

    It gets the workload, what shows its progress, and its own options.
    """

    @functools.wraps(study)
    def command(
        workload: Path,
        assignments: tuple[str, ...],
        cases: list[str] | None,
        output: Output,
        **options: Any,
    ) -> None:
        from accelsim.evaluation.examine import resolve
        from accelsim.evaluation.point import Point

        loaded = resolve(Point(workload, assignments, cases))
        wanted = output.chosen()
        with status(shown=not output.as_json) as step:
            report = study(loaded, step, **options)
        if report:
            output.give(report, wanted)

    return workload_options()(command)


def refuse_options(beside: str, *names: str) -> None:
    """Refuse options that were given and mean nothing beside another."""
    context = plain_click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise ConfigError(f"--{name.replace('_', '-')} means nothing with {beside}; drop one")


def command_line() -> list[str]:
    """Return the words of the command line, for reports."""
    return ["accelsim", *sys.argv[1:]]
