"""Whole networks on chips that were built and measured, described after public data alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from math import fsum
from pathlib import Path

from accelsim.accelerators import accelerator_of, load_machine
from accelsim.evaluation.single import OperatorResult, run_program
from accelsim.inputs.shipped import shipped_file
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.cache import InferenceProgram, SegmentCache
from accelsim.memory.storage import StorageConfig
from accelsim.model.families import find_model
from accelsim.model.tensors import Role
from accelsim.placement.placement import place
from accelsim.study.validation.check import Check, read_rows
from accelsim.values import dataclass

_DENSE = {"format": "dense", "bits": 8}
_GROUP = "measured chips"
_GRADES = ("low", "typical", "high")
_SOURCE = "MLPerf Tiny, tests/reference/measured_chips.csv; nothing is fitted"


@dataclass(frozen=True)
class Measurement:
    """A network on a chip: energy [J] and time [s] of an inference, measured and simulated.

    ``low`` and ``high`` are joules with the logic at these grades, ``others`` joules and seconds
    that other chips were measured to take, by their names.
    """

    chip: str
    network: str
    energy: float
    time: float
    simulated_energy: float
    simulated_time: float
    low: float
    high: float
    others: Mapping[str, tuple[float, float]]

    @property
    def energy_ratio(self) -> float:
        """Simulated over measured."""
        return self.simulated_energy / self.energy

    @property
    def time_ratio(self) -> float:
        """Simulated over measured."""
        return self.simulated_time / self.time


def measurements(folder: Path) -> Iterator[Measurement]:
    """Yield each network at each operating point of the chips that there is a machine of."""
    rows = list(read_rows(folder, "measured_chips.csv"))
    for row in rows:
        if not row["machine"]:
            continue
        low, made, high = (_simulated(row, grade) for grade in _GRADES)
        others = {
            other["chip"]: _figures(other)
            for other in rows
            if not other["machine"] and other["model"] == row["model"]
        }
        name = f"{row['chip']} {row['voltage_V']} V"
        simulated = (_joules(made), made.seconds, _joules(low), _joules(high))
        yield Measurement(name, row["model"], *_figures(row), *simulated, others)


def measured_checks(found: Iterable[Measurement]) -> Iterator[Check]:
    """Report energy and time of each network, without a verdict."""
    for one in found:
        text = f"{one.chip}: {one.network}"
        pairs = (
            ("energy", "uJ", 1e6, one.energy, one.simulated_energy),
            ("time", "ms", 1e3, one.time, one.simulated_time),
        )
        for name, unit, scale, known, ours in pairs:
            yield Check(_GROUP, f"{text}, {name}", unit, scale * known, scale * ours, None, _SOURCE)


def _figures(row: Mapping[str, str]) -> tuple[float, float]:
    return 1e-6 * float(row["energy_uJ"]), 1e-3 * float(row["time_ms"])


def _joules(made: OperatorResult) -> float:
    return fsum((*made.dynamic.values(), made.leakage, made.clock, made.standby))


def _simulated(row: Mapping[str, str], grade: str) -> OperatorResult:
    machine, voltage = _machine(row["machine"], grade), float(row["voltage_V"])
    points = (point for point in machine.lower_points if point.voltage == voltage)
    made = _compiled(row["machine"], row["model"], int(row["classes"]))
    return run_program(machine, made.program, next(points, None))


@lru_cache(maxsize=16)
def _compiled(name: str, model: str, classes: int) -> InferenceProgram:
    """Return an inference with all weights dense, of 8 bits; prices do not change it."""
    machine = _machine(name, "typical")
    graph = find_model(model).build(sequence_length=1, classes=classes)
    storage = StorageConfig.model_validate({role.value: _DENSE for role in Role})
    placement = place(graph, storage, machine)
    return accelerator_of(machine).infer(graph, placement, machine, 0, SegmentCache())


@lru_cache(maxsize=4)
def _machine(name: str, grade: str) -> HardwareConfig:
    return load_machine(shipped_file(f"hwconfigs/{name}.yaml"), (f"process.logic={grade}",))
