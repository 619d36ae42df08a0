"""The technology files that travel with accelsim, and finding one by name or path."""

from __future__ import annotations

import difflib
import os
import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document, read_document
from accelsim.inputs.doors import check_keys
from accelsim.inputs.files import is_file, read_bytes
from accelsim.inputs.shipped import find_input, shipped_folder

Value = TypeVar("Value")


def shipped_technologies(kind: str) -> dict[str, str]:
    """Return what the shipped technologies of a kind are called, by the names of their files.

    That is the name that the file states, where it is the file's own but for upper case.
    """
    found = {}
    for path in sorted(_folder().glob("*.yaml")):
        # Not as YAML: a mistake in one file must not hide the others.
        text = read_bytes(path).decode("utf-8")
        stated = dict(re.findall(r"^(kind|name):\s*(.*?)\s*$", text, re.MULTILINE))
        if stated.get("kind") == kind:
            same = stated["name"].lower() == path.stem
            found[path.stem] = stated["name"] if same else path.stem
    return found


def technology_kind(name_or_path: str) -> str | None:
    """Return the kind of a shipped technology or of a file; None where there is none to read."""
    path = technology_path(name_or_path)
    text = read_bytes(path).decode("utf-8", "replace") if is_file(path) else ""
    found = re.search(r"^kind:\s*(\w+)", text, re.MULTILINE)
    return found[1] if found else None


def named_file(folder: Path, name: str) -> str:
    """Return what a file means by the name of a technology, as a path where there is one.

    That is a file of a path beside it, or of a name in a folder of technology files, but the
    shipped folder: those keep their names.
    """
    own = folder / name if is_path(name) else folder / f"{name.lower()}.yaml"
    shipped = os.path.realpath(own.parent) == os.path.realpath(_folder())
    return str(own) if is_file(own) and not shipped else name


def named_beside(path: str, name: str) -> str:
    """Return what the technology file of a path, or the shipped one of a name, means by a name."""
    return named_file(Path(path).parent, name) if is_path(path) else name


def is_path(name: str) -> bool:
    """Return whether a technology is named by the path of its file."""
    return name.endswith((".yaml", ".yml"))


def technology_path(name_or_path: str | Path) -> Path:
    """Return the path of a technology's file, whether it is there or not."""
    name = str(name_or_path)
    return find_input(Path(name)) if is_path(name) else _shipped(name.lower())


def load_file(
    name_or_path: str | Path,
    read: Callable[[Document], Value],
    noun: str,
    *kinds: str,
    siblings: tuple[str, ...] = (),
) -> Value:
    """Return what is read from a YAML file, or from the shipped one of a name in any case.

    Equal contents of a file are one value. Raises ConfigError for a name that no shipped
    technology has, with those of the first of the ``kinds`` and of its ``siblings``, and for a file
    of another kind.
    """
    path = technology_path(name_or_path)
    there = is_file(path)
    if not there and not is_path(str(name_or_path)):
        known = [shipped_technologies(kind) for kind in (kinds[0], *siblings)]
        raise ConfigError(_unknown(noun, str(name_or_path), dict(ChainMap(*known))))
    content = read_bytes(path) if there else b""
    found: Value = _read(read, kinds, path, content)
    return found


@lru_cache(maxsize=64)
def _read(
    read: Callable[[Document], Any], kinds: tuple[str, ...], path: Path, content: bytes
) -> Any:
    """Read a file; ``content`` is there to tell what it holds from what it held."""
    document = read_document(path)
    check_keys(document, "technology")
    kind = document.data.get("kind")
    if kind not in kinds:
        raise document.error(
            ("kind",),
            f"expected a technology of kind '{kinds[0]}', got {kind!r}; memories and buffers of a "
            "machine take an array, dram takes a dram or a burst_memory",
        )
    return read(document)


def _unknown(noun: str, name: str, known: Mapping[str, str]) -> str:
    # STT-MRAM is STT before it is nearly SRAM.
    parts = [part for part in re.split(r"[^a-z0-9]+", name.lower()) if part in known]
    close = parts or difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {known[close[0]]}? " if close else ""
    if is_file(name):
        return (
            f"{noun} '{name}' is no .yaml file; if NVSim, NS-Cache, NVMExplorer, CACTI or DRAMSys "
            f"made it: accelsim tech import {name}"
        )
    listed = ", ".join(sorted(known.values()))
    return f"unknown {noun} '{name}': {hint}known: {listed}, or the path of a .yaml file"


@lru_cache(maxsize=256)
def _shipped(name: str) -> Path:
    return _folder() / f"{name}.yaml"


def _folder() -> Path:
    return shipped_folder("hwconfigs") / "technologies"
