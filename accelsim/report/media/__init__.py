"""Output media, one file each: a new one is one new file here, or a plug-in."""

from __future__ import annotations

from accelsim.inputs.plugins import Registry
from accelsim.report.media.base import Medium as Medium

MEDIA = Registry(__name__, Medium, "accelsim.media", "output medium")


def chosen_media(names: str) -> list[Medium]:
    """Return the media of names separated by commas, each once. Raises ConfigError for others."""
    wanted = dict.fromkeys(name.strip() for name in names.split(","))
    return [MEDIA.find(name)() for name in wanted]
