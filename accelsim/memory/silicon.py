"""What was built and measured, beside NVSim: figures that replace an array's, by their source."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field, model_validator

from accelsim.inputs.quantities import Fraction, Joules, Kelvin, Seconds, SquareMeters, Watts
from accelsim.inputs.validation import ConfigModel, RuleError, validate
from accelsim.memory.arrays import ALL_FIGURES, Array
from accelsim.memory.files import load_file
from accelsim.memory.technology import Grade

Number = Annotated[float, Field(gt=0)]
Value = TypeVar("Value")
_MIB = 2**20
_WRITING = ("write_latency", "write_energy", "device")
# What each line of a cell is a figure of, and what it is stated for.
_FIGURES = {
    "area_multiplier": ("area", "NVSim's area"),
    "area_per_bit": ("area", "bits"),
    "read_latency": ("read_latency", "array"),
    "read_energy_per_bit": ("read_energy", "word"),
    "write_time_per_bit": ("write_latency", "word"),
    "write_energy_per_bit": ("write_energy", "word"),
    "leakage_per_mebibyte": ("leakage", "mebibytes"),
    "retention_per_mebibyte": ("retained_leakage", "mebibytes"),
}


class Measured(ConfigModel, Generic[Value]):
    """A figure in three grades; one that nothing was measured for is None, and replaces nothing."""

    low: Value | None = None
    typical: Value | None = None
    high: Value | None = None
    source: str

    def at(self, grade: Grade) -> Value | None:
        """Return the value of a grade."""
        value: Value | None = getattr(self, grade)
        return value


class Leakage(ConfigModel):
    """The temperature [K] that leakages were measured at, and how many kelvin double them."""

    temperature: Kelvin
    doubling: Measured[Kelvin]


class SiliconCell(ConfigModel):
    """Figures of memories with some cells: macros, peripheral circuits included.

    ``area_multiplier`` is on NVSim's area, where only cells are known.
    """

    technologies: list[str]
    bits_per_cell: int
    area_multiplier: Measured[Number] | None = None
    area_per_bit: Measured[SquareMeters] | None = None
    read_latency: Measured[Seconds] | None = None
    read_energy_per_bit: Measured[Joules] | None = None
    write_time_per_bit: Measured[Seconds] | None = None
    write_energy_per_bit: Measured[Joules] | None = None
    leakage_per_mebibyte: Measured[Watts] | None = None
    retention_per_mebibyte: Measured[Watts] | None = None

    @model_validator(mode="after")
    def _no_grade_falls_back(self) -> SiliconCell:
        """Refuse a figure with a typical value and no other grade: NVSim's would stand in."""
        wrong = [
            ((line,), f"no '{grade}' of '{figure}'; repeat the nearest that was measured")
            for line, (figure, _) in _FIGURES.items()
            for grade in ("low", "high")
            if _at(getattr(self, line), "typical") is not None
            and all(
                _at(getattr(self, n), grade) is None for n in _FIGURES if _FIGURES[n][0] == figure
            )
        ]
        if wrong:
            raise RuleError(*wrong)
        return self


class Silicon(ConfigModel):
    """Schema of ``silicon.yaml``; ``gated_leakage`` is a fraction, as in a machine's ``power``."""

    kind: Literal["silicon"]
    name: str
    leakage: Leakage
    gated_leakage: Measured[Fraction]
    wake_up_time: Measured[Seconds]
    cells: list[SiliconCell]


def load_silicon(name: str = "silicon") -> Silicon:
    """Return what was measured. Raises ConfigError for every problem of the file."""
    return load_file(name, _read, "measurements", "silicon")


def as_built(array: Array, measurements: str = "silicon") -> Array:
    """Return an array with the figures that were measured in the place of NVSim's.

    Figures by the bit are those of all bits of the capacity, or of the word; a macro writes its
    word bit by bit. Leakage doubles with every so many kelvin. What nothing was measured for, and
    every technology without measurements, stays; the array says so in its warnings.
    """
    file = load_silicon(measurements)
    cell = _cell_of(file, array)
    if cell is None:
        known = f"nothing was measured for {array.technology}, {array.bits_per_cell} b/cell"
        warnings = (*array.warnings, f"{known}: figures are NVSim's")
        return replace(array, warnings=warnings, unmeasured=ALL_FIGURES)
    found = _found(file, cell, array)
    return replace(array, **found, exact=False, **_said(array, cell, found))


def written_as_built(array: Array, measurements: str = "silicon") -> Array | None:
    """Return an array that is written as what was built; None where nobody measured that."""
    file = load_silicon(measurements)
    cell = _cell_of(file, array)
    found = _found(file, cell, array) if cell else {}
    if "write_energy" not in found:
        return None
    return replace(array, **{name: found[name] for name in _WRITING if name in found})


def _found(file: Silicon, cell: SiliconCell, array: Array) -> dict[str, Any]:
    """Return the figures of an array that were measured, at its grade and temperature."""
    grade = array.grade
    doubling = file.leakage.doubling.at(grade)
    heat = 2 ** ((array.temperature - file.leakage.temperature) / doubling) if doubling else 1.0
    scales = {
        "NVSim's area": array.area,
        "bits": 8 * array.capacity,
        "array": 1,
        "word": array.word,
        "mebibytes": array.capacity / _MIB * heat,
    }
    found: dict[str, Any] = {}
    for line, (figure, per) in _FIGURES.items():
        value = _at(getattr(cell, line), grade)
        if value is not None:
            found[figure] = value * scales[per]
    if "write_energy" in found:
        # The measured write has its pulses and verifying reads in it.
        changes = {"write_pulse": None, "verify_steps": None, "write_energy": None}
        found["device"] = array.device.model_copy(update=changes)
    return found


def _said(array: Array, cell: SiliconCell, found: dict[str, Any]) -> dict[str, Any]:
    figures = ("area", "read_latency", "write_latency", "read_energy", "write_energy", "leakage")
    kept = tuple(name.replace("_", " ") for name in figures if name not in found)
    unmeasured = ALL_FIGURES if len(kept) == len(figures) else kept
    more = (f"not measured, so NVSim's: {', '.join(kept)}",) if kept else ()
    lines = filter(None, (getattr(cell, line) for line in _FIGURES))
    sources = "; ".join(dict.fromkeys(line.source for line in lines))
    source = f"silicon.yaml: {sources}; the rest: {array.source}"
    return {"warnings": (*array.warnings, *more), "unmeasured": unmeasured, "source": source}


def _cell_of(file: Silicon, array: Array) -> SiliconCell | None:
    for cell in file.cells:
        if array.technology in cell.technologies and array.bits_per_cell == cell.bits_per_cell:
            return cell
    return None


def _at(line: Measured[Any] | None, grade: Grade) -> float | None:
    return line.at(grade) if line else None


_read = partial(validate, kind=Silicon)
