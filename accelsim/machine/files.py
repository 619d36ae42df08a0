"""The files of a machine: its bases, and the technologies that each of them names."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelsim.inputs.document import Document, describe, merge, parse_override
from accelsim.inputs.files import is_file
from accelsim.inputs.memo import Memo
from accelsim.inputs.paths import suggest
from accelsim.inputs.plugin_key import KEY, read_with_plugins
from accelsim.inputs.shipped import find_beside, find_input
from accelsim.inputs.validation import override
from accelsim.machine.sections import MachineSections
from accelsim.memory.files import is_path, named_file

# What a file of a machine calls a technology by, wherever it stands.
_TECHNOLOGIES = ("technology", "priced_like")
# What a process takes by these names unless told otherwise.
_TABLES = {"logic_file": "logic", "silicon_file": "silicon", "bank_wires_file": "bank_wires"}
# What of a technology that is computed is a file.
_PROGRAM_FILES = ("program", "cell", "config")
# Beside a machine, where its technologies are.
_SHELF = "technologies"


def hardware_document(path: Path, overrides: tuple[str, ...] = ()) -> Document:
    """Return the merged document of a machine, its ``base`` chain resolved."""
    document = merged(hardware_files(path))
    for assignment in overrides:
        document = override(document, parse_override(assignment), MachineSections)
    return document


def hardware_files(path: Path) -> tuple[Document, ...]:
    """Return the documents of a machine, its own last, each with the plug-ins that it names."""
    return _read_chain(find_input(path), ())


def known_files(path: Path, memo: Memo) -> tuple[Document, ...]:
    """Return the documents of a machine; plug-ins that they name are loaded each time."""
    files = memo.get("file", path, lambda: hardware_files(path))
    return hardware_files(path) if any(KEY in each.data for each in files) else files


def _read_chain(path: Path, seen: tuple[Path, ...]) -> tuple[Document, ...]:
    document, known = read_with_plugins(path, "machine"), Path(os.path.abspath(path))
    if known in seen:
        chain = " -> ".join(p.name for p in (*seen[seen.index(known) :], known))
        raise document.error(("base",), f"machines form a circle: {chain}; remove one base")
    if "base" not in document.data:
        return (document,)
    return (*_read_chain(_base_of(document), (*seen, known)), document)


def merged(documents: tuple[Document, ...]) -> Document:
    """Return the last document laid over those before it.

    A technology that a document names is a file beside it, or in the folder ``technologies``
    there, else a shipped one.
    """
    first, *others = map(_found_beside, documents)
    for document in others:
        _check_left_out(first, document)
        own = {key: value for key, value in document.data.items() if key != "base"}
        places = {key: at for key, at in document.places.items() if key[:1] != ("base",)}
        first = merge(first, Document(own, places, document.path, document.inputs))
    return first


def _check_left_out(base: Document, document: Document) -> None:
    """Raise ConfigError for a memory that is null and that the base does not have."""
    memories, known = document.data.get("memories"), base.data.get("memories")
    for name, value in memories.items() if isinstance(memories, dict) else ():
        if value is None and isinstance(known, dict) and name not in known:
            hint = suggest(str(name), [key for key in known if known[key] is not None], "memories")
            raise document.error(("memories", name), f"the base has no such memory; {hint}")


def _base_of(document: Document) -> Path:
    base = document.data["base"]
    if not isinstance(base, str):
        message = f"expected the path of another machine file, got {describe(base)}"
        raise document.error(("base",), message)
    parent = find_beside(document.path.parent, base)
    if not is_file(parent):
        message = f"no such file '{parent}'; the path is relative to this file"
        raise document.error(("base",), message)
    return parent


def _found_beside(document: Document) -> Document:
    """Return a document whose technologies are paths where there are files of theirs."""
    folder = document.path.parent

    def find(value: Any, key: str = "") -> Any:
        if isinstance(value, dict) and key == "nvsim":
            return {name: _beside(folder, name, each) for name, each in value.items()}
        if isinstance(value, dict):
            return {name: find(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [find(each) for each in value]
        named = isinstance(value, str) and key in (*_TECHNOLOGIES, *_TABLES)
        return _named(folder, value) if named else value

    found, places = find(document.data), dict(document.places)
    process = found.get("process", {} if "base" in found else None)
    if isinstance(process, dict):
        own = {key: _named(folder, name) for key, name in _TABLES.items() if key not in process}
        if new := {key: path for key, path in own.items() if path != _TABLES[key]}:
            found |= {"process": process | new}
            where = document.place(("process",))
            places |= {("process",): where} | {("process", key): where for key in new}
    return replace(document, data=found, places=places)


def _beside(folder: Path, key: str, value: Any) -> Any:
    """Return the path of a program's file, which counts from the machine's folder."""
    own = key in _PROGRAM_FILES and isinstance(value, str) and is_file(folder / value)
    return str(folder / value) if own else value


def _named(folder: Path, name: str) -> str:
    return named_file(folder if is_path(name) else folder / _SHELF, name)
