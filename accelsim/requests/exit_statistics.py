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
from collections.abc import Mapping, Sequence
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


def measured_exits(task: str, threshold: float) -> Weights:
    """Return relative weights of the 12 exit layers at an entropy threshold in nats.

    Counts of sentences for SST-2; else the maximum-entropy shape of the mean, interpolated between
    the thresholds that were measured. Raises ValueError for a task or threshold without data.
    """
    counts = _table("edgebert_exit_layers.csv")
    if (task, _milli(threshold)) in counts:
        return _by_layer(counts[task, _milli(threshold)][0])
    known = sorted(at for name, at in counts if name == task)
    if known:
        raise ValueError(
            f"exit layers of {task} were measured at thresholds from {known[0] / 1000:.2f} to "
            f"{known[-1] / 1000:.2f} in steps of 0.01, not at {threshold:g}"
        )
    return maximum_entropy(_interpolated_mean(task, threshold), MEASURED_LAYERS)


def _interpolated_mean(task: str, threshold: float) -> float:
    table = _table("edgebert_exit_means.csv")
    means = sorted((at / 1000, row["mean"]) for (name, at), (row,) in table.items() if name == task)
    if not means:
        tasks = dict.fromkeys(name for name, _ in (*_table("edgebert_exit_layers.csv"), *table))
        wrong = f"no exit layers of task '{task}' were measured, only of {', '.join(tasks)}"
        raise ValueError(f"{wrong}; give its mean, such as {{mean: 6}}")
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
    known = _table("edgebert_exit_predictions.csv")
    if (task, _milli(threshold)) in known:
        found: dict[int, dict[str, float]] = {}
        for row in known[task, _milli(threshold)]:
            counts = found.setdefault(int(row["exit"]), {})
            counts[f"{row['predicted']:g}"] = row["sentences"]
        return {layer: _by_layer(counts) for layer, counts in sorted(found.items())}
    pairs = ", ".join(f"{name} at {at / 1000:.2f}" for name, at in known)
    raise ValueError(
        f"no predictions of task '{task}' at threshold {threshold:g} were measured, only of "
        f"{pairs}; write exact, none or {{errors: {{-1: 0.2, 0: 0.6, 1: 0.2}}}}"
    )


def _by_layer(counts: Mapping[str, float]) -> Weights:
    return tuple(counts.get(str(layer), 0.0) for layer in range(1, MEASURED_LAYERS + 1))


def _milli(threshold: float | str) -> float:
    """Return a threshold in thousandths: exact for one written in a table, else unlike any."""
    return round(float(threshold) * 1000, 6)


@lru_cache(maxsize=4)
def _table(name: str) -> dict[tuple[str, float], list[dict[str, float]]]:
    """Return the rows of a table, all numbers, by task and threshold in thousandths."""
    found: dict[tuple[str, float], list[dict[str, float]]] = {}
    with (_DATA / name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            key = row.pop("task"), _milli(row.pop("threshold"))
            found.setdefault(key, []).append({column: float(row[column]) for column in row})
    return found
