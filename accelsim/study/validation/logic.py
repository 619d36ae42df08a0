"""Energy of the logic against built accelerators, all scaled to one node and supply.

A product whose operands lie next to the array is run at each grade of the account; nothing is
fitted. Scopes differ, and scaling is uncertain: the verdict is whether what was published, scaled
by either rule and widened by the uncertainty, meets what lies between low and high.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from accelsim.evaluation import single
from accelsim.inputs.shipped import shipped_file
from accelsim.machine.components.base import Part
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.study.validation.check import Check, read_rows

_NODE_NM, _VOLTAGE = 22.0, 0.8
_GRADES = ("low", "typical", "high")
_SHAPE = (256, 256, 768)
_CORE = (Part.COMPUTE, Part.BUFFERS)
# GAP9's clock.
_STANDING = ("clock.frequency=370 MHz", "scaling=null")
# Of a whole chip with another engine (bit-serial), host, caches and DMA: no verdict.
_WHOLE_CHIP = ("marginal", "standing")
_GROUP = "built accelerators"


def logic_checks(folder: Path) -> Iterator[Check]:
    """Compare energy a MAC, and the power of a chip that waits, with published ones."""
    for row in read_rows(folder, "accelerators.csv"):
        linear, other = _scaled(row)
        spread, name = float(row["uncertainty"]), row["name"]
        known = f"{name}: {linear:.3g} (L x V2) or {other:.3g} (Stillmaker) +-{spread:.0%}"
        ours = {grade: _simulated(row, grade) for grade in _GRADES}
        for grade, value in ours.items():
            yield Check(_GROUP, f"{known}, {grade}", row["unit"], linear, value, None, _source(row))
        if row["scope"] in _WHOLE_CHIP:
            continue
        meets = (
            min(linear, other) * (1 - spread) <= ours["high"]
            and max(linear, other) * (1 + spread) >= ours["low"]
        )
        text = f"{name}: outside low to high"
        yield Check(_GROUP, text, "1", 0.0, 0.0 if meets else 1.0, 0.0, _source(row))


def _scaled(row: Mapping[str, str]) -> tuple[float, float]:
    """Return a published figure at 22 nm and 0.8 V: by length x voltage^2, by Stillmaker."""
    linear = _NODE_NM / float(row["node_nm"]) * (_VOLTAGE / float(row["voltage_V"])) ** 2
    return float(row["value"]) * linear, float(row["value"]) * float(row["stillmaker"])


def _source(row: Mapping[str, str]) -> str:
    return f"[{row['mark']}] {row['source']}"


def _simulated(row: Mapping[str, str], grade: str) -> float:
    scope = row["scope"]
    if scope == "standing":
        hardware = _machine(row["machine"], grade, *_STANDING)
        return 1e3 * sum(_watts(hardware, name) for name in hardware.datasheets)
    hardware = _machine(row["machine"], grade)
    made = single.run_alone(hardware, single.matmul(hardware, *_SHAPE))
    counted = [n for n, sheet in hardware.datasheets.items() if sheet.part in _CORE]
    joules = sum(spent for (block, _), spent in made.dynamic.items() if block in counted)
    standing: dict[str, list[str]] = {"array": ["pe_array"], "core": counted, "marginal": []}
    watts = sum(_watts(hardware, name) for name in standing[scope])
    joules += watts * made.seconds / float(row["utilisation"])
    return 1e12 * joules / made.amounts["pe_array", "mac"]


def _watts(hardware: HardwareConfig, name: str) -> float:
    """Return what a component takes whatever it does: leakage and clock."""
    sheet = hardware.datasheets[name]
    return (sheet.leakage or 0.0) + sheet.cycle * hardware.clock.frequency


@lru_cache(maxsize=16)
def _machine(name: str, grade: str, *further: str) -> HardwareConfig:
    return load_hardware(
        shipped_file(f"hwconfigs/{name}.yaml"), (f"process.logic={grade}", *further)
    )
