"""What was built and measured beside ours: arrays, accelerators, whole networks on chips.

Nothing is fitted. Of an accelerator a product whose operands lie next to the array is run at each
grade of the account of the logic. Scopes differ, and scaling to one node and supply is uncertain:
the verdict is whether what was published, scaled by either rule and widened by the uncertainty,
meets what lies between low and high.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import fsum
from pathlib import Path

from accelsim.accelerators import accelerator_of, load_machine
from accelsim.evaluation import single
from accelsim.evaluation.single import OperatorResult, run_program
from accelsim.inputs.shipped import shipped_file, shipped_folder
from accelsim.machine.components.base import Part
from accelsim.machine.regions import Region
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.mapping.cache import InferenceProgram, SegmentCache
from accelsim.memory.silicon import load_silicon
from accelsim.memory.storage import StorageConfig
from accelsim.memory.technology import load_technology
from accelsim.model.families import find_model
from accelsim.model.tensors import Role
from accelsim.placement.placement import place
from accelsim.study.validation.check import Check, read_rows

_MIB = 2**20


@dataclass(frozen=True)
class Gap:
    """One array beside the closest macros in capacity, of the same kind of cell.

    Ratios are built over ours, None where no such macro is known: of area a MiB (shrunk to our
    node with the square of the length), read energy a bit (as built), and leakage a MiB (heated to
    our temperature). ``macros`` name what each was compared with.
    """

    array: str
    area: float | None
    read_energy: float | None
    leakage: float | None
    macros: str


def built_gaps(folder: Path) -> Iterator[Gap]:
    """Yield every array that a shipped machine uses, once."""
    macros = list(read_rows(folder, "built_macros.csv"))
    seen = set()
    for path in sorted(shipped_folder("hwconfigs").glob("*.yaml")):
        for region in load_hardware(path).regions.values():
            array = region.array
            known = (array.technology, array.bits_per_cell, array.banks, array.word, array.target)
            if known not in seen:
                seen.add(known)
                yield _gap(region, macros)


def _gap(region: Region, macros: list[dict[str, str]]) -> Gap:
    array, size = region.array, region.array.capacity / _MIB
    cell = "SRAM" if load_technology(array.technology).volatile else array.technology
    doubling = load_silicon().leakage.doubling.typical or math.inf
    ours = {
        "area_mm2_per_MiB": 1e6 * array.area / size,
        "read_pJ_per_bit": 1e12 * array.read_energy / array.word,
        "leakage_mW_per_MiB": 1e3 * array.leakage / size,
    }
    found: dict[str, float] = {}
    names = []
    for figure, value in ours.items():
        alike = [
            macro
            for macro in macros
            if macro["cell"] == cell
            and int(macro["bits_per_cell"]) == array.bits_per_cell
            and macro[figure]
        ]
        if alike:
            macro = min(alike, key=lambda m: abs(math.log(1024 * size / float(m["capacity_KiB"]))))
            heat = 2 ** ((array.temperature - float(macro["temperature_K"])) / doubling)
            shrink = (1e9 * array.node / float(macro["node_nm"])) ** 2
            carried = {"area_mm2_per_MiB": shrink, "leakage_mW_per_MiB": heat}.get(figure, 1.0)
            found[figure] = float(macro[figure]) * carried / value
            names.append(f"{macro['name']} ({macro['confidence']})")
    cells = "" if array.volatile else f" {array.bits_per_cell} b/cell"
    return Gap(
        f"{array.technology}{cells} {array.composition}, {array.word} b, {array.target}",
        found.get("area_mm2_per_MiB"),
        found.get("read_pJ_per_bit"),
        found.get("leakage_mW_per_MiB"),
        "; ".join(dict.fromkeys(names)),
    )


_NODE_NM, _VOLTAGE = 22.0, 0.8
_GRADES = ("low", "typical", "high")
_SHAPE = (256, 256, 768)
_CORE = (Part.COMPUTE, Part.BUFFERS)
# GAP9's clock.
_STANDING = ("clock.frequency=370 MHz", "scaling=null")
# Of a whole chip with another engine (bit-serial), host, caches and DMA: no verdict.
_WHOLE_CHIP = ("marginal", "standing")
_OUTSIDE = "accelerators outside low to high"


@dataclass(frozen=True)
class Witness:
    """A published figure at 22 nm and 0.8 V by two rules of scaling, and ours of each grade.

    ``uncertainty`` is that of scaling, as a share. Of a whole chip with another engine there is no
    verdict.
    """

    name: str
    unit: str
    linear: float
    stillmaker: float
    uncertainty: float
    low: float
    typical: float
    high: float
    judged: bool
    source: str

    @property
    def meets(self) -> bool:
        """Whether the published range and ours have anything in common."""
        least, most = self.published
        return least <= self.high and most >= self.low

    @property
    def inside(self) -> bool:
        """Whether our typical figure lies in the published range."""
        least, most = self.published
        return least <= self.typical <= most

    @property
    def published(self) -> tuple[float, float]:
        """The least and the most that was published: both rules, widened by the uncertainty."""
        scaled = (self.linear, self.stillmaker)
        return min(scaled) * (1 - self.uncertainty), max(scaled) * (1 + self.uncertainty)


def witnesses(folder: Path) -> Iterator[Witness]:
    """Yield what was published of built accelerators, each beside ours."""
    for row in read_rows(folder, "accelerators.csv"):
        linear, other = _scaled(row)
        low, typical, high = (_spent(row, grade) for grade in _GRADES)
        published = (row["name"], row["unit"], linear, other, float(row["uncertainty"]))
        judged, source = row["scope"] not in _WHOLE_CHIP, f"[{row['mark']}] {row['source']}"
        yield Witness(*published, low, typical, high, judged, source)


def logic_checks(found: Iterable[Witness]) -> Iterator[Check]:
    """Compare energy a MAC, and the power of a chip that waits, with published ones."""
    for one in found:
        text = f"{one.name}, typical"
        yield Check("built accelerators", text, one.unit, one.linear, one.typical, None, one.source)
        if one.judged:
            text, outside = f"{one.name}: outside low to high", 0.0 if one.meets else 1.0
            yield Check(_OUTSIDE, text, "1", 0.0, outside, 0.0, one.source)


def _scaled(row: Mapping[str, str]) -> tuple[float, float]:
    """Return a published figure at 22 nm and 0.8 V: by length x voltage^2, by Stillmaker."""
    linear = _NODE_NM / float(row["node_nm"]) * (_VOLTAGE / float(row["voltage_V"])) ** 2
    return float(row["value"]) * linear, float(row["value"]) * float(row["stillmaker"])


def _spent(row: Mapping[str, str], grade: str) -> float:
    scope = row["scope"]
    if scope == "standing":
        hardware = _machine(row["machine"], grade, *_STANDING)
        return 1e3 * fsum(_watts(hardware, name) for name in hardware.datasheets)
    hardware = _machine(row["machine"], grade)
    made = single.run_alone(hardware, single.matmul(hardware, *_SHAPE))
    counted = [n for n, sheet in hardware.datasheets.items() if sheet.part in _CORE]
    joules = fsum(spent for (block, _), spent in made.dynamic.items() if block in counted)
    standing: dict[str, list[str]] = {"array": ["pe_array"], "core": counted, "marginal": []}
    watts = fsum(_watts(hardware, name) for name in standing[scope])
    joules += watts * made.seconds / float(row["utilisation"])
    return 1e12 * joules / made.amounts["pe_array", "mac"]


def _watts(hardware: HardwareConfig, name: str) -> float:
    """Return what a component takes whatever it does: leakage and clock."""
    sheet = hardware.datasheets[name]
    return (sheet.leakage or 0.0) + sheet.cycle * hardware.clock.frequency


@lru_cache(maxsize=16)
def _machine(name: str, grade: str, *further: str) -> HardwareConfig:
    changes = (f"process.logic={grade}", *further)
    return load_machine(shipped_file(f"hwconfigs/{name}.yaml"), changes)


_DENSE = {"format": "dense", "bits": 8}
_MLPERF = "MLPerf Tiny, tests/reference/measured_chips.csv; nothing is fitted"


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
        low, made, high = (_inferred(row, grade) for grade in _GRADES)
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
            told, pair = f"{text}, {name}", (scale * known, scale * ours)
            yield Check("measured chips", told, unit, *pair, None, _MLPERF)


def _figures(row: Mapping[str, str]) -> tuple[float, float]:
    return 1e-6 * float(row["energy_uJ"]), 1e-3 * float(row["time_ms"])


def _joules(made: OperatorResult) -> float:
    return fsum((*made.dynamic.values(), made.leakage, made.clock, made.standby))


def _inferred(row: Mapping[str, str], grade: str) -> OperatorResult:
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
