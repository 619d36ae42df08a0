"""Early exit as a workload describes it: after which layer a sentence leaves, and what is foretold.

EdgeBERT (Tambe et al., MICRO 2021) lets a sentence leave after the first layer whose classifier is
sure enough: the entropy of its output is below a threshold. After layer 1 a lookup table predicts
that layer, and the supply's voltage and frequency are set for it.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Discriminator, Field, Tag, field_validator

from accelsim.errors import ConfigError
from accelsim.inputs.paths import KeyPath, format_path
from accelsim.inputs.validation import ConfigModel, RuleError
from accelsim.requests.draws import stream, uniform
from accelsim.requests.exit_statistics import (
    MEASURED_LAYERS,
    Weights,
    maximum_entropy,
    measured_exits,
    measured_predictions,
)
from accelsim.requests.per_task import PerTask, PositiveSeconds
from accelsim.requests.request import Request

Found = TypeVar("Found")
Weight = Annotated[float, Field(ge=0, le=1e12)]
# Entropy of a classifier's output in nats: at most ln 3 = 1.0986, for the three classes of MNLI.
Threshold = Annotated[float, Field(gt=0, le=1.1)]
LayerNumber = Annotated[int, Field(ge=1, le=1000)]
_WHOLE = re.compile(r"[-+]\d{1,3}|\d{1,4}")


class MeanLayer(ConfigModel):
    """Exit layers of a mean, with the shape of maximum entropy."""

    mean: Annotated[float, Field(ge=1, le=1000)]


class LayerHistogram(ConfigModel):
    """Relative weights of the exit layers, one a layer of the model, layer 1 first."""

    histogram: list[Weight]

    @field_validator("histogram")
    @classmethod
    def _some_weight(cls, weights: list[float]) -> list[float]:
        if not sum(weights):
            raise ValueError("all weights are 0; expected one weight a layer, such as [3, 2, 1]")
        return weights


class PredictionErrors(ConfigModel):
    """Relative weights of predicted layer minus exit layer, such as ``{-1: 1, 0: 7, 1: 2}``."""

    errors: dict[str, Weight]

    @field_validator("errors")
    @classmethod
    def _whole_layers(cls, errors: dict[str, float]) -> dict[str, float]:
        for layers in errors:
            if not _WHOLE.fullmatch(layers):
                message = "expected a whole number of layers as key, such as -1, 0 or 1"
                raise RuleError(((layers,), message))
        if not sum(errors.values()):
            raise ValueError("all weights are 0; expected weights such as {-1: 1, 0: 7, 1: 2}")
        return errors


def _form(value: object) -> str | None:
    """Return which of the forms of a layer or a prediction a value has."""
    if isinstance(value, LayerHistogram) or (isinstance(value, dict) and "histogram" in value):
        return "histogram"
    if isinstance(value, (MeanLayer, PredictionErrors, dict)):
        return "mapping"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return "word" if isinstance(value, str) else None


def _one_of(expected: str) -> Discriminator:
    """Return what tells the forms apart, with one message where a union has many."""
    return Discriminator(_form, custom_error_type="form", custom_error_message=expected)


LayerSource = Annotated[
    Annotated[Literal["measured"], Tag("word")]
    | Annotated[LayerNumber, Tag("number")]
    | Annotated[MeanLayer, Tag("mapping")]
    | Annotated[LayerHistogram, Tag("histogram")],
    _one_of("Expected measured, a layer, {mean: 5.2} or {histogram: [3, 2, ...]}"),
]
Prediction = Annotated[
    Annotated[Literal["none", "exact", "measured"], Tag("word")]
    | Annotated[PredictionErrors, Tag("mapping")],
    _one_of("Expected none, exact, measured or {errors: {-1: 1, 0: 7, 1: 2}}"),
]
LayerSources = Annotated[
    LayerSource | dict[str, LayerSource], PerTask(LayerSource, keys=("mean", "histogram"))
]
Predictions = Annotated[Prediction | dict[str, Prediction], PerTask(Prediction, keys=("errors",))]
Thresholds = Annotated[float | dict[str, float], PerTask(Threshold)]


class EarlyExitConfig(ConfigModel):
    """Early exit of a workload's sentences.

    ``exit_layer`` is where the entropy allows a sentence to leave: ``measured``, a layer, a mean, a
    histogram, or one of these by task; a task without one must bring it with its requests.
    ``threshold`` (nats) picks the measured statistic. ``prediction`` is what is foretold after
    layer 1; a sentence that leaves there needs no prediction, and all others are predicted to leave
    later. At the predicted layer a sentence leaves at the latest (``exit``, as EdgeBERT), or goes
    on until its entropy allows it. ``heads`` says whether all layers share one classifier or have
    their own, as EdgeBERT's. With a ``latency_target`` (s) the host sets voltage and frequency.
    """

    exit_layer: LayerSources | None = None
    threshold: Thresholds | None = None
    prediction: Predictions = "none"
    at_prediction: Literal["exit", "continue"] = "exit"
    heads: Literal["shared", "per_layer"] = "per_layer"
    latency_target: PositiveSeconds | None = None
    seed: Annotated[int, Field(ge=0, le=10**18)] = 1

    def draw(self, requests: Sequence[Request], layers: Mapping[str, int]) -> list[Request]:
        """Return the requests, in their order, with exit and predicted layers filled in.

        ``layers`` are those of a task's model; a task without runs them all. What a request brings
        along wins. Every task has random numbers of its own, the same whatever the other tasks do,
        and each of its requests takes its turn, filled in before or not. Raises ConfigError as
        ``problems`` says, and for a request that has no exit layer from anywhere or leaves after
        the model's last one.
        """
        asked = {request.task for request in requests}
        leaving = {task: depth for task, depth in layers.items() if task in asked}
        for path, message in self._misfits(leaving):
            raise ConfigError(f"early_exit.{format_path(path)}: {message}")
        draws = {task: _Draws(self, task, depth) for task, depth in leaving.items()}
        return [draws[r.task].fill(r) if r.task in draws else r for r in requests]

    def problems(
        self, tasks: Collection[str], layers: Mapping[str, int]
    ) -> Iterator[tuple[KeyPath, str]]:
        """Yield what does not fit a workload's tasks or the depth of their models, by key path."""
        if not layers:
            yield (), "no model here has a classifier behind its layers; leave it out"
        for key in ("exit_layer", "threshold", "prediction"):
            value = getattr(self, key)
            for task in value if isinstance(value, dict) else ():
                if task not in tasks:
                    known = ", ".join(tasks)
                    yield (key, task), f"not among the workload's tasks, which are {known}"
                elif task not in layers:
                    yield (key, task), "the model of this task runs all layers; leave it out"
        yield from dict.fromkeys(self._misfits(layers))

    def _misfits(self, layers: Mapping[str, int]) -> Iterator[tuple[KeyPath, str]]:
        for task, depth in layers.items():
            for weights in (self.exit_weights, self.prediction_weights):
                try:
                    weights(task, depth)
                except RuleError as error:
                    yield from error.problems

    def exit_weights(self, task: str, layers: int) -> Weights | None:
        """Return relative weights of a task's exit layers, None where its requests bring theirs.

        Raises RuleError with the key path of what does not fit a model of so many layers.
        """
        source, path = self._of_task("exit_layer", task)
        if isinstance(source, MeanLayer):
            _fit(path, source.mean <= layers, f"a mean of {source.mean:g}", layers)
            return maximum_entropy(source.mean, layers)
        if isinstance(source, LayerHistogram):
            count = len(source.histogram)
            _fit(path, count == layers, f"a histogram of {count} layers", layers)
            return tuple(source.histogram)
        if isinstance(source, int):
            _fit(path, source <= layers, f"layer {source}", layers)
            return _only(source, layers)
        return None if source is None else self._measured(measured_exits, task, layers, path)

    def prediction_weights(self, task: str, layers: int) -> Mapping[int, Weights] | None:
        """Return weights of predicted layers by exit layer, None for none. Raises RuleError."""
        prediction, path = self._of_task("prediction", task)
        if prediction in (None, "none"):
            return None
        if prediction == "measured":
            return self._measured(measured_predictions, task, layers, path)
        errors = [(0, 1.0)]
        if isinstance(prediction, PredictionErrors):
            errors = [(int(error), weight) for error, weight in prediction.errors.items()]
        return {layer: _predicted(layer, errors, layers) for layer in range(1, layers + 1)}

    def _measured(
        self, table: Callable[[str, float], Found], task: str, layers: int, path: KeyPath
    ) -> Found:
        threshold, at = self._of_task("threshold", task)
        if layers != MEASURED_LAYERS:
            known = f"measured on {MEASURED_LAYERS} layers, and this model has {layers}"
            advice = "give a mean or a histogram, and prediction errors, of your own"
            raise RuleError((path, f"{known}; {advice}"))
        if threshold is None:
            message = f"task '{task}' needs a threshold for what is measured, such as 0.28"
            raise RuleError((at, message))
        try:
            return table(task, threshold)
        except ValueError as error:
            raise RuleError((path, str(error))) from None

    def _of_task(self, key: str, task: str) -> tuple[Any, KeyPath]:
        """Return the value of a key for a task, None without one, and its key path."""
        value = getattr(self, key)
        if not isinstance(value, dict):
            return value, (key,)
        return value.get(task), (key, task) if task in value else (key,)


def _fit(path: KeyPath, fits: bool, what: str, layers: int) -> None:
    if not fits:
        raise RuleError((path, f"{what} does not fit this model, which has {layers} layers"))


def _only(layer: int, layers: int) -> Weights:
    return tuple(float(at == layer) for at in range(1, layers + 1))


def _predicted(layer: int, errors: Sequence[tuple[int, float]], layers: int) -> Weights:
    """Return the weights of the predicted layers of sentences that leave after ``layer``."""
    weights = [0.0] * layers
    for error, weight in errors:
        # Whoever stays after layer 1 is predicted to leave later, and at the last layer at most.
        weights[min(max(layer + error, 2), layers) - 1] += weight
    return _only(1, layers) if layer == 1 else tuple(weights)


class _Draws:
    """The random numbers of one task, and what they stand for."""

    def __init__(self, config: EarlyExitConfig, task: str, layers: int) -> None:
        exits = config.exit_weights(task, layers)
        predictions = config.prediction_weights(task, layers) or {}
        self._layers = layers
        self._exits = list(accumulate(exits or ()))
        self._predictions = {at: list(accumulate(each)) for at, each in predictions.items()}
        self._exit_numbers = stream(config.seed, "exit layer", task)
        self._prediction_numbers = stream(config.seed, "prediction", task)

    def fill(self, request: Request) -> Request:
        """Return the next request of the task with exit and predicted layer."""
        first, second = uniform(self._exit_numbers), uniform(self._prediction_numbers)
        leaves = request.exit_layer
        if leaves is None and self._exits:
            leaves = _pick(self._exits, first)
        if leaves is None or leaves > self._layers:
            wrong = "has no exit layer; give one with the request or in early_exit.exit_layer"
            if leaves is not None:
                wrong = f"leaves after layer {leaves}, and the model has {self._layers} layers"
            raise ConfigError(f"request {request.number} of task '{request.task}' {wrong}")
        predicted = request.predicted_layer
        if predicted is None and self._predictions:
            predicted = _pick(self._predictions[leaves], second)
        return replace(request, exit_layer=leaves, predicted_layer=predicted)


def _pick(cumulative: list[float], number: float) -> int:
    """Return the layer that a number between 0 and 1 falls on."""
    return bisect(cumulative, number * cumulative[-1]) + 1
