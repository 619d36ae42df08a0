"""What differs between two designs, as changes that can be made one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.paths import KeyPath, format_path, parse_path, suggest
from accelsim.policies.service import ServiceConfig
from accelsim.workload.schema import Case, Workload

# What paths of a design are called together unless told otherwise; the first that fits. ``{2}`` is
# the third key of the path.
GROUPS = (
    ("adaptation.*", "adaptation"),
    ("storage.*.format", "format and density"),
    ("storage.*.density", "format and density"),
    ("storage.*.bits", "bits a value"),
    ("storage.*", "cells and protection"),
    ("hardware.memories.*.capacity", "capacity of {2}"),
    ("hardware.memories.*.banks", "banks"),
    ("hardware.memories.*.bits_per_cell", "bits per cell"),
    ("hardware.memories.*.technology", "technology"),
    ("hardware.*.roadmap", "roadmap"),
    ("hardware.*.temperature", "temperature"),
    ("hardware.*.target", "array target"),
    ("hardware.memories.*.word", "word"),
    ("hardware.memories.*", "placement"),
    ("hardware.placement.*", "placement"),
    ("hardware.placement", "placement"),
)
# Of a machine's file: what does not change with the accelerator, and what computes nothing.
_NOT_OF_ACCELERATOR = {"process", "clock", "dram", "power", "scaling"}
_TELLING = {"name", "description", "base", "plugins"}
# What a workload has for all its cases, and a design may differ in.
_OF_CASE = ("adaptation", "storage", "models", "weights")
_OF_WORKLOAD = ("pad_to", "attention_spans")
_MISSING = object()


@dataclass(frozen=True)
class Difference:
    """A value that two designs differ in; _MISSING where one has none. Told apart by its path."""

    path: KeyPath
    before: Any = field(compare=False)
    after: Any = field(compare=False)

    @property
    def text(self) -> str:
        """The difference in words: ``path: 1.5 MiB -> 4.5 MiB``."""
        return f"{format_path(self.path)}: {_words(self.before)} -> {_words(self.after)}"


def design_of(workload: Workload, case: Case) -> dict[str, Any]:
    """Return what a design is made of, as files say it: the case, its service, its machine."""
    own = workload.source["cases"][case.name]
    served = {
        name: own[name] if name in own else workload.source.get(name, _plain(default))
        for name, default in ServiceConfig().__dict__.items()
        if name in ServiceConfig.model_fields
    }
    shared = {name: workload.source.get(name) for name in _OF_WORKLOAD}
    shared["pad_to"] = shared["pad_to"] or "sequence_length"
    shared["attention_spans"] = shared["attention_spans"] or {}
    kept = {name: own.get(name) for name in _OF_CASE}
    machine = {key: value for key, value in case.source.items() if key not in _TELLING}
    return {**kept, **served, **shared, "hardware": machine}


def resolved_of(workload: Workload, case: Case) -> dict[str, Any]:
    """Return a design's values once read: two spellings of one value are equal."""
    config = workload.config
    found = {name: getattr(case.config, name) for name in _OF_CASE}
    found |= dict(config.service_of(case.config).__dict__)
    found |= {name: getattr(config, name) for name in _OF_WORKLOAD}
    return {name: _plain(value) for name, value in found.items()} | {
        "hardware": _plain(case.hardware)
    }


def differences(
    before: tuple[Workload, Case], after: tuple[Workload, Case]
) -> tuple[Difference, ...]:
    """Return what two designs differ in, in the order of their files."""
    found = _differing((), design_of(*before), design_of(*after))
    one, other = resolved_of(*before), resolved_of(*after)
    return tuple(
        each
        for each in found
        if (value := _at(one, each.path)) is _MISSING or value != _at(other, each.path)
    )


def grouped(
    found: Iterable[Difference], groups: Mapping[str, Sequence[str]]
) -> dict[str, tuple[Difference, ...]]:
    """Return differences by the name of their change: of ``groups`` of paths, else of GROUPS.

    The components of another accelerator are one change with it.

    A path of a group names what lies below it, too; ``*`` stands for any text. Raises ConfigError
    for a group of nothing.
    """
    made: dict[str, tuple[Difference, ...]] = {}
    used, found = set[tuple[str, str]](), list(found)
    other = any(each.path == ("hardware", "accelerator") for each in found)
    for each in found:
        path = format_path(each.path)
        own = ((name, text) for name, texts in groups.items() for text in texts)
        asked = next((pair for pair in own if _fits(path, pair[1])), None)
        if asked:
            used.add(asked)
        name = asked[0] if asked else _usual_name(path, other_accelerator=other)
        made[name] = (*made.get(name, ()), each)
    for name, texts in groups.items():
        for text in texts:
            if (name, text) not in used:
                known = [format_path(each.path) for part in made.values() for each in part]
                hint = suggest(text, known, "paths")
                raise ConfigError(f"--group {name}: nothing at '{text}' differs; {hint}")
    return made


def assignments(workload: Workload, case: Case, chosen: Iterable[Difference]) -> Iterator[str]:
    """Yield ``--set`` assignments that make the chosen differences in a case."""
    before = design_of(workload, case)
    after = before
    for each in chosen:
        after = _with(after, each.path, each.after)
    for path, value in _settings((), before, after):
        own = path if path[0] in _OF_WORKLOAD else ("cases", case.name, *path)
        # YAML takes JSON as it is.
        yield f"{format_path(own)}={json.dumps(value)}"


def _differing(path: KeyPath, before: Any, after: Any) -> Iterator[Difference]:
    both = isinstance(before, dict) and isinstance(after, dict)
    if not both or before.get("kind") != after.get("kind"):
        if before != after:
            yield Difference(path, before, after)
        return
    for key in dict.fromkeys((*before, *after)):
        yield from _differing((*path, key), before.get(key, _MISSING), after.get(key, _MISSING))


def _settings(path: KeyPath, before: Any, after: Any) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the fewest values to set: what only leaves something out sets all around it."""
    if before == after:
        return
    # A case, and a machine below it, cannot be set whole: what they no longer have is null there.
    whole = len(path) < 2 and path in ((), ("hardware",))
    both = isinstance(before, dict) and isinstance(after, dict)
    if whole or (both and before.keys() <= after.keys()):
        for key in dict.fromkeys((*before, *after)):
            value = after.get(key, _MISSING)
            if value is _MISSING:
                yield (*path, key), None if key not in _WITH_DEFAULTS else {}
            else:
                yield from _settings((*path, key), before.get(key, _MISSING), value)
        return
    yield path, after


# Sections of a machine whose absence means the values that they have unless told otherwise.
_WITH_DEFAULTS = {"mapping"}


def _with(data: Any, path: KeyPath, value: Any) -> Any:
    if not path:
        return value
    key, rest = path[0], path[1:]
    inner = _with(data[key] if rest else None, rest, value)
    if inner is _MISSING:
        return {name: each for name, each in data.items() if name != key}
    return {**data, key: inner}


def _at(data: Any, path: KeyPath) -> Any:
    for key in path:
        if not isinstance(data, dict) or key not in data:
            return _MISSING
        data = data[key]
    return data


def _fits(path: str, pattern: str) -> bool:
    return path == pattern or path.startswith(f"{pattern}.") or fnmatchcase(path, pattern)


def _usual_name(path: str, *, other_accelerator: bool) -> str:
    keys = list(map(str, parse_path(path)))
    for pattern, name in GROUPS:
        if fnmatchcase(path, pattern):
            return name.format(*keys)
    if keys[0] != "hardware":
        return keys[0]
    own = other_accelerator and keys[1] not in _NOT_OF_ACCELERATOR
    return "accelerator" if own else keys[1]


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _words(value: Any) -> str:
    if value is _MISSING:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value)
