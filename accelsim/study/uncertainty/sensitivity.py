"""``accelsim.sensitivity``: what a figure follows: one quantity at a time, Morris, Sobol.

Quantities are those of ``uncertainty``. A point without a figure is never replaced: with it goes
the whole trajectory (Morris) or block (Sobol) that it is part of, and the number of those that
remain is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import ConfigError
from accelsim.evaluation.examine import resolve
from accelsim.evaluation.point import Point
from accelsim.inputs.extras import installation
from accelsim.study.evaluator import Progress
from accelsim.study.outcome import Outcome
from accelsim.study.sweep.config import unknown_figure
from accelsim.study.sweep.expressions import Expression, parse
from accelsim.study.uncertainty.bands import outcomes
from accelsim.study.uncertainty.quantities import (
    SHIPPED,
    TAIL,
    Quantity,
    Space,
    load_space,
)

Method = Literal["tornado", "morris", "sobol"]
Numbers = NDArray[np.float64]
# Sobol's sequence begins in a corner, where a lognormal quantity is without end.
_EDGE = 0.001
# Levels of a quantity that Morris steps between.
_LEVELS = 4
_FEWEST = 2


@dataclass(frozen=True)
class Effect:
    """What one quantity does to a figure.

    Tornado: ``low`` and ``high`` are the figure's least and greatest over the quantity, all others
    as the files have them. Morris, per unit of the quantity's 5 to 95 % range: ``mean`` elementary
    effect, mean of the ``absolute`` ones and their ``spread``. Sobol: shares of the variance,
    ``first`` alone and ``total`` with all that it takes part in. ``confidence`` is the half width
    of the 95 % interval of ``absolute`` or ``first``, ``total_confidence`` that of ``total``.
    """

    quantity: str
    figures: dict[str, float]

    @property
    def size(self) -> float:
        """What the effects of a figure are ordered by."""
        known = self.figures
        if "low" in known:
            return known["high"] - known["low"]
        return known.get("absolute", known.get("total", 0.0))


@dataclass(frozen=True)
class Sensitivity:
    """The effects of all quantities on a figure, a formula over figures, largest first.

    ``as_is`` is the figure of the files. Of ``blocks`` that were asked for (of a tornado a quantity
    each) ``remaining`` are whole, all others left out.
    """

    method: Method
    figure: str
    as_is: float
    effects: tuple[Effect, ...]
    blocks: int
    remaining: int


@dataclass(frozen=True)
class _Design:
    """Places in the unit cube in blocks of a size, and what makes effects of a figure there."""

    places: Numbers
    size: int
    effects: Callable[[Numbers, Numbers], list[dict[str, float]]] = field(repr=False)


def sensitivity(
    workload: str | Path,
    of: Sequence[str],
    method: Method = "tornado",
    *,
    blocks: int = 64,
    set: Sequence[str] = (),
    cases: Sequence[str] | None = None,
    inputs: Iterable[str | Path] = (SHIPPED,),
    seed: int = 0,
    jobs: int | None = None,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> list[Sensitivity]:
    """Return what figures follow; ``of`` are their names or formulas over them.

    ``blocks`` are Morris trajectories or Sobol blocks, of quantities + 1 and + 2 points. For the
    rest see ``uncertainty``. Raises ConfigError for what has no figure, without SALib (extra
    ``salib``) for other methods than tornado, and for too few whole blocks.
    """
    formulas = [_formula(text) for text in of]
    base = Point(workload, set, cases)
    resolved = resolve(base)
    for formula in formulas:
        for name in formula.names:
            if told := unknown_figure(name, tuple(resolved.cases)):
                raise ConfigError(f"--of {formula.text}: {told}")
    space = load_space(resolved, inputs)
    if method == "tornado":
        steps = [(at, place) for at, one in enumerate(space.quantities) for place in _ends(one)]
        points = [_alone(space, at).assignments([place]) for at, place in steps]
    else:
        design = _designs()[method](len(space.quantities), blocks, seed)
        points = [space.assignments(place) for place in design.places]
    asked = [base, *(base.with_assignments(*each) for each in points)]
    first, *others = outcomes(asked, jobs, store, progress)
    found = []
    for formula in formulas:
        as_is, values = _value(formula, first), np.array([_value(formula, o) for o in others])
        if np.isnan(as_is):
            told = first.reason.message or "the files give it no number"
            raise ConfigError(f"--of {formula.text}: {told}")
        if method == "tornado":
            effects = _swings(space, [at for at, _ in steps], values, as_is)
            total, remaining = len(space.quantities), len(effects)
        else:
            kept = whole_blocks(~np.isnan(values), design.size)
            total, remaining = len(values) // design.size, int(kept.sum()) // design.size
            if remaining < _FEWEST:
                why = next((o.reason.message for o in others if not o.whole), "")
                raise ConfigError(f"{remaining} of {total} blocks are whole, too few: {why}")
            names = (quantity.name for quantity in space.quantities)
            made = design.effects(design.places[kept], values[kept])
            effects = [Effect(name, each) for name, each in zip(names, made, strict=True)]
        ordered = tuple(sorted(effects, key=lambda effect: effect.size, reverse=True))
        found.append(Sensitivity(method, formula.text, as_is, ordered, total, remaining))
    return found


def _formula(text: str) -> Expression:
    try:
        return parse(text)
    except ValueError as error:
        raise ConfigError(f"--of: {error}") from None


def _value(formula: Expression, outcome: Outcome) -> float:
    """Return the value of a formula, NaN where it has none."""
    value = formula.value(outcome.figures) if outcome.state == "ok" else None
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _ends(quantity: Quantity) -> tuple[float, ...]:
    """Return the places that a tornado looks at: low and high, or each value."""
    if quantity.points:
        return (TAIL, 1 - TAIL)
    edges = np.cumsum(quantity.weights) / sum(quantity.weights)
    return tuple(float(edge - 1e-9) for edge in edges)


def _alone(space: Space, at: int) -> Space:
    return replace(space, quantities=(space.quantities[at],))


def _swings(space: Space, numbers: Sequence[int], values: Numbers, as_is: float) -> list[Effect]:
    """Return the least and greatest value that each quantity gives alone, of those that all do."""
    found = []
    for at, quantity in enumerate(space.quantities):
        own = [value for number, value in zip(numbers, values, strict=True) if number == at]
        ends = {"low": min(own), "high": max(own)}
        if not np.isnan(own).any():
            ends = {"low": min(as_is, ends["low"]), "high": max(as_is, ends["high"])}
            found.append(Effect(quantity.name, ends))
    return found


def whole_blocks(good: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Return which points are kept: those of blocks, ``size`` after each other, that are all good.

    Raises ValueError for what is no number of blocks.
    """
    return np.repeat(good.reshape(-1, size).all(axis=1), size)


# -- SALib -----------------------------------------------------------------------------------------


def _designs() -> dict[str, Callable[[int, int, int], _Design]]:
    return {"morris": morris_design, "sobol": sobol_design}


def morris_design(quantities: int, trajectories: int, seed: int) -> _Design:
    """Return trajectories of one step a quantity over 5 to 95 % of each. Raises ConfigError."""
    problem, sample, analyze = _salib("morris", quantities)
    steps = sample.sample(problem, trajectories, num_levels=_LEVELS, seed=seed)

    def effects(places: Numbers, values: Numbers) -> list[dict[str, float]]:
        unit = (places - TAIL) / (1 - 2 * TAIL)
        found = analyze.analyze(problem, unit, values, num_levels=_LEVELS, seed=seed)
        keys = {"mean": "mu", "absolute": "mu_star", "spread": "sigma"}
        return _listed(found, keys | {"confidence": "mu_star_conf"})

    return _Design(TAIL + (1 - 2 * TAIL) * np.asarray(steps), quantities + 1, effects)


def sobol_design(quantities: int, blocks: int, seed: int) -> _Design:
    """Return Saltelli's blocks for first and total indices. Raises ConfigError."""
    if blocks & (blocks - 1):
        raise ConfigError(f"--blocks: Sobol's sequence is even for powers of 2, not for {blocks}")
    problem, sample, analyze = _salib("sobol", quantities)
    places = sample.sample(problem, blocks, calc_second_order=False, seed=seed)

    def effects(places: Numbers, values: Numbers) -> list[dict[str, float]]:
        if not np.ptp(values):
            return [dict.fromkeys(keys, 0.0) for _ in range(quantities)]
        found = analyze.analyze(problem, values, calc_second_order=False, seed=seed)
        return _listed(found, keys)

    keys = {"first": "S1", "confidence": "S1_conf", "total": "ST", "total_confidence": "ST_conf"}
    return _Design(np.clip(places, _EDGE, 1 - _EDGE), quantities + 2, effects)


def _salib(method: str, quantities: int) -> tuple[dict[str, Any], Any, Any]:
    """Return SALib's problem, sampler and analyser."""
    try:
        sample, analyze = (import_module(f"SALib.{w}.{method}") for w in ("sample", "analyze"))
    except ImportError:
        raise ConfigError(
            f"--method {method} takes SALib: {installation('salib')}; tornado does without"
        ) from None
    names = [f"x{number}" for number in range(quantities)]
    return (
        {"num_vars": quantities, "names": names, "bounds": [[0, 1]] * quantities},
        sample,
        analyze,
    )


def _listed(found: Any, keys: dict[str, str]) -> list[dict[str, float]]:
    columns = {name: np.asarray(found[key], dtype=float) for name, key in keys.items()}
    count = len(next(iter(columns.values())))
    return [{name: float(each[at]) for name, each in columns.items()} for at in range(count)]
