"""Energy of the logic against built accelerators, all scaled to one node and supply.

A product whose operands lie next to the array is run at each grade of the account; nothing is
fitted. Scopes differ, and scaling is uncertain: the verdict is whether what was published, scaled
by either rule and widened by the uncertainty, meets what lies between low and high.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from math import fsum
from pathlib import Path

from accelsim.evaluation import single
from accelsim.inputs.shipped import shipped_file
from accelsim.machine.components.base import Part
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.study.validation.check import Check, read_rows
from accelsim.values import dataclass

_NODE_NM, _VOLTAGE = 22.0, 0.8
_GRADES = ("low", "typical", "high")
_SHAPE = (256, 256, 768)
_CORE = (Part.COMPUTE, Part.BUFFERS)
# GAP9's clock.
_STANDING = ("clock.frequency=370 MHz", "scaling=null")
# Of a whole chip with another engine (bit-serial), host, caches and DMA: no verdict.
_WHOLE_CHIP = ("marginal", "standing")
_GROUP = "built accelerators"
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
        low, typical, high = (_simulated(row, grade) for grade in _GRADES)
        published = (row["name"], row["unit"], linear, other, float(row["uncertainty"]))
        judged, source = row["scope"] not in _WHOLE_CHIP, f"[{row['mark']}] {row['source']}"
        yield Witness(*published, low, typical, high, judged, source)


def logic_checks(found: Iterable[Witness]) -> Iterator[Check]:
    """Compare energy a MAC, and the power of a chip that waits, with published ones."""
    for one in found:
        text = f"{one.name}, typical"
        yield Check(_GROUP, text, one.unit, one.linear, one.typical, None, one.source)
        if one.judged:
            text, outside = f"{one.name}: outside low to high", 0.0 if one.meets else 1.0
            yield Check(_OUTSIDE, text, "1", 0.0, outside, 0.0, one.source)


def _scaled(row: Mapping[str, str]) -> tuple[float, float]:
    """Return a published figure at 22 nm and 0.8 V: by length x voltage^2, by Stillmaker."""
    linear = _NODE_NM / float(row["node_nm"]) * (_VOLTAGE / float(row["voltage_V"])) ** 2
    return float(row["value"]) * linear, float(row["value"]) * float(row["stillmaker"])


def _simulated(row: Mapping[str, str], grade: str) -> float:
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
    return load_hardware(
        shipped_file(f"hwconfigs/{name}.yaml"), (f"process.logic={grade}", *further)
    )
