"""What is not known for sure (``hwconfigs/uncertainty``), and what of it a workload has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.document import parse_override, read_document
from accelsim.inputs.doors import check_keys
from accelsim.inputs.paths import KeyPath, format_path, parse_path
from accelsim.inputs.shipped import find_input
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.machine.rules import known_factors
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.logic import lines_of, load_logic
from accelsim.study.sweep.axes import weighted
from accelsim.workload.schema import Workload

SHIPPED = Path("hwconfigs/uncertainty/shipped.yaml")
# Where low and high lie: 5 and 95 %.
TAIL = 0.05
_TO_TAIL = NormalDist().inv_cdf(1 - TAIL)
_NUMBER = re.compile(r"\s*([-+0-9.eE]+)\s*(.*?)\s*")
_LOGIC = "logic."


class QuantityConfig(ConfigModel):
    """One quantity: a factor on a ``figure`` of the tables, or the value of a ``path``.

    ``low``, ``typical`` and ``high`` are its 5, 50 and 95 % points; or it has one of ``values``,
    as often as ``weights`` say. A figure of the logic may leave its range to the logic's file.
    """

    figure: Annotated[str, Field(min_length=1)] | None = None
    path: str | None = None
    low: float | str | None = None
    typical: float | str | None = None
    high: float | str | None = None
    values: Annotated[list[Any], Field(min_length=1)] | None = None
    weights: list[Annotated[float, Field(ge=0)]] | None = None
    source: str = ""

    @model_validator(mode="after")
    def _is_whole(self) -> QuantityConfig:
        if (self.figure is None) == (self.path is None):
            raise ValueError("expected one of figure and path")
        if self.path is not None:
            parse_path(self.path)
        ends = (self.low, self.typical, self.high)
        if None in ends and any(end is not None for end in ends):
            raise ValueError("low, typical and high go together; write all three")
        in_file = self.figure is not None and self.figure.startswith(_LOGIC)
        if (self.low is None) == (self.values is None) and not (in_file and self.values is None):
            raise ValueError("expected low, typical and high, or values")
        if not (self.source or (in_file and self.low is None)):
            raise ValueError("source: this key is missing; say where the range comes from")
        if self.low is not None:
            _ascending(*map(_split, (self.low, self.typical, self.high)))
        if self.weights is not None and (
            len(self.weights) != len(self.values or ()) or not sum(self.weights)
        ):
            raise ValueError("weights: expected one for each of values, not all of them 0")
        return self


class UncertaintyConfig(ConfigModel):
    """A file of quantities, by name."""

    kind: Literal["uncertainty"]
    name: str
    description: str = ""
    quantities: Annotated[dict[str, QuantityConfig], Field(min_length=1)]


def _split(value: Any) -> tuple[float, str]:
    """Return the number and the unit of a quantity as it is written."""
    match = _NUMBER.fullmatch(str(value))
    try:
        return float(match[1] if match else ""), match[2] if match else ""
    except ValueError:
        raise ValueError(f"'{value}' is neither a number nor one with a unit") from None


def _ascending(low: tuple[float, str], typical: tuple[float, str], high: tuple[float, str]) -> None:
    if len({low[1], typical[1], high[1]}) > 1:
        raise ValueError("low, typical and high must have one unit; write it as '2 ms'")
    if not 0 <= low[0] <= typical[0] <= high[0]:
        raise ValueError("low, typical and high must ascend from 0 or more; correct one")


@dataclass(frozen=True)
class Quantity:
    """A quantity that a workload has: with ``points`` low, typical, high, or with ``values``.

    ``figure`` or ``path`` says what it is of, in the machines of ``cases`` (none: the workload).
    """

    name: str
    figure: str | None
    path: KeyPath
    cases: tuple[str, ...]
    points: tuple[float, float, float] | None
    unit: str
    values: tuple[Any, ...]
    weights: tuple[float, ...]
    source: str

    def at(self, place: float) -> float | Any:
        """Return its value at a place in (0, 1): a number in its unit, or one of its values."""
        if self.points is None:
            return self.values[weighted(self.weights, place)]
        low, typical, high = self.points
        if low > 0:
            distance = NormalDist().inv_cdf(min(max(place, 1e-9), 1 - 1e-9)) / _TO_TAIL
            return typical * (high / typical if distance > 0 else typical / low) ** distance
        side = 2 * place - 1
        return typical + (side * (high - typical) if side > 0 else side * (typical - low))

    def number(self, place: float) -> float:
        """Return what stands for its value where numbers are compared."""
        return float(self.at(place)) if self.points else float(weighted(self.weights, place))

    @property
    def where(self) -> str:
        """The figure or the path, as the file names it."""
        return format_path(self.path) if self.figure is None else self.figure


@dataclass(frozen=True)
class Space:
    """All quantities of a workload; a place in the unit cube is a set of assignments."""

    workload: Workload
    quantities: tuple[Quantity, ...]

    def assignments(self, places: Sequence[float]) -> tuple[str, ...]:
        """Return what --set would be given for a place on each quantity, in their order."""
        factors: dict[str, dict[str, float]] = {}
        found: list[str] = []
        for quantity, place in zip(self.quantities, places, strict=True):
            value = quantity.at(place)
            if quantity.figure is not None:
                for case in quantity.cases:
                    own = self._factors[case].get(quantity.figure, 1.0)
                    factors.setdefault(case, {})[quantity.figure] = own * value
            else:
                found += self._settings(quantity, value)
        for case, changed in factors.items():
            path = format_path(("cases", case, "hardware", "process", "factors"))
            found.append(f"{path}={json.dumps(self._factors[case] | changed)}")
        return tuple(found)

    def _settings(self, quantity: Quantity, value: Any) -> Iterator[str]:
        text = f"{value} {quantity.unit}" if quantity.points else json.dumps(value)
        for case in quantity.cases:
            yield f"{format_path(('cases', case, *quantity.path))}={text}"
        if not quantity.cases:
            yield f"{format_path(quantity.path)}={text}"

    @property
    def taken_as_sure(self) -> tuple[str, ...]:
        """The technologies of arrays that no quantity is of."""
        regions = [
            each for c in self.workload.cases.values() for each in c.hardware.regions.values()
        ]
        drawn = {(quantity.figure or "").partition(".")[0] for quantity in self.quantities}
        return tuple(sorted({each.array.technology for each in regions} - drawn))

    @cached_property
    def _factors(self) -> dict[str, dict[str, float]]:
        cases = self.workload.cases.items()
        return {name: case.hardware.process.factors for name, case in cases}


def load_space(workload: Workload, files: Iterable[Path | str] = (SHIPPED,)) -> Space:
    """Return what files say is not sure of a workload; later ones replace quantities by name.

    What the command sets itself is sure. Raises ConfigError with a line for each problem.
    """
    named: dict[str, QuantityConfig] = {}
    for file in files:
        document = read_document(find_input(Path(file)))
        check_keys(document, "uncertainty")
        named |= validate(document, UncertaintyConfig).quantities
    set_here = {parse_override(text).path for text in workload.overrides}
    found = (_quantity(name, config, workload) for name, config in named.items())
    quantities = tuple(q for q in found if q is not None and q.path not in set_here)
    if not quantities:
        raise ConfigError("nothing of the workload's machines is uncertain in these files")
    return Space(workload, quantities)


def _quantity(name: str, config: QuantityConfig, workload: Workload) -> Quantity | None:
    """Return a quantity as the workload's machines have it; None where none has it."""
    path = () if config.path is None else parse_path(config.path)
    machines = {each: case.hardware for each, case in workload.cases.items()}
    if config.figure is not None:
        cases = tuple(n for n, m in machines.items() if config.figure in known_factors(m))
    else:
        cases = tuple(n for n, m in machines.items() if _has(m, path[1:]))
    of_machines = config.figure is not None or path[0] == "hardware"
    if of_machines and not cases:
        return None
    cases = cases if of_machines else ()
    ends = (config.low, config.typical, config.high)
    points, unit, source = None, "", config.source
    if config.low is not None:
        (low, unit), (typical, _), (high, _) = map(_split, ends)
        points = (low, typical, high)
    elif config.figure is not None and config.values is None:
        points, source = _of_the_logic(machines[cases[0]], config.figure)
    values = tuple(config.values or ())
    weights = tuple(config.weights or [1.0] * len(values))
    return Quantity(name, config.figure, path, cases, points, unit, values, weights, source)


def _has(machine: HardwareConfig, path: KeyPath) -> bool:
    """Say whether a machine has a key at a path, though it may be null."""
    value: Any = {**machine.model_dump(), **{n: m.model_dump() for n, m in machine.further.items()}}
    for key in path:
        if not isinstance(value, Mapping) or str(key) not in value:
            return False
        value = value[str(key)]
    return True


def _of_the_logic(machine: HardwareConfig, figure: str) -> tuple[tuple[float, float, float], str]:
    """Return the range of a line of the logic's file as factors on its typical or high figure."""
    name = figure.removeprefix(_LOGIC)
    line = lines_of(load_logic(machine.process.logic_file)).get(name)
    if line is None or line.typical == 0:
        raise ConfigError(f"{figure}: the logic's file has no range of it; write low to high")
    source = f"{machine.process.logic_file}, {name}"
    if line.typical is None:
        return (line.low / line.high, line.low / line.high, 1.0), source
    ends = sorted((line.low, line.typical, line.high))
    return (ends[0] / line.typical, 1.0, ends[2] / line.typical), source
