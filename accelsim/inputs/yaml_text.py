"""YAML text to plain data, each value with its line.

PyYAML reads scalars by YAML 1.1, where ``1e-9`` is a string, ``no`` is false and ``010`` is
eight, and builds its node tree by recursion that deep nesting can crash. Here the data are built
from PyYAML's events, scalars follow the YAML 1.2 core schema, and what is likely a slip is
refused: duplicate keys, tags, merge keys, more than one document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import yaml

from accelsim.errors import ConfigError
from accelsim.inputs.paths import KeyPath, format_path

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Far more than any machine or workload has, far less than what fills memory or the call stack.
DEEPEST_NESTING = 50
_TOO_DEEP = f"nested more than {DEEPEST_NESTING} levels deep; write it flatter"
MOST_VALUES = 100_000
LONGEST_INTEGER = 18

_BOOLEANS = {word: True for word in ("true", "True", "TRUE")} | {
    word: False for word in ("false", "False", "FALSE")
}
_NULLS = {"", "~", "null", "Null", "NULL"}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_BASES = {"0o": 8, "0x": 16}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)")
_NOT_A_NUMBER = {".nan", ".NaN", ".NAN"}


def read_scalar(text: str) -> Any:
    """Return a plain scalar by YAML 1.2's core schema. Raises ValueError for over 18 digits."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return _read_integer(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return float("nan") if text in _NOT_A_NUMBER else text


def _read_integer(text: str) -> int:
    digits = text.lstrip("+-").lstrip("0")
    if len(digits) > LONGEST_INTEGER:
        most = f"expected at most {LONGEST_INTEGER} digits"
        raise ValueError(f"a whole number of {len(digits)} digits is too large; {most}")
    return int(text, _BASES.get(text[:2], 10))


class YamlReader:
    """Builds the data of one YAML text.

    ``data`` is the value (dicts with text keys, lists, scalars), ``lines`` maps every key path to
    its line, counted from one. ``where`` names the file or option in errors; with
    ``numbered=False`` they have no line. Raises ConfigError for the first problem.
    """

    def __init__(self, text: str, where: str, *, numbered: bool = True) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.data: Any = None
        self.empty = False
        self._where = where
        self._numbered = numbered
        # The lines below an anchored value by path, and the value; None while it is being built.
        self._anchors: dict[str, tuple[dict[KeyPath, int], Any] | None] = {}
        try:
            self._read_stream(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else None
            if "nesting depth" in str(error.problem):
                # libyaml has a limit of its own, and reaches it first where it looks ahead.
                raise self._error(line, _TOO_DEEP) from None
            raise self._error(
                line, f"not valid YAML: {_explain(error, text, self._numbered)}"
            ) from None
        except yaml.reader.ReaderError as error:
            # libyaml reports the character as a number, PyYAML's own reader as text.
            found = error.character
            raise self._unreadable(text, found if isinstance(found, str) else chr(found)) from None
        except UnicodeEncodeError as error:
            raise self._unreadable(text, text[error.start]) from None

    def _read_stream(self, text: str) -> None:
        events = yaml.parse(text, Loader=_LOADER)
        next(events)
        if isinstance(next(events), yaml.StreamEndEvent):
            self.empty = True
            return
        self.data = self._value(next(events), events, ())
        next(events)
        after = next(events)
        if not isinstance(after, yaml.StreamEndEvent):
            message = "a second document starts here ('---'); keep one document a file"
            raise self._error(_line(after), message)

    def _value(self, event: Any, events: Iterator[Any], path: KeyPath) -> Any:
        self._note(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            message = f"tags such as '{tag}' are not supported; remove it"
            raise self._error(_line(event), message, path)
        if event.anchor is None:
            return self._plain(event, events, path)
        if event.anchor in self._anchors:
            message = f"the anchor '&{event.anchor}' stands twice; give it another name"
            raise self._error(_line(event), message, path)
        self._anchors[event.anchor] = None
        before = len(self.lines)
        value = self._plain(event, events, path)
        below = islice(self.lines.items(), before, None)
        lines = {(): _line(event), **{key[len(path) :]: line for key, line in below}}
        self._anchors[event.anchor] = (lines, value)
        return value

    def _plain(self, event: Any, events: Iterator[Any], path: KeyPath) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        return self._mapping(events, path)

    def _note(self, path: KeyPath, line: int) -> None:
        self.lines[path] = line
        if len(path) > DEEPEST_NESTING:
            raise self._error(line, _TOO_DEEP)
        if len(self.lines) > MOST_VALUES:
            message = f"more than {MOST_VALUES:,} values, aliases written out; use fewer aliases"
            raise self._error(line, message)

    def _scalar(self, event: Any, path: KeyPath) -> Any:
        if event.style:
            return event.value
        try:
            return read_scalar(event.value)
        except ValueError as error:
            raise self._error(_line(event), str(error), path) from None

    def _sequence(self, events: Iterator[Any], path: KeyPath) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._value(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[Any], path: KeyPath) -> dict[str, Any]:
        items: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key, line = self._key(event, path), _line(event)
            here = (*path, key)
            if key in items:
                other = f"the other is in line {self.lines[here]}"
                raise self._error(line, f"this key stands twice; keep one ({other})", here)
            items[key] = self._value(next(events), events, here)
            self.lines[here] = line
        return items

    def _key(self, event: Any, path: KeyPath) -> str:
        if isinstance(event, yaml.AliasEvent) or not isinstance(event, yaml.ScalarEvent):
            message = "a key must be plain text, not an alias, a list or a mapping"
            raise self._error(_line(event), message, path)
        key: str = event.value
        if event.tag is not None or event.anchor is not None:
            message = f"the key '{key}' must be plain text, without tag or anchor"
            raise self._error(_line(event), message, path)
        if not key:
            raise self._error(_line(event), "a key is empty; expected 'key: value'", path)
        if key == "<<" and not event.style:
            advice = "write the keys out, or let an alias stand for the whole value"
            message = f"merge keys ('<<') are not part of YAML 1.2; {advice}"
            raise self._error(_line(event), message, path)
        return key

    def _alias(self, event: Any, path: KeyPath) -> Any:
        name = event.anchor
        if name not in self._anchors:
            message = f"there is no anchor '&{name}' before the alias '*{name}'; define it first"
            raise self._error(_line(event), message, path)
        known = self._anchors[name]
        if known is None:
            message = f"the alias '*{name}' stands inside its own anchor '&{name}'; write it out"
            raise self._error(_line(event), message, path)
        lines, value = known
        for below, line in lines.items():
            self._note((*path, *below), line if below else _line(event))
        return value

    def _unreadable(self, text: str, character: str) -> ConfigError:
        line = text.count("\n", 0, text.find(character)) + 1
        message = f"not valid YAML: the character U+{ord(character):04X} is not allowed; remove it"
        return self._error(line, message)

    def _error(self, line: int | None, message: str, path: KeyPath | None = None) -> ConfigError:
        place = f"{self._where}:{line}" if line and self._numbered else self._where
        at = "" if path is None or not (path or self._numbered) else f"{format_path(path)}: "
        return ConfigError(f"{place}: {at}{message}")


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


# What libyaml says -> what it means to someone who writes a file.
_EXPLANATIONS = {
    "mapping values are not allowed": (
        "a ':' is not expected here; check the indentation, and quote text that has ': ' in it"
    ),
    "found unexpected end of stream": "a quote is not closed",
    "expected ',' or ']'": "a '[' is not closed, or a comma is missing",
    "expected ',' or '}'": "a '{' is not closed, or a comma is missing",
    "could not find expected ':'": "a ':' is missing after a key",
    "did not find expected key": "a key is expected here; check the indentation and the quotes",
    "did not find expected '-' indicator": "a '-' is expected here; check the indentation",
    "unknown escape character": "unknown escape after '\\'; use single quotes for plain text",
    "did not find expected node content": "a value is expected here",
    "tab character that violates indentation": "a tab cannot indent; use spaces",
    "block sequence entries are not allowed": "a '-' is not expected here; check the indentation",
    "mapping keys are not allowed": "a '?' is not expected here; quote it",
    "expected <document start>": "text after the end of the data; check brackets and indentation",
    "expected alphabetic or numeric": "'&' and '*' need a name; quote text that begins with them",
    "expected comment or line break": "only a comment may follow '|' or '>' in its line",
}


def _explain(error: yaml.MarkedYAMLError, text: str, numbered: bool) -> str:
    problem = str(error.problem)
    if "cannot start any token" in problem and error.problem_mark:
        return _bad_start(error.problem_mark, text)
    for said, meant in _EXPLANATIONS.items():
        if said in problem:
            start = error.context_mark
            if "not closed" in meant and start and numbered:
                return f"{meant} (it starts in line {start.line + 1})"
            return meant
    return problem


def _bad_start(mark: Any, text: str) -> str:
    character = text.split("\n")[mark.line][mark.column : mark.column + 1]
    if character == "\t":
        return "a tab cannot indent; use spaces"
    return f"a value cannot start with '{character}'; quote it"
