"""The columns of a request trace: what each may be called, and what its cells mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.document import describe
from accelsim.inputs.paths import suggest
from accelsim.model.tasks import find_task
from accelsim.requests.request import Request, RequestContext
from accelsim.requests.times import parse_time, seconds_text, ticks_of_unit
from accelsim.units import Tick, UnitError

_NEEDED = ("arrival", "task", "tokens")
_OPTIONAL = ("exit_layer", "predicted_layer", "deadline")
_KNOWN = (*_NEEDED, *_OPTIONAL)
_TIMES = ("arrival", "deadline")
_EXPECTED = "arrival,task,tokens[,exit_layer][,predicted_layer][,deadline]"

_HEADING = re.compile(r"([^\[\]]*?)\s*(?:\[\s*(.*?)\s*\])?")
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")

# Name of a column and the unit in its heading, if any.
Column = tuple[str, str | None]


def optional_columns() -> tuple[str, ...]:
    """Return the names of the columns that a trace may do without."""
    return _OPTIONAL


def read_columns(headings: list[str]) -> tuple[list[Column], list[str]]:
    """Return the columns of a header row, and what is wrong with it."""
    columns = [_column(heading) for heading in headings]
    names = [name for name, _ in columns]
    if not set(names) & set(_KNOWN):
        row = describe(",".join(headings))
        return columns, [f"expected a header, {_EXPECTED}; got {row}"]
    return columns, [*_wrong_headings(columns), *_missing(names)]


def _column(heading: str) -> Column:
    match = _HEADING.fullmatch(heading.strip())
    return (match[1].lower(), match[2]) if match else (heading.strip(), None)


def _wrong_headings(columns: list[Column]) -> Iterator[str]:
    seen = set()
    for name, unit in columns:
        if name not in _KNOWN:
            yield f"unknown column '{name}'; {suggest(name, _KNOWN, 'known columns')}"
        elif name in seen:
            yield f"column '{name}' stands twice; remove one"
        elif unit is not None and name not in _TIMES:
            yield f"column '{name}' has no unit; write {name} without [{unit}]"
        elif unit is not None:
            yield from _wrong_unit(name, unit)
        seen.add(name)


def _wrong_unit(name: str, unit: str) -> Iterator[str]:
    try:
        ticks_of_unit(unit)
    except UnitError as error:
        yield f"column '{name}': {error}; write for instance {name} [s]"


def _missing(names: list[str]) -> Iterator[str]:
    # A misspelt column is one problem, not an unknown one and a missing one.
    misspelt = "".join(suggest(name, _KNOWN, "") for name in names if name not in _KNOWN)
    for needed in _NEEDED:
        if needed not in names and f"'{needed}'" not in misspelt:
            yield f"column '{needed}' is missing; expected {_EXPECTED}"


class Cells:
    """Reads the cells of each column for a workload; each method raises ValueError."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context
        self.task = lru_cache(maxsize=256)(self._task)

    def _task(self, text: str) -> str:
        try:
            name = find_task(text).name
        except ConfigError as error:
            raise ValueError(str(error)) from None
        if name not in self._context.tasks:
            known = ", ".join(self._context.tasks)
            raise ValueError(
                f"{name} is not among the workload's tasks, which are {known}; add it to tasks "
                "or remove the row"
            )
        return name

    def tokens(self, text: str) -> int:
        """Return a length in tokens, up to the model's positions."""
        tokens, most = _whole(text), self._context.maximum_positions
        if tokens > most:
            raise ValueError(
                f"{tokens} tokens are more than the {most} positions of the model; shorten the "
                "sentence or raise model.maximum_positions"
            )
        return tokens

    def layer(self, text: str) -> int:
        """Return a layer of the model, from 1."""
        layer, most = _whole(text), self._context.layers
        if layer > most:
            raise ValueError(f"expected a layer from 1 to {most}, got {layer}")
        return layer


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text) or int(text) < 1:
        raise ValueError(f"expected a whole number of at least 1, got {describe(text)}")
    return int(text)


class Columns:
    """Reads rows of a trace with the columns of its header."""

    def __init__(self, columns: list[Column], cells: Cells) -> None:
        self._columns = columns
        self._cells = cells

    def read(self, number: int, row: list[str], latest: Tick) -> tuple[Request, list[str]]:
        """Return the request of a row, and what is wrong with it.

        ``latest`` is the latest arrival so far. What could not be read is replaced by something
        harmless, so that all rows are looked at.
        """
        if len(row) != len(self._columns):
            names = ",".join(name for name, _ in self._columns)
            message = f"expected {len(self._columns)} cells, {names}; got {len(row)}"
            return Request(number, "", latest, 1), [message]
        values: dict[str, Any] = {}
        wrong = []
        for column, text in zip(self._columns, row, strict=True):
            try:
                values[column[0]] = self._value(column, text.strip())
            except ValueError as error:
                wrong.append(f"{column[0]}: {error}")
        wrong += _wrong_order(values, latest)
        harmless: dict[str, Any] = {"arrival": latest, "task": "", "tokens": 1}
        return Request(number, **harmless | values), wrong

    def _value(self, column: Column, text: str) -> str | int | None:
        name, unit = column
        if not text:
            if name in _NEEDED:
                raise ValueError("this cell is empty; expected a value")
            return None
        if name in _TIMES:
            return parse_time(text, unit)
        if name == "task":
            return self._cells.task(text)
        return self._cells.tokens(text) if name == "tokens" else self._cells.layer(text)


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
