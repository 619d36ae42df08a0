"""``capacity: fit``: sizes of memories and buffers that are worked out from what they must hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accelsim.inputs.document import Document
from accelsim.inputs.paths import KeyPath
from accelsim.inputs.validation import validate
from accelsim.machine.components.buffers import BufferConfig
from accelsim.machine.files import hardware_document
from accelsim.machine.schema import HardwareConfig
from accelsim.units import ceil_div

_FIT = re.compile(r"\s*fit\s*(?:\+\s*(\d{1,6}(?:\.\d{1,6})?)\s*%)?\s*(in\s+banks)?\s*")
_SIZES = ("capacity", "data", "masks")
# [ours] Sizes are whole multiples of it in every bank.
STEP = 1024
# Stands for a size that is not known yet: every technology has arrays of it.
_STAND_IN = 2**20


@dataclass(frozen=True)
class Fit:
    """A size to work out: what is needed and a ``margin`` of it; ``in_banks``: all of its banks."""

    margin: float = 0.0
    in_banks: bool = False

    def size(self, needed: int, banks: int) -> int:
        """Return bytes that hold those ``needed``, the margin too, in so many equal banks."""
        step = STEP * banks
        return max(1, ceil_div(round(needed * (1 + self.margin)), step)) * step

    def __str__(self) -> str:
        margin = f" + {100 * self.margin:g} %" if self.margin else ""
        return f"fit{margin}{' in banks' * self.in_banks}"


def take_fits(document: Document) -> tuple[Document, dict[KeyPath, Fit]]:
    """Return a machine's document with sizes in place of each ``fit``, and where those are."""
    data, found = document.data, {}
    for path, section in _sections(data):
        for key in section.keys() & set(_SIZES):
            match = _FIT.fullmatch(section[key]) if isinstance(section[key], str) else None
            if match:
                found[(*path, key)] = Fit(float(match[1] or 0) / 100, bool(match[2]))
                banks = section.get("banks", 1)
                size = _STAND_IN * (banks if isinstance(banks, int) else 1)
                data = _put(data, (*path, key), f"{size} B")
    return replace(document, data=data), dict(sorted(found.items()))


def load_unsized(
    path: Path | str, overrides: tuple[str, ...] = ()
) -> tuple[HardwareConfig, dict[KeyPath, Fit]]:
    """Return a file's machine, and where sizes only stand for a ``fit``. Raises ConfigError."""
    document = hardware_document(Path(path), overrides)
    plain, fits = take_fits(document)
    machine = validate(plain, HardwareConfig)
    check_fits(document, machine, fits)
    return machine, fits


def _sections(data: Any) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Yield what may be a memory or a buffer, with its path."""
    sections = HardwareConfig.model_fields
    for key, value in data.items() if isinstance(data, dict) else ():
        if key == "memories" and isinstance(value, dict):
            yield from (((key, n), one) for n, one in value.items() if isinstance(one, dict))
        elif isinstance(value, dict) and key not in sections:
            yield (key,), value


def _put(data: Any, path: KeyPath, value: Any) -> Any:
    if not path:
        return value
    return {**data, path[0]: _put(data[path[0]], path[1:], value)}


def check_fits(document: Document, machine: HardwareConfig, fits: Mapping[KeyPath, Fit]) -> None:
    """Raise ConfigError for a ``fit`` of something whose filling nobody plans."""
    for path, fit in fits.items():
        owner = machine.further.get(str(path[0]))
        if path[0] != "memories" and not isinstance(owner, BufferConfig):
            raise document.error(path, f"'{fit}' is for memories and buffers; give a size")


def sized(machine: HardwareConfig, sizes: Mapping[KeyPath, int], **more: Any) -> HardwareConfig:
    """Return a machine with other sizes [B] of memories and buffers; ``more`` of each memory."""
    memories, changed = dict(machine.memories), dict[str, Any]()
    for path, size in sizes.items():
        *_, name, key = map(str, path)
        if path[0] == "memories":
            memories[name] = memories[name].model_copy(update={key: size, **more})
        else:
            changed[name] = changed.get(name, machine.further[name]).model_copy(update={key: size})
    return machine.changed(memories=memories, **changed)
