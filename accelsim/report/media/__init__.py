"""Output media: a file each, found by their names."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from inspect import isabstract

from accelsim.errors import ConfigError
from accelsim.inputs.paths import suggest
from accelsim.report.media.base import Medium


@cache
def media() -> dict[str, Medium]:
    """Return one medium of each kind by its name, in the order of their files."""
    names = sorted(file.name for file in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    kinds = [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Medium) and not isabstract(value)
    ]
    return {kind.name: kind() for kind in kinds}


def chosen_media(names: str) -> list[Medium]:
    """Return the media of names separated by commas, each once. Raises ConfigError for others."""
    known = media()
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",")))
    for name in wanted:
        if name not in known:
            raise ConfigError(f"--write: unknown medium '{name}'; {suggest(name, known, 'media')}")
    return [known[name] for name in wanted]
