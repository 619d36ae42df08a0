"""Shipped PSRAM, flash and other memories off the chip, and those of users' files."""

from __future__ import annotations

from pathlib import Path

from accelsim.inputs.document import Document
from accelsim.inputs.validation import validate
from accelsim.memory.burst_memory import BurstMemoryTechnology
from accelsim.memory.burst_memory_rules import problems_of
from accelsim.memory.files import load_file, shipped_technologies
from accelsim.memory.no_such_part import refuse


def load_burst_memory(name_or_path: str | Path) -> BurstMemoryTechnology:
    """Return a shipped part such as ``psram_octal``, or the part in a YAML file.

    Raises ConfigError when there is no such part or the file is wrong.
    """
    return load_file(name_or_path, _read, "memory off the chip", "burst_memory")


def _read(document: Document) -> BurstMemoryTechnology:
    part = validate(document, BurstMemoryTechnology)
    refuse(document, problems_of(part))
    return part


def list_burst_memories() -> list[str]:
    """Return the names of the shipped parts, sorted."""
    return sorted(shipped_technologies("burst_memory"))
