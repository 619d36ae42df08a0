"""Weights where no file is given: seeded, with the statistics of trained encoders.

Trained weights have long tails: up to 175 standard deviations. They decide what a number format,
whose range follows the greatest value, makes of the rest, and how far a misread cell can throw a
weight: weights as an untrained model draws them understate the harm of faults tenfold.
"""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.model.graph import LayerGraph
from accelsim.model.operators import LAYER_NORM, RMS_NORM
from accelsim.model.tensors import Parameter, Role
from accelsim.weights.weight_set import Values, WeightSet

_STATISTICS = Path(__file__).parent / "trained_encoders.csv"
# ``initializer_range`` of the released ALBERT and BERT (google-research/albert and
# google-research/bert, modeling.py): normal, redrawn beyond two standard deviations.
_DEVIATION = 0.02
# Houlsby et al., "Parameter-Efficient Transfer Learning for NLP", ICML 2019, section 3.6.
_ADAPTER_DEVIATION = 0.01
_LARGEST = 2.0


@dataclass(frozen=True)
class Tails:
    """How the values of a kind of tensor are distributed about their mean.

    ``magnitudes`` [standard deviations] are exceeded with the probabilities e^-``rarity``; the
    last of them is the greatest of all values.
    """

    mean: float
    deviation: float
    rarity: tuple[float, ...]
    magnitudes: tuple[float, ...]

    def draw(self, generator: np.random.Generator, count: int) -> Values:
        """Return values whose magnitudes have the quantiles, linear in e^-rarity's exponent."""
        rarity = generator.standard_exponential(count, np.float32)
        values = np.interp(rarity, self.rarity, self.magnitudes).astype(np.float32)
        values[generator.integers(2, size=count, dtype=np.uint8) == 1] *= -1
        return values * np.float32(self.deviation) + np.float32(self.mean)


def synthetic_weights(graph: LayerGraph, seed: int, task: str = "") -> WeightSet:
    """Return weights with the statistics of a trained encoder, tensor by tensor.

    The encoder is that of ``trained_encoders.csv`` which shares most kinds of tensor with the
    graph; means, deviations, tails and greatest values are those of its kind, values are
    independent and their signs even (trained outliers stand together in few rows and columns).
    What has no trained statistics is drawn as published for the start of training: matrices
    normal with standard deviation 0.02 (adapters 0.01), redrawn beyond two standard deviations,
    biases 0, layer norms 1 and 0 (Devlin et al., NAACL 2019; Lan et al., ICLR 2020; Houlsby et
    al., ICML 2019). These are adapters, heads and other families of models. In a network without
    norms of rows, whose batch norms are folded or scale alone, matrices have the deviation that
    keeps the size of activations behind ReLU: the root of 2 over the products of an output (He et
    al., ICCV 2015).

    Every tensor has its own stream: PCG64 of ``SeedSequence(seed, spawn_key=words)``, the eight
    32-bit little-endian words of the SHA-256 of its name. The name of a parameter of role ``task``
    is put behind ``task`` and a slash, so tasks differ in these alone.
    """
    kinds = {_kind(parameter.name) for parameter in graph.parameters}
    encoder, trained = max(_encoders().items(), key=lambda pair: len(kinds & pair[1].keys()))
    encoder = encoder if kinds & trained.keys() else ""
    ones = {
        operator.parameters[position].name
        for operator in graph.operators
        for position in operator.kind.ones
    }
    normed = any(operator.kind in (LAYER_NORM, RMS_NORM) for operator in graph.operators)
    tensors = {}
    for parameter in graph.parameters:
        name = parameter.name
        key = f"{task}/{name}" if parameter.role is Role.TASK else name
        tails = trained.get(_kind(name))
        drawn = (
            tails.draw(_stream(seed, key), parameter.elements).reshape(parameter.shape)
            if tails
            else _untrained(parameter, _stream(seed, key), normed, name in ones)
        )
        drawn.flags.writeable = False
        tensors[name] = drawn
    whose = f" for task {task}" if task else ""
    how = f"statistics of a trained encoder ({encoder})" if encoder else "as an untrained model"
    return WeightSet(tensors, f"synthetic, seed {seed}{whose}, {how}")


def _kind(name: str) -> str:
    """Return a parameter's name without the numbers of layers."""
    return re.sub(r"\.\d+(?=\.)", "", name)


@lru_cache(maxsize=1)
def _encoders() -> dict[str, dict[str, Tails]]:
    """Return the statistics of each encoder by kind of tensor."""
    lines = (line for line in _STATISTICS.read_text().splitlines() if not line.startswith("#"))
    encoders: dict[str, dict[str, Tails]] = {}
    for row in csv.DictReader(lines):
        elements, deviation = int(row["elements"]), float(row["std"])
        chances = [each for each in _CHANCES.items() if each[1] * elements > 1]
        known = [(chance, float(row[column])) for column, chance in chances]
        known.append((1 / elements, float(row["greatest"])))
        encoders.setdefault(row["encoder"], {})[row["kind"]] = Tails(
            mean=deviation * float(row["mean"]),
            deviation=deviation,
            rarity=(0.0, *(-float(np.log(chance)) for chance, _ in known)),
            magnitudes=(0.0, *(magnitude for _, magnitude in known)),
        )
    return encoders


_CHANCES = {"q50": 0.5, "q90": 0.1, "q99": 1e-2, "q999": 1e-3, "q9999": 1e-4}


def _stream(seed: int, key: str) -> np.random.Generator:
    words = np.frombuffer(hashlib.sha256(key.encode()).digest(), "<u4").tolist()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=words)))


def _untrained(
    parameter: Parameter, generator: np.random.Generator, normed: bool, is_one: bool
) -> Values:
    if len(parameter.shape) == 1:
        return np.full(parameter.shape, float(is_one), np.float32)
    adapter = parameter.name.startswith("adapters.")
    alone = _DEVIATION if normed else (2 / parameter.shape[1]) ** 0.5
    deviation = _ADAPTER_DEVIATION if adapter else alone
    drawn = _truncated_normal(generator, parameter.elements)
    return (drawn * np.float32(deviation)).reshape(parameter.shape)


def _truncated_normal(generator: np.random.Generator, count: int) -> Values:
    values = generator.standard_normal(count, np.float32)
    beyond: Any = np.flatnonzero(np.abs(values) > _LARGEST)
    while beyond.size:
        values[beyond] = generator.standard_normal(beyond.size, np.float32)
        beyond = beyond[np.abs(values[beyond]) > _LARGEST]
    return values
