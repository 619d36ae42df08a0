"""A YAML document that remembers where each value stands, and how documents are combined."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.files import read_bytes
from accelsim.inputs.paths import KeyPath as KeyPath
from accelsim.inputs.paths import format_path as format_path
from accelsim.inputs.paths import parse_path as parse_path
from accelsim.inputs.paths import suggest
from accelsim.inputs.yaml_text import YamlReader


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

    ``data`` is the value, ``places`` maps a path such as ``("dram", "banks")`` to its place. None
    of it is changed once it has been made: a document that was read may be in use elsewhere.
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
        """Return the error for a wrong value at a path: one line, whatever the value holds."""
        key = tuple(path)
        told = message.replace("\n", "\\n")
        return ConfigError(f"{self.place(key)}: {format_path(key)}: {told}")

    def misfit(self, path: Iterable[str | int], message: str) -> ConfigError:
        """Return the error for values that do not go together, with all that was set from outside.

        The file may be right: what it does not fit may be another value, which was set.
        """
        key = tuple(path)
        place = self.place(key)
        outside = [each for each in self.places.values() if each.line is None and place.line]
        told = " and ".join(dict.fromkeys(map(str, outside)))
        where = f"{place} with {told}" if told else str(place)
        return ConfigError(f"{where}: {format_path(key)}: {message}")


def read_document(path: Path) -> Document:
    """Read a YAML file. Raises ConfigError when it is missing, no YAML, or has duplicate keys."""
    return _parsed(read_text(path, "YAML", _advice), path)


def read_text(path: Path, kind: str, advice: Callable[[Path], str]) -> str:
    """Return the UTF-8 text of a file of a kind such as ``CSV``, a byte-order mark left out.

    Raises ConfigError where it cannot be read; ``advice`` says what to do where there is none.
    """
    try:
        data = read_bytes(path)
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; {advice(path)}") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: this is a folder; name a {kind} file in it") from None
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        found = f"not UTF-8 text (byte 0x{data[error.start]:02x})"
        if data.startswith(b"\x1f\x8b"):
            raise ConfigError(f"{path}: packed with gzip; unpack it (gunzip)") from None
        raise ConfigError(f"{path}:{row}: {found}; save it as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: cannot be read: {reason}") from None


def _advice(path: Path) -> str:
    try:
        names = [other.name for other in path.parent.glob("*.y*ml")]
    except (OSError, ValueError):
        names = []
    close = difflib.get_close_matches(path.name, names, n=1)
    hint = f"; did you mean '{path.parent / close[0]}'?" if close else ""
    return f"check the path or run from its folder{hint}"


def parse_document(text: str, path: Path) -> Document:
    """Parse YAML text; ``path`` is named in errors."""
    read = YamlReader(text, str(path))
    if read.empty:
        raise ConfigError(f"{path}:1: the file is empty; expected a YAML mapping")
    if not isinstance(read.data, dict):
        wanted = "expected a YAML mapping ('key: value')"
        raise ConfigError(f"{path}:{read.lines[()]}: {wanted}, got {describe(read.data)}")
    places = {key: Place(str(path), line) for key, line in read.lines.items()}
    return Document(read.data, places, path, [path])


_parsed = lru_cache(maxsize=64)(parse_document)


def at_key(file: Path, key: str) -> str:
    """Return the path of a JSON file, with the line where a key first stands in it if it does."""
    try:
        before, found, _ = file.read_text("utf-8").partition(f'"{key}"')
    except (OSError, ValueError):
        return str(file)
    return f"{file}:{before.count(chr(10)) + 1}" if found else str(file)


def describe(value: Any) -> str:
    """Return what a value is, for an error message: ``the text 'no'``, ``a list``, ``4``."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        text = value if value.isprintable() else repr(value)[1:-1]
        return f"the text '{text}'" if len(text) <= 60 else f"the text '{text[:57]}...'"
    words = {"None": "nothing", "True": "true", "False": "false"}
    return words.get(repr(value), repr(value))


def merge(base: Document, over: Document) -> Document:
    """Return ``base`` with the mappings of ``over`` laid over it.

    Lists and scalars replace, and so does a mapping with a ``kind`` one that has none.
    """
    data = _merge_values(base.data, over.data)
    known = {**base.places, **over.places}
    places = {path: known[path] for path in _paths(data, ())}
    return Document(data, places, over.path, [*base.inputs, *over.inputs])


def _merge_values(base: Any, over: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    if "kind" in over and "kind" not in base:
        return over
    laid = {key: _merge_values(base[key], over[key]) if key in base else over[key] for key in over}
    return {**base, **laid}


def _paths(data: Any, path: KeyPath) -> Iterator[KeyPath]:
    """Yield the path of every value."""
    yield path
    listed: Iterable[tuple[str | int, Any]] = enumerate(data if isinstance(data, list) else ())
    for key, value in data.items() if isinstance(data, dict) else listed:
        yield from _paths(value, (*path, key))


# The first '=' that is not in quotes.
_ASSIGNMENT = re.compile(r"""(?P<path>(?:"[^"]*"|'[^']*'|[^="'])*)=(?P<value>.*)""", re.DOTALL)


# From a path and the mapping there to the keys that a schema has for it.
Known = Callable[[KeyPath, Any], Iterable[str]]


@dataclass(frozen=True)
class Override:
    """A YAML flow value for a key path, as given to ``--set``; errors name its ``origin``."""

    path: KeyPath
    text: str
    origin: str

    def apply(self, document: Document, known: Known = lambda path, given: ()) -> Document:
        """Return the document with the value in its place.

        A parent without a value (``dram: null``) becomes a mapping, and so does one that is missing
        if its key is among those that are ``known`` where it would stand; else it is an error.
        Whether the last key is known is decided by the validation that follows.
        """
        value = _value(self.text, self.origin)
        data, names = _replace(document.data, self.path, (), value, self.origin, known)
        places = dict(document.places)
        for key in _paths(_value_at(document.data, names), names) if names in places else ():
            places.pop(key, None)
        here = Place(self.origin, None)
        # A mapping that stands in place of nothing was made by this override as well.
        for length in range(1, len(names)):
            if _value_at(document.data, names[:length]) is None:
                places[names[:length]] = here
        places |= {key: here for key in _paths(_value_at(data, names), names)}
        return replace(document, data=data, places=places)


@lru_cache(maxsize=64)
def _value(text: str, origin: str) -> Any:
    return YamlReader(text, origin, numbered=False).data


def parse_override(assignment: str) -> Override:
    """Return the override of ``path=value``. Raises ConfigError when it is none."""
    origin = f"--set {assignment}"
    match = _ASSIGNMENT.fullmatch(assignment)
    if match is None or not match["path"].strip():
        raise ConfigError(f"{origin}: expected path=value, such as dram.devices=2")
    try:
        return Override(parse_path(match["path"].strip()), match["value"], origin)
    except ValueError as error:
        raise ConfigError(f"{origin}: {error}, such as dram.devices=2") from None


def _value_at(data: Any, path: KeyPath) -> Any:
    """Return what stands at a path, None where there is nothing."""
    for key in path:
        if data is None:
            return None
        data = data.get(key) if isinstance(data, dict) else data[key]
    return data


def _replace(
    data: Any, path: KeyPath, done: KeyPath, value: Any, origin: str, known: Known
) -> tuple[Any, KeyPath]:
    """Return the data with the value at ``path``, and the path with keys as the data has them."""
    if not path:
        return value, done
    key, rest = path[0], path[1:]
    if isinstance(data, list):
        index = _index(data, key, done, origin)
        item, names = _replace(data[index], rest, (*done, index), value, origin, known)
        return [*data[:index], item, *data[index + 1 :]], names
    # A mapping may have keys made of digits, hence str.
    name = str(key)
    if data is None:
        data = {}
    elif not isinstance(data, dict):
        where = f"{origin}: {format_path(done)}"
        raise ConfigError(f"{where} is {describe(data)}; nothing can be set below it")
    if rest and name not in data and name not in (others := known(done, data)):
        raise ConfigError(f"{origin}: {_missing(data, others, (*done, name), rest)}")
    item, names = _replace(data.get(name), rest, (*done, name), value, origin, known)
    return {**data, name: item}, names


def _index(items: list[Any], key: str | int, done: KeyPath, origin: str) -> int:
    if isinstance(key, int) and key < len(items):
        return key
    indices = f"0 to {len(items) - 1}" if items else "none, it is empty"
    raise ConfigError(f"{origin}: {format_path(done)} has no item '{key}'; indices: {indices}")


def _missing(data: dict[str, Any], known: Iterable[str], path: KeyPath, rest: KeyPath) -> str:
    name = str(path[-1])
    hint = suggest(name, dict.fromkeys((*data, *known)), "")
    if not hint.startswith("did you mean"):
        hint = f"it has: {', '.join(data) or 'none'}"
        whole = functools.reduce(lambda text, key: f"{{{key}: {text}}}", reversed(rest), "...")
        hint += f"; what it lacks is set whole: {format_path(path)}={whole}"
    where = format_path(path[:-1]) if path[:-1] else "the file"
    return f"{where} has no '{name}'; {hint}"
