"""What a study varies: axes of values, ranges, named variants and zips of them."""

from __future__ import annotations

import json
import keyword
import math
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, product
from statistics import NormalDist
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from accelsim.inputs.document import describe
from accelsim.inputs.paths import KeyPath, parse_path
from accelsim.inputs.validation import ConfigModel, RuleError
from accelsim.inputs.yaml_text import read_scalar
from accelsim.study.lazy import Lazy
from accelsim.study.sweep.expressions import Expression, Formula
from accelsim.units import UnitError, parse_any

# Where ``from`` and ``to`` of a distribution lie in it: 5 and 95 %.
_TAIL = 0.05
# Texts that --set reads as they stand.
_PLAIN = re.compile(r"[A-Za-z0-9_./%+-]+(?: [A-Za-z0-9_./%+-]+)*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Choice:
    """One place on an axis: the values of its columns, and what they set, path by path."""

    values: Mapping[str, Any]
    settings: tuple[tuple[str, Any], ...] = ()

    @cached_property
    def assignments(self) -> tuple[str, ...]:
        """The settings as ``--set`` takes them."""
        return tuple(f"{path}={flow(value)}" for path, value in self.settings)


def flow(value: Any) -> str:
    """Return a value as YAML that is read as the same value."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and read_scalar(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _check_path(path: str) -> str:
    parse_path(path)
    return path


Paths = Annotated[list[str], Field(min_length=1)]


class AxisConfig(ConfigModel):
    """One axis: ``values``, a range ``from`` .. ``to``, ``variants`` or a ``zip`` of axes.

    ``path`` is what is set, or several paths for the same value. A range has ``steps`` on a scale
    that is ``linear`` or ``log``; of one that is ``normal`` or ``lognormal`` the ends are the 5 and
    95 % points. ``variants`` name settings that go together; axes of a ``zip`` advance together.
    ``weights`` say how often a sample takes each value. The axis is there ``when`` a formula over
    the axes before it holds.
    """

    path: str | Paths | None = None
    values: Annotated[list[Any], Field(min_length=1)] | None = None
    weights: list[Annotated[float, Field(ge=0)]] | None = None
    start: Annotated[Any, Field(alias="from")] = None
    end: Annotated[Any, Field(alias="to")] = None
    steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    scale: Literal["linear", "log", "normal", "lognormal"] = "linear"
    variants: Annotated[dict[str, dict[str, Any]], Field(min_length=1)] | None = None
    zip: Annotated[dict[str, AxisConfig], Field(min_length=1)] | None = None
    when: Formula | None = None

    @field_validator("path")
    @classmethod
    def _is_path(cls, path: str | list[str] | None) -> str | list[str] | None:
        for each in [path] if isinstance(path, str) else path or ():
            _check_path(each)
        return path

    @model_validator(mode="after")
    def _is_whole(self) -> AxisConfig:
        given = {
            "values": self.values is not None,
            "from": self.start is not None,
            "variants": self.variants is not None,
            "zip": self.zip is not None,
        }
        if sum(given.values()) != 1:
            raise ValueError(
                "an axis has one of values, from (with to), variants and zip; it has "
                f"{' and '.join(name for name, there in given.items() if there) or 'none'}"
            )
        if self.path is None and (given["values"] or given["from"]):
            raise ValueError("path: this key is missing; expected what the values are of")
        problems = [*self._wrong_values(), *self._wrong_range(), *self._wrong_parts()]
        if problems:
            raise RuleError(*problems)
        return self

    def _wrong_values(self) -> Iterator[tuple[tuple[str, ...], str]]:
        units = {} if self.values is None else {_dimension(each): each for each in self.values}
        units.pop(None, None)
        if len(units) > 1:
            told = " and ".join(f"'{each}'" for each in list(units.values())[:2])
            yield ("values",), f"{told} have units of different kinds"
        options = len(self.values or self.variants or ())
        if self.weights is not None and len(self.weights) != options:
            yield ("weights",), f"expected {options} of them, one a value; got {len(self.weights)}"
        if self.weights is not None and not sum(self.weights):
            yield ("weights",), "expected at least one above 0"

    def _wrong_range(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.start is None:
            return
        if self.end is None:
            yield ("to",), "this key is missing; expected where the range ends"
            return
        ends = {"from": self.start, "to": self.end}
        numbers = {}
        for name, value in ends.items():
            try:
                numbers[name] = _parsed(value)
            except UnitError as error:
                yield (name,), str(error)
        if len(numbers) < 2:
            return
        (low, unit), (high, other) = numbers["from"], numbers["to"]
        if unit != other:
            yield ("to",), f"'{self.start}' and '{self.end}' have units of different kinds"
        elif not math.isfinite(low) or not math.isfinite(high):
            yield ("from" if math.isfinite(high) else "to",), "expected a finite number"
        elif not low < high:
            yield ("to",), f"an empty range: '{self.end}' is not above '{self.start}'"
        elif "log" in self.scale and low <= 0:
            yield ("from",), f"expected more than 0 on a scale that is {self.scale}"

    def _wrong_parts(self) -> Iterator[tuple[tuple[str, ...], str]]:
        for name, settings in (self.variants or {}).items():
            for path in settings:
                try:
                    _check_path(path)
                except ValueError as error:
                    yield ("variants", name, path), str(error)
        sizes = {}
        for name, axis in (self.zip or {}).items():
            if axis.zip or axis.when:
                yield ("zip", name), "an axis of a zip has neither zip nor when of its own"
            elif axis.start is not None and axis.steps is None:
                yield ("zip", name), "steps: a range in a zip has a number of steps"
            else:
                sizes[name] = axis.size
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{name} {size}" for name, size in sizes.items())
            yield ("zip",), f"axes of a zip have equally many values; these have {told}"

    @property
    def size(self) -> int | None:
        """How many choices a grid has of it; None for a range without steps."""
        if self.zip is not None:
            return next(iter(self.zip.values())).size
        if self.start is not None:
            return self.steps
        return len(self.values or self.variants or ())

    def paths(self) -> Iterator[frozenset[KeyPath]]:
        """Yield what each choice sets; of values and ranges, what all do."""
        if self.zip is not None:
            for parts in product(*(axis.paths() for axis in self.zip.values())):
                yield frozenset[KeyPath]().union(*parts)
        elif self.variants is not None:
            yield from (frozenset(map(parse_path, each)) for each in self.variants.values())
        else:
            given = [self.path] if isinstance(self.path, str) else self.path or ()
            yield frozenset(map(parse_path, given))

    @property
    def always(self) -> frozenset[KeyPath]:
        """What it sets in every point."""
        return frozenset() if self.when else frozenset.intersection(*self.paths())

    def columns(self, name: str) -> tuple[str, ...]:
        """Return the columns of the axis: its name, or those of its zip."""
        return (name,) if self.zip is None else tuple(self.zip)

    def grid(self, name: str) -> Sequence[Choice]:
        """Return all choices, in order. Raises ValueError for a range without steps."""
        if self.size is None:
            raise ValueError("steps: this key is missing; expected how many values a grid takes")
        steps = self._different(name, self.size)
        return Lazy(len(steps), lambda number: self._at_step(name, steps[number]))

    def _different(self, name: str, size: int) -> Sequence[int]:
        """Return the first step of each choice; a range never turns back to an earlier one."""
        chosen = (self._at_step(name, step) for step in range(size))
        if self.start is not None:
            numbered = groupby(enumerate(chosen), lambda each: each[1].values[name])
            return array("L", (next(alike)[0] for _, alike in numbered))
        unique: dict[str, int] = {}
        for step, choice in enumerate(chosen):
            unique.setdefault(json.dumps([choice.values, choice.settings], default=str), step)
        return list(unique.values())

    def at(self, name: str, place: float) -> Choice:
        """Return the choice at a place in [0, 1), as a sample takes it."""
        if self.start is not None:
            return self._choice(name, self._quantile(place))
        assert self.size is not None
        step = int(place * self.size) if self.weights is None else weighted(self.weights, place)
        return self._at_step(name, step)

    def _at_step(self, name: str, step: int) -> Choice:
        if self.zip is not None:
            parts = [axis._at_step(column, step) for column, axis in self.zip.items()]
            values = {key: value for part in parts for key, value in part.values.items()}
            return Choice(values, tuple(one for part in parts for one in part.settings))
        if self.variants is not None:
            label = list(self.variants)[step]
            return Choice({name: label}, tuple(self.variants[label].items()))
        if self.values is not None:
            return self._choice(name, self.values[step])
        share = step / max(1, (self.steps or 1) - 1)
        normal = self.scale in ("normal", "lognormal")
        return self._choice(
            name, self._quantile(_TAIL + (1 - 2 * _TAIL) * share if normal else share)
        )

    def _choice(self, name: str, value: Any) -> Choice:
        paths: Sequence[str] = [self.path] if isinstance(self.path, str) else self.path or ()
        return Choice({name: value}, tuple((path, value) for path in paths))

    def _quantile(self, place: float) -> Any:
        """Return the value of a range at a place in [0, 1], in the unit of its start."""
        low, high = (_parsed(each)[0] for each in (self.start, self.end))
        logarithmic = "log" in self.scale
        if logarithmic:
            low, high = math.log(low), math.log(high)
        if self.scale in ("normal", "lognormal"):
            spread = (high - low) / (2 * NormalDist().inv_cdf(1 - _TAIL))
            tiny = 2.0**-53
            middle = (low + high) / 2
            value = NormalDist(middle, spread).inv_cdf(min(max(place, tiny), 1 - tiny))
        else:
            value = low + (high - low) * place
        return _written(math.exp(value) if logarithmic else value, self.start, self.end)


def weighted(weights: Sequence[float], place: float) -> int:
    """Return the number of the one of some weights in which a place in [0, 1) lies."""
    edge, total = 0.0, math.fsum(weights)
    for step, weight in enumerate(weights):
        edge += weight / total
        if place < edge:
            return step
    return max(step for step, weight in enumerate(weights) if weight)


def _dimension(value: Any) -> str | None:
    try:
        return parse_any(value)[1] if isinstance(value, str) else None
    except UnitError:
        return None


def _parsed(value: Any) -> tuple[float, str]:
    """Return a number or quantity with its dimension, "" for a bare number."""
    if isinstance(value, str):
        return parse_any(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value), ""
    raise UnitError(f"expected a number or a quantity, got {describe(value)}")


def _written(value: float, start: Any, end: Any) -> Any:
    """Return a value as its ends are written: whole, bare or in the unit of the first."""
    if not isinstance(start, str):
        whole = isinstance(start, int) and isinstance(end, int)
        return round(value) if whole else float(f"{value:.12g}")
    _, dimension = parse_any(start)
    unit = start.strip().lstrip("+-0123456789.eE").strip()
    factor = parse_any(f"1 {unit}")[0]
    if dimension in ("B", "b"):
        value = round(value)  # memories have whole bytes
        if value * 16 % factor:
            return f"{value} {dimension}"
    return f"{value / factor:.12g} {unit}"


def applies(axis: AxisConfig, values: Mapping[str, Any]) -> bool:
    """Return whether an axis is there for the values of those before it."""
    return axis.when is None or bool(Expression(axis.when).value(values))


def is_name(text: str) -> bool:
    """Return whether a text may name an axis or a column in formulas."""
    return bool(_NAME.fullmatch(text)) and not keyword.iskeyword(text)


def checked_name(name: str) -> str:
    """Return what may name an axis or a column in formulas. Raises ValueError for anything else."""
    if not is_name(name):
        raise ValueError(
            f"'{name}' cannot stand in a formula; expected letters, digits and '_', no "
            "digit first, no word of Python"
        )
    return name
