"""The columns of a request trace: what each may be called, and what its cells mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.document import describe
from accelsim.inputs.paths import suggest
from accelsim.model.tasks import find_task
from accelsim.requests.request import Request, RequestContext
from accelsim.requests.times import parse_time, seconds_text, ticks_of_unit
from accelsim.units import Tick, UnitError

_NEEDED = ("arrival", "task", "tokens")
_KNOWN = (*_NEEDED, "exit_layer", "predicted_layer", "deadline")
_TIMES = ("arrival", "deadline")
_EXPECTED = "arrival,task,tokens[,exit_layer][,predicted_layer][,deadline]"

_HEADING = re.compile(r"([^\[\]]*+)(?:\[(.*)\])?", re.DOTALL)
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")


def _task(text: str, context: RequestContext) -> str:
    name = find_task(text).name
    if name not in context.tasks:
        known = ", ".join(context.tasks)
        raise ConfigError(
            f"{name} is not among the workload's tasks, which are {known}; add it to tasks "
            "or remove the row"
        )
    return name


def _tokens(text: str, context: RequestContext) -> int:
    tokens, most = _whole(text), context.maximum_positions
    if tokens > most:
        raise ConfigError(
            f"{tokens} tokens are more than the {most} positions of the model; shorten the "
            "sentence or raise model.maximum_positions"
        )
    return tokens


def _layer(text: str, context: RequestContext) -> int:
    layer = _whole(text)
    if layer > context.layers:
        raise ConfigError(f"expected a layer from 1 to {context.layers}, got {layer}")
    return layer


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text) or int(text) < 1:
        raise ConfigError(f"expected a whole number of at least 1, got {describe(text)}")
    return int(text)


_READERS: dict[str, Callable[[str, RequestContext], str | int]] = {
    "task": _task,
    "tokens": _tokens,
    "exit_layer": _layer,
    "predicted_layer": _layer,
}


class Columns:
    """The columns of a header row; ``problems`` says what is wrong with it."""

    def __init__(self, headings: list[str], context: RequestContext) -> None:
        matches = [_HEADING.fullmatch(text.strip()) for text in headings]
        self._context = context
        units = [match[2] if match else None for match in matches]
        self._units = [None if unit is None else unit.strip() for unit in units]
        self._names = [
            match[1].strip().lower() if match else text.strip()
            for match, text in zip(matches, headings, strict=True)
        ]
        self.problems = [*self._wrong_headings(), *self._missing()]
        if not set(self._names) & set(_KNOWN):
            row = describe(",".join(headings))
            self.problems = [f"expected a header, {_EXPECTED}; got {row}"]

    def _wrong_headings(self) -> Iterator[str]:
        for place, (name, unit) in enumerate(zip(self._names, self._units, strict=True)):
            if name not in _KNOWN:
                yield f"unknown column '{name}'; {suggest(name, _KNOWN, 'known columns')}"
            elif name in self._names[:place]:
                yield f"column '{name}' stands twice; remove one"
            elif unit is not None and name not in _TIMES:
                yield f"column '{name}' has no unit; write {name} without [{unit}]"
            elif unit is not None:
                try:
                    ticks_of_unit(unit)
                except UnitError as error:
                    yield f"column '{name}': {error}; write for instance {name} [s]"

    def _missing(self) -> Iterator[str]:
        # A misspelt column is one problem, not an unknown one and a missing one.
        misspelt = "".join(suggest(name, _KNOWN, "") for name in self._names if name not in _KNOWN)
        for needed in _NEEDED:
            if needed not in self._names and f"'{needed}'" not in misspelt:
                yield f"column '{needed}' is missing; expected {_EXPECTED}"

    def read(self, number: int, row: list[str], latest: Tick) -> tuple[Request, list[str]]:
        """Return the request of a row, and what is wrong with it.

        ``latest`` is the latest arrival so far. What could not be read is replaced by something
        harmless, so that all rows are looked at.
        """
        harmless: dict[str, Any] = {"arrival": latest, "task": "", "tokens": 1}
        if len(row) != len(self._names):
            names = ",".join(self._names)
            message = f"expected {len(self._names)} cells, {names}; got {len(row)}"
            return Request(number, **harmless), [message]
        values: dict[str, Any] = {}
        wrong = []
        for name, unit, text in zip(self._names, self._units, row, strict=True):
            try:
                values[name] = self._value(name, unit, text.strip())
            except (ConfigError, UnitError) as error:
                wrong.append(f"{name}: {error}")
        wrong += _wrong_order(values, latest)
        return Request(number, **harmless | values), wrong

    def _value(self, name: str, unit: str | None, text: str) -> str | int | None:
        if not text:
            if name in _NEEDED:
                raise ConfigError("this cell is empty; expected a value")
            return None
        return parse_time(text, unit) if name in _TIMES else _READERS[name](text, self._context)


def _wrong_order(values: dict[str, Any], latest: Tick) -> Iterator[str]:
    arrival, deadline = values.get("arrival"), values.get("deadline")
    if arrival is None:
        return
    if arrival < latest:
        text, above = seconds_text(arrival), seconds_text(latest)
        yield f"arrival: {text} s is before {above} s, of a row above; sort the rows by arrival"
    if deadline is not None and deadline < arrival:
        text, after = seconds_text(deadline), seconds_text(arrival)
        yield (
            f"deadline: {text} s is before the arrival, {after} s; deadlines count from the start"
        )
