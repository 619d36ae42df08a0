"""What the options of several commands have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rich_click as click

from accelsim.errors import ConfigError
from accelsim.units import UnitError, parse_quantity


def parse_option(option: str, text: str, dimension: str) -> float:
    """Return the SI value of an option such as ``--capacity 4.5MiB``.

    Raises ConfigError that names the option.
    """
    try:
        return parse_quantity(text, dimension)
    except UnitError as error:
        raise ConfigError(f"{option}: {error}") from None


def plugins_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option ``--plugins``: what is loaded before anything else is read."""
    return click.option(
        "--plugins",
        multiple=True,
        is_eager=True,
        expose_value=False,
        metavar="PATH",
        callback=_load,
        help="Load what a Python file, or a folder of them, adds: kinds, policies, media.",
    )(command)


def _load(context: click.Context, option: click.Parameter, paths: tuple[str, ...]) -> None:
    if paths:
        from accelsim.inputs.plugins import load_plugins

        load_plugins(paths)
