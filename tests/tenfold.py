"""Ask for ten times as much and a tenth of every number of two machines, and freeze what it costs.

A workload that sleeps in every state, reloads, exits early and scales its supply runs with each
change. ``reference/tenfold.json`` says by machine what is refused, what is worse in something
(``costly``), better in something and worse in nothing (``free``), and what changed nothing
(``idle``). Some minutes:

    PYTHONPATH=. python tests/tenfold.py
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.evaluation.stages import run_workload
from accelsim.inputs.shipped import shipped_folder
from accelsim.machine.files import hardware_document
from accelsim.workload.schema import load_workload

FROZEN = Path(__file__).with_name("reference") / "tenfold.json"
MACHINES = ("adapter_mixed", "systolic_npu_adapter")
WORKLOAD = (
    "model={name: custom, family: albert, vocabulary_size: 1000, embedding_size: 32, "
    "hidden_size: 64, layers: 12, heads: 2, intermediate_size: 256, maximum_positions: 128, "
    "type_vocabulary_size: 2, shared_layers: true, pooler: true}",
    "sequence_length=64",
    "requests={pattern: poisson, mean_interval: 50 ms, duration: 500 ms, lengths: full, seed: 1}",
    "idle={policy: timeout, clock_gated_after: 0 s, retention_after: 200 us, off_after: 2 ms}",
)
CASE = (
    "cases={one: {hardware: ../hwconfigs/%s.yaml, adaptation: {method: houlsby, bottleneck: 32}, "
    "storage: {embedding: {format: bitmask, bits: 8, density: 0.26}, backbone: {format: bitmask, "
    "bits: 8, density: 0.27}, task: {format: dense, bits: 8}}, early_exit: {heads: shared, "
    "exit_layer: measured, threshold: {SST-2: 0.28, QNLI: 0.3, MNLI: 0.3}, prediction: "
    "{SST-2: exact, QNLI: exact, MNLI: exact}, latency_target: 30 ms}}}"
)
# What a change may cost more of.
FIGURES = ("energy [J]", "area [m2]", "latency of all requests [s]")


def figures(machine: str, *changes: str) -> tuple[float, ...] | None:
    """Return what a machine costs, None where it is refused."""
    try:
        workload = load_workload("workloads/early_exit.yaml", (*WORKLOAD, CASE % machine, *changes))
        [case] = run_workload(workload).cases.values()
    except (AccelsimError, OverflowError):
        return None
    late = math.fsum(request.end - request.arrival for request in case.run.requests)
    area = math.fsum(case.figures.prices.areas.values())
    return case.figures.account.total, area, late / 1e15


_NUMBER = re.compile(r"([0-9][0-9.]*) ?([A-Za-z]*)")


def numbers(
    section: Mapping[str, Any], path: str = "", number: re.Pattern[str] = _NUMBER
) -> Iterator[tuple[str, float, str]]:
    """Yield path, number and unit of every number of a file."""
    for key, value in section.items():
        name = f"{path}.{key}"
        if isinstance(value, list):
            value = {str(place): each for place, each in enumerate(value)}
        if isinstance(value, Mapping):
            yield from numbers(value, name, number)
        elif not isinstance(value, bool) and (found := number.fullmatch(str(value))):
            yield name.removeprefix("."), float(found[1]), found[2]


def changes(machine: str) -> Iterator[str]:
    """Yield every change: ten times as much and a tenth, whole where the file has a whole number.

    Of what is zero there is neither.
    """
    document = hardware_document(shipped_folder("hwconfigs") / f"{machine}.yaml", ())
    for path, value, unit in numbers(document.data):
        for factor in (10, 0.1):
            asked = value * factor
            if value.is_integer() and unit in ("", "b"):
                asked = max(1, round(asked))
            if value and asked != value:
                yield f"{path}={asked:.6g} {unit}".strip()


def verdict(machine: str, usual: tuple[float, ...], change: str) -> str:
    """Return what a change is: refused, costly, free or idle."""
    found = figures(machine, f"hardware.{change}")
    if found is None:
        return "refused"
    moved = [new / old - 1 for new, old in zip(found, usual, strict=True)]
    if max(moved) > 1e-9:
        return "costly"
    return "free" if min(moved) < -1e-9 else "idle"


def tenfold(machine: str) -> dict[str, str]:
    """Return what each change of a machine is."""
    asked, usual = list(changes(machine)), figures(machine)
    assert usual is not None
    with ProcessPoolExecutor(2) as pool:
        return dict(zip(asked, pool.map(partial(verdict, machine, usual), asked), strict=True))


if __name__ == "__main__":
    FROZEN.write_text(json.dumps({each: tenfold(each) for each in MACHINES}, indent=1) + "\n")
