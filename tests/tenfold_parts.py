"""Ten times as much and a tenth of every number of a part off the chip: refused, paid or neither.

Paid is what moves the time or the energy of a fixed list of accesses and pauses, in some state in
which the part can rest, with some kind of its currents, at 300 or 350 K.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from tenfold import numbers

from accelsim.errors import AccelsimError
from accelsim.inputs.document import read_document
from accelsim.inputs.shipped import shipped_folder
from accelsim.machine.components.burst_memory import BurstMemoryConfig
from accelsim.machine.components.dram import DramConfig
from accelsim.machine.schema import load_hardware
from accelsim.memory.burst_memory import list_burst_memories, load_burst_memory
from accelsim.memory.dram import list_drams, load_dram
from accelsim.program import Range, Use
from accelsim.units import to_seconds, to_ticks

PARTS = (*list_drams(), *list_burst_memories())
_NUMBER = re.compile(r"([0-9][0-9.]*) ?([A-Za-z/]*)")
_SITE = load_hardware("hwconfigs/edgebert_overlapped.yaml", ()).site
# Address and size of accesses, and seconds of the pause before: rows in one bank and in others,
# turns of the data pins, sleeps shorter and longer than each part's least.
_ACCESSES = (
    ("read", 0, 20_000, 0.0), ("read", 16_384, 40, 0.0), ("write", 16_384, 40, 0.0),
    ("read", 32_768, 64, 0.0), ("write", 49_152, 64, 0.0), ("read", 0, 64, 0.0),
    ("read", 2_048, 32, 0.0), ("read", 6_144, 32, 0.0), ("read", 10_240, 32, 0.0),
    ("read", 14_336, 32, 0.0), ("read", 18_432, 32, 0.0), ("read", 22_528, 32, 0.0),
    ("read", 7, 1, 20e-9), ("write", 70_000, 9_000, 1e-5), ("read", 100_000, 5_000, 4e-3),
)  # fmt: skip


@lru_cache
def _data(name: str) -> Any:
    return read_document(_path(name)).data


def _path(name: str) -> Path:
    return shipped_folder("hwconfigs") / "technologies" / f"{name}.yaml"


def changes(name: str) -> Iterator[tuple[str, str]]:
    """Yield every path with ten times its number and a tenth of it, if it is not zero."""
    for path, value, unit in numbers(_data(name), number=_NUMBER):
        for factor in (10, 0.1):
            asked = value * factor
            if not unit or unit == "b":
                asked = max(1, round(asked)) if value.is_integer() else asked
            if value and asked != value:
                yield path, f"{asked:.6g} {unit}".strip()


def _changed(name: str, path: str, text: str) -> str:
    """Return the file of a part with one number changed."""
    *groups, last = path.split(".")
    data = group = copy.deepcopy(_data(name))
    for key in groups:
        group = group[key]
    group[last] = text if " " in text else json.loads(text)
    return yaml.safe_dump(data, sort_keys=False)


def _configurations(path: str, name: str) -> Iterator[DramConfig | BurstMemoryConfig]:
    if name in list_drams():
        for state in ("self_refresh", "power_down", "standby"):
            yield DramConfig(technology=path, idle_state=state)  # type: ignore[arg-type]
        for share in load_dram(path).self_refresh.partial:
            yield DramConfig(technology=path, refreshed=share)
        return
    for rest in load_burst_memory(path).rests:
        for kind in ("typical", "maximum"):
            yield BurstMemoryConfig(technology=path, idle_state=rest, currents=kind)  # type: ignore[arg-type]


def _outcome(config: DramConfig | BurstMemoryConfig, kelvin: float) -> tuple[float, float]:
    """Return the seconds in which all accesses are served, and their joules."""
    process = _SITE.process.model_copy(update={"temperature": kelvin})
    site = replace(_SITE, process=process)
    sheet, [server] = config.datasheet("dram", site), config.servers("dram", site).values()
    now, busy, joules = 0, 0, 0.0
    for action, address, size, pause in _ACCESSES:
        if action in sheet.prices:
            now += to_ticks(pause)
            ticks = server.occupancy(Use("dram", action, Range(address, size)), now)
            counts = dict(server.extra_amounts())
            joules += sum(sheet.prices[each].joules * count for each, count in counts.items())
            now, busy = now + ticks, busy + ticks
    now += to_ticks(1e-2)
    background = server.take_background(now)
    joules += sum(sheet.prices[each].joules * count for each, count in background.items())
    residency = server.residency.items()
    joules += sum(sheet.states[state] * to_seconds(ticks) for state, ticks in residency)
    return to_seconds(busy), joules


def _outcomes(path: Path, name: str) -> list[tuple[float, float]]:
    configurations = _configurations(str(path), name)
    return [_outcome(each, kelvin) for each in configurations for kelvin in (300.0, 350.0)]


def verdicts(name: str, folder: Path) -> dict[str, str]:
    """Return what each change of a part is: refused, paid or neither."""
    usual, found = _outcomes(_path(name), name), {}
    for path, text in changes(name):
        file = folder / "part.yaml"
        file.write_text(_changed(name, path, text), encoding="utf-8")
        try:
            found[f"{path}={text}"] = "neither" if _outcomes(file, name) == usual else "paid"
        except AccelsimError:
            found[f"{path}={text}"] = "refused"
    return found
