"""The columns of a request trace: what each may be called, and what its cells mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any, NamedTuple, get_args

from accelsim.errors import ConfigError
from accelsim.inputs.document import describe
from accelsim.inputs.paths import suggest
from accelsim.requests.request import RequestContext
from accelsim.requests.times import parse_time, parse_time_from_zero, seconds_text, ticks_of_unit
from accelsim.requests.trace_format import Column, TraceFormat
from accelsim.units import Tick, UnitError

_KNOWN: tuple[str, ...] = get_args(Column)
_TIMES = ("arrival", "deadline")
_EXPECTED = "arrival,task,tokens[,new_tokens][,exit_layer][,predicted_layer][,deadline]"
_ADVICE = "or say in requests.columns what your file calls them"

_MOST_COLUMNS = 1000
_HEADING = re.compile(r"([^\[\]]*+)(?:\[(.*)\])?", re.DOTALL)
_WHOLE = re.compile(r"([-+]?[0-9]{1,18})(?:\.0{1,9})?")  # pandas writes 7.0 beside empty cells


class Row(NamedTuple):
    """A row of a trace; times as in the file, to the tick."""

    line: int
    arrival: Tick
    task: str
    tokens: int
    exit_layer: int | None = None
    predicted_layer: int | None = None
    deadline: Tick | None = None
    new_tokens: int | None = None


class _Head(NamedTuple):
    """A column of the file: its own name, the unit that goes with it, and which of ours it is."""

    name: str
    unit: str | None
    column: str | None


def parse_heading(text: str) -> tuple[str, str | None]:
    """Return the name in lower case and the unit of a heading such as ``Arrival [s]``."""
    match = _HEADING.fullmatch(text.strip())
    if match is None:
        return text.strip(), None
    return match[1].strip().lower(), None if match[2] is None else match[2].strip()


def wanted_columns(form: TraceFormat) -> set[str]:
    """Return what the columns may be called that are read."""
    theirs = {column: parse_heading(name)[0] for column, name in form.columns.items()}
    return {theirs.get(column, column) for column in get_args(Column)}


def _tokens(text: str, most: int, too_long: str) -> int:
    tokens = _whole(text)
    if tokens > most and too_long == "refuse":
        advice = "raise it, or set requests.too_long to truncate, split or drop"
        raise ConfigError(f"{tokens} tokens are more than the sequence_length of {most}; {advice}")
    return tokens


def _layer(text: str, layers: int) -> int:
    layer = _whole(text)
    if layer > layers:
        raise ConfigError(f"expected a layer from 1 to {layers}, got {layer}")
    return layer


def _whole(text: str) -> int:
    match = _WHOLE.fullmatch(text)
    if match is None or int(match[1]) < 1:
        raise ConfigError(f"expected a whole number of at least 1, got {describe(text)}")
    return int(match[1])


def _readers(context: RequestContext, form: TraceFormat) -> dict[str, Callable[[str], Any]]:
    layer = lru_cache(partial(_layer, layers=context.layers))
    tokens = partial(_tokens, most=context.sequence_length, too_long=form.too_long)
    return {
        "task": lru_cache(context.task_named),
        "tokens": lru_cache(maxsize=4096)(tokens),
        "new_tokens": _whole,
        "exit_layer": layer,
        "predicted_layer": layer,
    }


class Columns:
    """The columns of a header row; ``problems`` says what is wrong with it."""

    def __init__(self, headings: list[str], context: RequestContext, form: TraceFormat) -> None:
        self._form = form
        self._theirs = {ours: parse_heading(name) for ours, name in form.columns.items()}
        self._heads = [self._head(*parse_heading(text)) for text in headings[:_MOST_COLUMNS]]
        self._needed = ("arrival", *(() if form.task else ("task",)), "tokens")
        self.problems = [*self._wrong_headings(), *self._missing()]
        if len(headings) > _MOST_COLUMNS:
            self.problems = [f"{len(headings):,} columns, more than any trace has"]
        self._used = [] if self.problems else list(self._cell_readers(context))
        if not form.columns and not any(head.column for head in self._heads):
            row = describe(",".join(headings))
            self.problems = [f"expected a header, {_EXPECTED}; got {row}; write one, {_ADVICE}"]

    @property
    def unused(self) -> list[str]:
        """The file's names of columns that are not read."""
        return [head.name for head in self._heads if not head.column]

    def _head(self, name: str, unit: str | None) -> _Head:
        for ours, (theirs, its_unit) in self._theirs.items():
            if name == theirs:
                return _Head(name, (unit or its_unit) if ours in _TIMES else None, ours)
        column = name if name in _KNOWN and name not in self._theirs else None
        return _Head(name, unit, None if column == "task" and self._form.task else column)

    def _wrong_headings(self) -> Iterator[str]:
        seen: set[str] = set()
        for name, unit, column in self._heads:
            if column is None and not self._form.columns and name not in _KNOWN:
                hint = suggest(name, _KNOWN, "known columns")
                yield f"unknown column '{name}'; {hint}; {_ADVICE}"
            elif column in seen:
                yield f"column '{name}' stands twice; remove one"
            elif unit is not None and column is not None:
                yield from _wrong_unit(name, unit, column)
            seen |= {column} if column else set()

    def _missing(self) -> Iterator[str]:
        found, names = {head.column for head in self._heads}, [head.name for head in self._heads]
        for ours, (theirs, _) in self._theirs.items():
            if ours not in found:
                hint = suggest(theirs, names, "columns")
                yield f"requests.columns.{ours}: there is no column '{theirs}'; {hint}"
        # A misspelt column is one problem, not an unknown one and a missing one.
        unknown = [] if self._form.columns else [h.name for h in self._heads if not h.column]
        misspelt = "".join(suggest(name, _KNOWN, "") for name in unknown)
        for needed in self._needed:
            if needed in found or needed in self._theirs or f"'{needed}'" in misspelt:
                continue
            advice = ", or set requests.task" if needed == "task" else ""
            yield f"column '{needed}' is missing; expected {_EXPECTED}{advice}"

    def _cell_readers(
        self, context: RequestContext
    ) -> Iterator[tuple[int, str, Callable[[str], Any]]]:
        readers = _readers(context, self._form)
        time = parse_time if self._form.origin == "first" else parse_time_from_zero
        for place, (_, unit, column) in enumerate(self._heads):
            if column is not None:
                reader = partial(time, unit=unit) if column in _TIMES else readers[column]
                yield place, column, reader

    def read(self, line: int, cells: list[str], latest: Tick | None) -> tuple[Row, list[str]]:
        """Return a row, and what is wrong with it.

        ``latest`` is the latest arrival so far, None before the first. What could not be read is
        replaced by something harmless, so that all rows are looked at.
        """
        harmless: dict[str, Any] = {"arrival": latest or 0, "task": "", "tokens": 1}
        if len(cells) != len(self._heads):
            names = ",".join(head.name for head in self._heads)
            message = f"expected {len(self._heads)} cells, {names}; got {len(cells)}"
            return Row(line, **harmless), [message]
        values, wrong = dict[str, Any](), list[str]()
        for place, column, reader in self._used:
            text = cells[place].strip()
            try:
                if text:
                    values[column] = reader(text)
                elif column in self._needed:
                    wrong.append(f"{column}: this cell is empty; expected a value")
            except (ConfigError, UnitError) as error:
                wrong.append(f"{column}: {error}")
        wrong += _wrong_order(values, None if self._form.sort else latest)
        return Row(line, **harmless | values), wrong


def _wrong_unit(name: str, unit: str, column: str) -> Iterator[str]:
    if column not in _TIMES:
        yield f"column '{name}' has no unit; write {name} without [{unit}]"
        return
    try:
        ticks_of_unit(unit)
    except UnitError as error:
        yield f"column '{name}': {error}; write for instance {name} [s]"


def _wrong_order(values: dict[str, Any], latest: Tick | None) -> Iterator[str]:
    arrival, deadline = values.get("arrival"), values.get("deadline")
    if arrival is None:
        return
    if latest is not None and arrival < latest:
        above = f"{seconds_text(arrival)} s is before {seconds_text(latest)} s, of a row above"
        yield f"arrival: {above}; sort the rows by arrival or set requests.sort to true"
    if deadline is not None and deadline < arrival:
        before = f"{seconds_text(deadline)} s is before the arrival, {seconds_text(arrival)} s"
        yield f"deadline: {before}; deadlines count from the start"
