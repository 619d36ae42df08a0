"""Throughput of every step in MB of float32 weights a second; run as a script."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from accelsim.weights.number_formats import fit
from accelsim.weights.pruning import prune
from accelsim.weights.settings import NumberFormat

SHAPE = (3072, 768)  # a feed-forward matrix of ALBERT-base: 9.4 MB
DENSITY = 0.27


def measure(step: Callable[[], Any]) -> float:
    times = []
    for _ in range(7):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return 4e-6 * SHAPE[0] * SHAPE[1] / min(times)


def steps() -> Iterator[tuple[str, Callable[[], Any]]]:
    generator = np.random.default_rng(1)
    dense = generator.standard_normal(SHAPE, np.float32)
    yield "prune", lambda: prune(dense, DENSITY)
    values = prune(dense, DENSITY)
    for kind in ("symmetric", "affine", "adaptivfloat"):
        for per in ("tensor", "row"):
            how = NumberFormat(kind=kind, scale_per=per)  # type: ignore[arg-type]
            numbers = fit(values, 8, how)
            codes = numbers.encode(values)
            yield f"fit {kind} {per}", lambda how=how: fit(values, 8, how)
            yield f"encode {kind} {per}", lambda n=numbers: n.encode(values)
            yield f"decode {kind} {per}", lambda n=numbers, c=codes: n.decode(c)


if __name__ == "__main__":
    for name, step in steps():
        print(f"{name:30} {measure(step):8.0f} MB/s")  # noqa: T201
