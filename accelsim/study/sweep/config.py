"""The schema of a study, ``workloads/studies/*.yaml``: what is varied, what is asked of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from accelsim.evaluation.metrics import all_metrics
from accelsim.inputs.paths import KeyPath, parse_path, suggest
from accelsim.inputs.validation import ConfigModel, RuleError
from accelsim.study.sweep.axes import AxisConfig, checked_name
from accelsim.study.sweep.expressions import Expression, Formula
from accelsim.study.sweep.samples import MOST_DIMENSIONS, Sample
from accelsim.units import UnitError, parse_any
from accelsim.workload.json_schema import DIALECT
from accelsim.workload.schema import Workload


class Objective(ConfigModel):
    """What is to be as small or as large as can be."""

    minimize: Formula | None = None
    maximize: Formula | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Objective:
        if (self.minimize is None) == (self.maximize is None):
            raise ValueError("an objective has one of minimize and maximize")
        return self

    @property
    def formula(self) -> Expression:
        """What is minimised or maximised."""
        return Expression(self.minimize or self.maximize or "")


class StudyConfig(ConfigModel):
    """One study of a ``workload`` file, relative to this one.

    ``set`` changes values of all points. Points are the grid of all ``axes``, the last changing
    first, or a ``sample`` of them. ``columns`` are formulas over figures, axes and earlier columns;
    a point that breaks one of the ``constraints`` is infeasible. ``show`` are the columns of the
    report; of those in ``quantiles`` it tells the 5, 50 and 95 % points over all rows. ``marks``
    name the rows for which a formula holds, beside the best.
    """

    name: str
    description: str = ""
    workload: str
    cases: Annotated[list[str], Field(min_length=1)] | None = None
    settings: Annotated[dict[str, Any], Field(alias="set")] = Field(default_factory=dict)
    axes: Annotated[dict[str, AxisConfig], Field(min_length=1)]
    sample: Sample | None = None
    columns: dict[str, Formula] = Field(default_factory=dict)
    constraints: list[Formula] = Field(default=[])
    objectives: dict[str, Objective] = Field(default_factory=dict)
    show: list[Formula] = Field(default=[])
    quantiles: list[Formula] = Field(default=[])
    marks: dict[str, Formula] = Field(default_factory=dict)

    @field_validator("settings")
    @classmethod
    def _are_paths(cls, settings: dict[str, Any]) -> dict[str, Any]:
        for path in settings:
            parse_path(path)
        return settings

    @model_validator(mode="after")
    def _is_whole(self) -> StudyConfig:
        problems = [
            *self._wrong_names(),
            *self._wrong_axes(),
            *self._wrong_conditions(),
            *self._wrong_answers(),
        ]
        if problems:
            raise RuleError(*problems)
        return self

    @property
    def axis_columns(self) -> tuple[str, ...]:
        """The columns of all axes, in order."""
        return tuple(one for name, axis in self.axes.items() for one in axis.columns(name))

    def _wrong_names(self) -> Iterator[tuple[tuple[str, ...], str]]:
        # Every row has these.
        taken = {"number", "state", "reason"}
        own = [("axes", name) for name in self.axis_columns]
        own += [("columns", name) for name in self.columns]
        own += [("objectives", name) for name in self.objectives]
        for section, name in own:
            try:
                checked_name(name)
            except ValueError as error:
                yield (section, name), str(error)
            if name in taken:
                yield (section, name), f"there are two columns '{name}'; rename one"
            taken.add(name)

    def _wrong_axes(self) -> Iterator[tuple[tuple[str, ...], str]]:
        for name, axis in self.axes.items():
            if self.sample is None and axis.size is None:
                advice = "expected how many values of the range, or a sample"
                yield ("axes", name, "steps"), f"this key is missing; {advice}"
            if self.sample is None and axis.weights is not None:
                yield ("axes", name, "weights"), "a grid takes each value once; add a sample"
        for (name, axis), (later, other) in combinations(self.axes.items(), 2):
            own = frozenset[KeyPath]().union(*axis.paths())
            if own and own <= other.always:
                told = f"all that it sets is set again by {later}: its values change nothing"
                yield ("axes", name), told
        sobol = self.sample is not None and self.sample.method == "sobol"
        if sobol and len(self.axes) > MOST_DIMENSIONS:
            told = f"sobol knows {MOST_DIMENSIONS} dimensions, there are {len(self.axes)} axes"
            yield ("sample", "method"), f"{told}; use latin_hypercube"

    def _wrong_conditions(self) -> Iterator[tuple[tuple[str, ...], str]]:
        before: list[str] = []
        for name, axis in self.axes.items():
            for used in Expression(axis.when).names if axis.when else ():
                if used not in before:
                    hint = suggest(used, before, "axes before this one")
                    yield ("axes", name, "when"), f"there is no '{used}' before it; {hint}"
            before += axis.columns(name)

    def _wrong_answers(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        asked: list[tuple[tuple[str | int, ...], str]] = [
            *((("constraints", number), text) for number, text in enumerate(self.constraints)),
            *((("marks", name), text) for name, text in self.marks.items()),
        ]
        # An axis may have such values, and so may columns; no figure has.
        answers = set(self.axis_columns)
        for name, text in self.columns.items():
            answers |= {name} if Expression(text).says(answers.__contains__) else set()
        for place, text in asked:
            if not Expression(text).says(answers.__contains__):
                yield place, f"'{text}' is neither true nor false; expected one such as {text} < 1"

    def formulas(self) -> Iterator[tuple[tuple[str | int, ...], Expression]]:
        """Yield every formula of the rows with its place, in the order of evaluation."""
        for name, formula in self.columns.items():
            yield ("columns", name), Expression(formula)
        for name, objective in self.objectives.items():
            key = "minimize" if objective.minimize else "maximize"
            yield ("objectives", name, key), objective.formula
        for name, formula in self.marks.items():
            yield ("marks", name), Expression(formula)
        for section in ("constraints", "show", "quantiles"):
            for number, formula in enumerate(getattr(self, section)):
                yield (section, number), Expression(formula)


def study_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``workloads/studies/*.yaml``."""
    return {"$schema": DIALECT, **StudyConfig.model_json_schema()}


def wrong_figures(
    config: StudyConfig, workloads: Iterable[Workload]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the formulas that take what no row can have, with what is wrong.

    Raises ConfigError for plug-ins whose metrics are wrong.
    """
    cases = dict.fromkeys(name for workload in workloads for name in workload.cases)
    own = {"number", *config.axis_columns}
    for place, formula in config.formulas():
        for name in formula.names:
            if name not in own and (told := unknown_figure(name, tuple(cases), own)):
                yield place, told
        for name, text in formula.compared():
            if name not in own and (told := _other_dimension(text, figure_unit(name, cases))):
                yield place, f"{name} is compared with '{text}': {told}"
        if place[0] in ("columns", "objectives"):
            own.add(str(place[1]))


def _other_dimension(text: str, unit: str) -> str | None:
    """Return why a quantity cannot be compared with a unit; None where it can, or is none."""
    try:
        asked = parse_any(text)[1]
        own = "1" if unit in ("1", "x") else parse_any(f"1 {unit}")[1]
    except UnitError:
        return None
    return None if asked == own else f"expected a unit of {own}, got one of {asked}"


def unknown_figure(name: str, cases: tuple[str, ...], own: Iterable[str] = ()) -> str | None:
    """Return why a name is that of no figure, None where it may be one."""
    metrics = all_metrics()
    case = next((each for each in cases if name.startswith(f"{each}.")), None)
    if case is None:
        hint = suggest(name.partition(".")[0], [*own, *cases], "axes, columns and cases")
        return f"there is no '{name}'; {hint}"
    key = name[len(case) + 1 :]
    gain = key.startswith("gain.")
    wanted = key.removeprefix("gain.")
    known = [each.key for each in metrics if not gain or each.compared != "never"]
    if any(wanted == each or wanted.startswith(f"{each}.") for each in known):
        return None
    hint = suggest(wanted, known, "figures")
    return f"there is no figure '{key}' of '{case}'; {hint}"


def figure_unit(name: str, cases: Iterable[str]) -> str:
    """Return the unit of a figure by its name, ``x`` of a gain, "1" of what is none."""
    for case in cases:
        if name.startswith(f"{case}.gain."):
            return "x"
        if name.startswith(f"{case}."):
            return _unit(name[len(case) + 1 :])
    return "1"


def _unit(key: str) -> str:
    fitting = [each for each in all_metrics() if key == each.key or key.startswith(f"{each.key}.")]
    return max(fitting, key=lambda each: len(each.key)).unit if fitting else "1"
