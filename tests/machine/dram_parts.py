"""LPDDR4-3200, variants of it, and latencies as sums of named timings."""

from __future__ import annotations

from typing import Any

from accelsim.machine.timing.dram_channel import DramChannel
from accelsim.memory.dram import DramTechnology, load_dram
from accelsim.units import Tick, to_ticks

PART = load_dram("lpddr4_3200")
PAGE = PART.organisation.page_size
BURST = PART.organisation.burst_size
SAME_BANK = PART.organisation.banks * PAGE  # The distance of consecutive rows of one bank.
NANOSECOND = 10**6


def ticks(part: DramTechnology, name: str) -> Tick:
    """The ticks of a timing by its JEDEC name; B is one burst."""
    if name == "B":
        return to_ticks(part.burst_time)
    fields = type(part.timing).model_fields
    return to_ticks(next(getattr(part.timing, key) for key in fields if fields[key].alias == name))


def total(part: DramTechnology, formula: str) -> Tick:
    """The sum of timings such as ``tRCD + tRL + B``."""
    return sum(ticks(part, name) for name in formula.split(" + "))


def variant(timing: dict[str, str] | None = None, **organisation: Any) -> DramTechnology:
    """LPDDR4-3200 with some timings and another organisation."""
    data = {**PART.model_dump(by_alias=True), "self_refresh": PART.self_refresh}
    for rail in filter(None, data["power"].values() if timing else ()):
        if isinstance(rail, dict):  # an activation that takes current, however short it is
            rail["IDD0"] = 2 * max(rail["IDD0"], rail["IDD2N"], rail["IDD3N"])
    for group in ("timing", "power"):
        data[group] = _with_units(data[group])
    data["timing"].update(timing or {})
    shape = {**data["organisation"], **organisation}
    shape["device_width"] = f"{shape['device_width']} b"
    shape["page_size"] = f"{shape['page_size']} B"
    return DramTechnology.model_validate({**data, "organisation": shape})


def _with_units(group: dict[str, Any]) -> dict[str, Any]:
    units = {"t": "s", "I": "A", "v": "V"}
    return {
        key: _with_units(value)
        if isinstance(value, dict)
        else f"{value!r} {units[key[0]]}"
        if isinstance(value, float)
        else value
        for key, value in group.items()
    }


def standby(part: DramTechnology = PART) -> DramChannel:
    return DramChannel(part, idle_state="standby")
