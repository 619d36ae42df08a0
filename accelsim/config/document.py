"""A YAML document that remembers where each value stands.

PyYAML reads scalars by YAML 1.1, where ``1e-9`` is a string, ``no`` is false and ``010`` is
eight. Here the YAML 1.2 core rules hold, and a duplicate key is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from accelsim.errors import ConfigError

KeyPath = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = {"", "~", "null", "Null", "NULL"}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class Place:
    """Where a value stands: file (or ``--set``) and line, counted from one."""

    file: str
    line: int | None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass
class Document:
    """Plain data (dicts, lists, scalars) with the place of every key path.

    ``data`` is the value, ``places`` maps a path such as ``("dram", "banks")`` to its place.
    """

    data: Any
    places: dict[KeyPath, Place]
    path: Path
    inputs: list[Path] = field(default_factory=list)

    def place(self, path: Iterable[str | int]) -> Place:
        """Return the place of the path, or of its nearest parent that stands in a file."""
        key = tuple(path)
        while key and key not in self.places:
            key = key[:-1]
        return self.places.get(key, Place(str(self.path), 1))

    def error(self, path: Iterable[str | int], message: str) -> ConfigError:
        """Return the error for a wrong value at a path."""
        key = tuple(path)
        return ConfigError(f"{self.place(key)}: {format_path(key)}: {message}")


def format_path(path: Iterable[str | int]) -> str:
    """Return ``cases.vanilla.tasks[1]`` for a key path; the empty path is ``document``."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else (f".{key}" if text else str(key))
    return text or "document"


def read_document(path: Path) -> Document:
    """Read a YAML file. Raises ConfigError when it is missing, no YAML, or has duplicate keys."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; check the path or run from its folder") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    return parse_document(text, path)


def parse_document(text: str, path: Path) -> Document:
    """Parse YAML text; ``path`` is named in errors."""
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None
    document = Document(None, {}, path, [path])
    if node is None:
        raise ConfigError(f"{path}:1: the file is empty; expected a YAML mapping")
    document.data = _convert(node, (), document)
    if not isinstance(document.data, dict):
        raise ConfigError(f"{path}:1: expected a YAML mapping, got {_kind(document.data)}")
    return document


def _convert(node: yaml.Node, path: KeyPath, document: Document) -> Any:
    document.places[path] = Place(str(document.path), node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.style else read_scalar(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_convert(item, (*path, i), document) for i, item in enumerate(node.value)]
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(f"{document.path}:{line}: a key must be plain text")
        key = key_node.value
        if key in result:
            raise ConfigError(
                f"{document.path}:{line}: {format_path((*path, key))}: this key stands twice; "
                f"keep one (the other is in line {document.places[(*path, key)].line})"
            )
        result[key] = _convert(value_node, (*path, key), document)
        document.places[(*path, key)] = Place(str(document.path), line)
    return result


def read_scalar(text: str) -> Any:
    """Return the value of a plain scalar by the YAML 1.2 core rules."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def merge(base: Document, over: Document) -> Document:
    """Return ``base`` with the mappings of ``over`` laid over it; lists and scalars replace."""
    places = dict(base.places)
    data = _merge_values(base.data, over.data, (), places, over.places)
    return Document(data, places, over.path, [*base.inputs, *over.inputs])


def _merge_values(
    base: Any,
    over: Any,
    path: KeyPath,
    places: dict[KeyPath, Place],
    over_places: Mapping[KeyPath, Place],
) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        merged = dict(base)
        for key, value in over.items():
            below = (*path, key)
            if key in base:
                merged[key] = _merge_values(base[key], value, below, places, over_places)
            else:
                merged[key] = value
                _copy_places(below, places, over_places)
            places[below] = over_places[below]
        return merged
    _copy_places(path, places, over_places)
    return over


def _copy_places(
    path: KeyPath, places: dict[KeyPath, Place], over_places: Mapping[KeyPath, Place]
) -> None:
    for key, place in over_places.items():
        if key[: len(path)] == path:
            places[key] = place


def override(document: Document, assignment: str) -> Document:
    """Return the document with one ``path=value`` applied, as given to ``--set``.

    The value is read as a YAML flow value. A parent that does not exist is an error; whether the
    last key is known is decided by the validation that follows.
    """
    dotted, equals, text = assignment.partition("=")
    origin = f"--set {assignment}"
    if not equals or not dotted.strip():
        raise ConfigError(f"{origin}: expected path=value, such as dram.banks=8")
    path = parse_path(dotted.strip())
    value = parse_value(text, origin)
    data = _replace(document.data, path, 0, value, origin)
    places = {key: at for key, at in document.places.items() if key[: len(path)] != path}
    places[path] = Place(origin, None)
    return Document(data, places, document.path, document.inputs)


def parse_path(dotted: str) -> KeyPath:
    """Return the key path of ``tasks[1].name`` or ``tasks.1.name``."""
    parts = dotted.replace("[", ".").replace("]", "").split(".")
    return tuple(int(part) if part.isdigit() else part for part in parts)


def parse_value(text: str, origin: str) -> Any:
    """Return the value of a YAML flow text such as ``8``, ``4 MiB`` or ``[MNLI, QNLI]``."""
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError:
        raise ConfigError(f"{origin}: the value is not valid YAML; quote it if need be") from None
    if node is None:
        return None
    return _convert(node, (), Document(None, {}, Path(origin), []))


def _replace(data: Any, path: KeyPath, depth: int, value: Any, origin: str) -> Any:
    if depth == len(path):
        return value
    key = path[depth]
    if isinstance(data, list) and isinstance(key, int) and key < len(data):
        return [
            _replace(item, path, depth + 1, value, origin) if i == key else item
            for i, item in enumerate(data)
        ]
    # A task may be named by digits, hence str(key).
    if isinstance(data, dict) and (str(key) in data or depth == len(path) - 1):
        return {**data, str(key): _replace(data.get(str(key)), path, depth + 1, value, origin)}
    known = f"known keys: {', '.join(map(str, data))}" if isinstance(data, dict) else _kind(data)
    raise ConfigError(f"{origin}: {format_path(path[:depth])} has no '{key}' ({known})")


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", type(None): "nothing"}
    return names.get(type(value), f"the value {value!r}")
