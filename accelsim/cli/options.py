"""What the options of several commands have in common."""

from __future__ import annotations

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
