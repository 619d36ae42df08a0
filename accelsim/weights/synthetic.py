"""Weights where no file is given: seeded, with the published statistics of an untrained model.

No publication that we found gives the statistics of trained ALBERT weights tensor by tensor. What
is published is how they start, and that is what is drawn here. Trained weights have wider tails:
quantisation and pruning look better on these than they are.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Parameter, Role
from accelsim.weights.weight_set import Values, WeightSet

# ``initializer_range`` of the released ALBERT and BERT (google-research/albert and
# google-research/bert, modeling.py): normal, redrawn beyond two standard deviations.
_DEVIATION = 0.02
# Houlsby et al., "Parameter-Efficient Transfer Learning for NLP", ICML 2019, section 3.6.
_ADAPTER_DEVIATION = 0.01
_LARGEST = 2.0


def synthetic_weights(graph: LayerGraph, seed: int, task: str = "") -> WeightSet:
    """Return weights drawn from the initialisation of ALBERT, BERT and Houlsby's adapters.

    Matrices and embedding tables are normal with standard deviation 0.02 (adapters 0.01), redrawn
    beyond two standard deviations; biases are 0 and layer norms 1 and 0 (Devlin et al., NAACL
    2019; Lan et al., ICLR 2020; Houlsby et al., ICML 2019).

    Every tensor has its own stream: PCG64 of ``SeedSequence(seed, spawn_key=words)``, the eight
    32-bit little-endian words of the SHA-256 of its name. The name of a parameter of role ``task``
    is put behind ``task`` and a slash, so tasks differ in these alone.
    """
    ones = {
        operator.parameters[position].name
        for operator in graph.operators
        for position in operator.kind.ones
    }
    tensors = {p.name: _draw(p, seed, task, p.name in ones) for p in graph.parameters}
    for values in tensors.values():
        values.flags.writeable = False
    whose = f" for task {task}" if task else ""
    return WeightSet(
        tensors, f"synthetic, seed {seed}{whose}, statistics of an untrained model (std 0.02)"
    )


def _draw(parameter: Parameter, seed: int, task: str, is_one: bool) -> Values:
    if len(parameter.shape) == 1:
        return np.full(parameter.shape, float(is_one), np.float32)
    adapter = parameter.name.startswith("adapters.")
    deviation = _ADAPTER_DEVIATION if adapter else _DEVIATION
    key = f"{task}/{parameter.name}" if parameter.role is Role.TASK else parameter.name
    words = np.frombuffer(hashlib.sha256(key.encode()).digest(), "<u4").tolist()
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=words)))
    drawn = _truncated_normal(generator, parameter.elements)
    return (drawn * np.float32(deviation)).reshape(parameter.shape)


def _truncated_normal(generator: np.random.Generator, count: int) -> Values:
    values = generator.standard_normal(count, np.float32)
    beyond: Any = np.flatnonzero(np.abs(values) > _LARGEST)
    while beyond.size:
        values[beyond] = generator.standard_normal(beyond.size, np.float32)
        beyond = beyond[np.abs(values[beyond]) > _LARGEST]
    return values
