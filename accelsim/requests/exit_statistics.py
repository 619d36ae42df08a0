"""What was measured of EdgeBERT's early exits, and the least that a mean says about the rest.

The tables in ``data/`` come from the entropies that EdgeBERT's authors released: sentence by
sentence for SST-2, of which the whole distribution and the predictions are known; for QNLI and
MNLI the means alone. A mean is given the shape of maximum entropy, which assumes nothing else. For
SST-2 itself that shape has the measured standard deviation within 5 %, and puts 9 % (threshold
0.4) to 30 % (0.1) of the sentences at other layers.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

# All of it was measured on ALBERT-base.
MEASURED_LAYERS = 12

_DATA = Path(__file__).parent / "data"

# No distribution is steeper than this from layer to layer: e**-50 of the sentences is none. [ours]
_STEEPEST = 50.0

Weights = tuple[float, ...]


def maximum_entropy(mean: float, layers: int) -> Weights:
    """Return the probabilities of the layers from 1 that have a mean and assume nothing else.

    They are a geometric sequence, rising or falling (Jaynes, "Information Theory and Statistical
    Mechanics", Physical Review 106, 1957). ``mean`` is from 1 to ``layers``.
    """
    low, high = -_STEEPEST, _STEEPEST
    while low < (middle := (low + high) / 2) < high:
        reached = mean_layer(_geometric(middle, layers))
        low, high = (middle, high) if reached < mean else (low, middle)
    return _geometric(high, layers)


def _geometric(slope: float, layers: int) -> Weights:
    # From the largest weight down, so that nothing overflows.
    top = layers if slope > 0 else 1
    weights = [math.exp(slope * (layer - top)) for layer in range(1, layers + 1)]
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


def mean_layer(weights: Sequence[float]) -> float:
    """Return the mean layer, from 1, of relative weights by layer."""
    return math.fsum(at * weight for at, weight in enumerate(weights, 1)) / math.fsum(weights)


def measured_tasks() -> list[str]:
    """Return the tasks of which exit layers were measured."""
    return list(dict.fromkeys([task for task, _ in _histograms()] + [task for task, _ in _means()]))


def measured_exits(task: str, threshold: float) -> Weights:
    """Return relative weights of the 12 exit layers at an entropy threshold in nats.

    Counts of sentences for SST-2; else the maximum-entropy shape of the mean, interpolated between
    the thresholds that were measured. Raises ValueError for a task or threshold without data.
    """
    counts = _histograms().get((task, _milli(threshold)))
    return counts or maximum_entropy(_measured_mean(task, threshold), MEASURED_LAYERS)


def describe_exits(task: str, threshold: float) -> str:
    """Return in words where ``measured_exits`` come from, for reports. Raises as it does."""
    counts = _histograms().get((task, _milli(threshold)))
    if counts:
        return f"measured by EdgeBERT on {sum(counts):g} sentences at threshold {threshold:g}"
    mean = _measured_mean(task, threshold)
    return f"mean of {mean:.2f} measured by EdgeBERT at threshold {threshold:g}, shape assumed"


def _measured_mean(task: str, threshold: float) -> float:
    known = sorted(at for name, at in _histograms() if name == task)
    if known:
        raise ValueError(
            f"exit layers of {task} were measured at thresholds from {known[0] / 1000:.2f} to "
            f"{known[-1] / 1000:.2f} in steps of 0.01, not at {threshold:g}"
        )
    means = sorted((at / 1000, mean) for (name, at), mean in _means().items() if name == task)
    if not means:
        raise ValueError(
            f"no exit layers of task '{task}' were measured, only of "
            f"{', '.join(measured_tasks())}; give its mean, such as {{mean: 6}}"
        )
    for (low, first), (high, last) in pairwise(means):
        if low <= threshold <= high:
            return first + (last - first) * (threshold - low) / (high - low)
    raise ValueError(
        f"exit layers of {task} were measured at thresholds from {means[0][0]:.2f} to "
        f"{means[-1][0]:.2f}, not at {threshold:g}"
    )


def measured_predictions(task: str, threshold: float) -> dict[int, Weights]:
    """Return by exit layer how many sentences were predicted to leave after layer 1, 2, ... 12.

    Raises ValueError for a task or threshold without data.
    """
    known = _predictions()
    if (task, _milli(threshold)) in known:
        return known[task, _milli(threshold)]
    pairs = ", ".join(f"{name} at {at / 1000:.2f}" for name, at in known)
    raise ValueError(
        f"no predictions of task '{task}' at threshold {threshold:g} were measured, only of "
        f"{pairs}; write exact, none or {{errors: {{-1: 0.2, 0: 0.6, 1: 0.2}}}}"
    )


def _milli(threshold: float | str) -> float:
    """Return a threshold in thousandths: exact for one written in a table, else unlike any."""
    return round(float(threshold) * 1000, 6)


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (_DATA / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("#"))


@lru_cache(maxsize=1)
def _histograms() -> dict[tuple[str, float], Weights]:
    layers = [str(layer) for layer in range(1, MEASURED_LAYERS + 1)]
    return {
        (row["task"], _milli(row["threshold"])): tuple(float(row[layer]) for layer in layers)
        for row in _rows("edgebert_exit_layers.csv")
    }


@lru_cache(maxsize=1)
def _means() -> dict[tuple[str, float], float]:
    return {
        (row["task"], _milli(row["threshold"])): float(row["mean"])
        for row in _rows("edgebert_exit_means.csv")
    }


@lru_cache(maxsize=1)
def _predictions() -> dict[tuple[str, float], dict[int, Weights]]:
    found: dict[tuple[str, float], dict[int, list[float]]] = {}
    for row in _rows("edgebert_exit_predictions.csv"):
        by_exit = found.setdefault((row["task"], _milli(row["threshold"])), {})
        counts = by_exit.setdefault(int(row["exit"]), [0.0] * MEASURED_LAYERS)
        counts[int(row["predicted"]) - 1] = float(row["sentences"])
    return {
        key: {layer: tuple(counts) for layer, counts in sorted(by_exit.items())}
        for key, by_exit in found.items()
    }
