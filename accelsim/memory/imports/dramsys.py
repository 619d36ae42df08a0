"""DRAMSys memspecs (JSON) as DRAM parts: organisation, timings in clocks, currents by rail.

Of today's files (tukl-msd/DRAMSys 3ff9a99: ``tCK`` in seconds, currents in amperes) and of those
before (``clkMhz``, milliamperes). A memspec says nothing of self-refresh by temperature: that of
another part is taken, as the currents are where a memspec has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from accelsim.errors import ConfigError
from accelsim.memory.imports.points import plain

MARK = "memspec"
# Names of a memspec, the first that is there -> of a DRAM part.
_CLOCKS = {
    "tRCD": ("RCD",), "tRP": ("RPpb", "RP"), "tRPab": ("RPab", "RP"), "tRAS": ("RAS",),
    "tRL": ("RL",), "tWL": ("WL",), "tWR": ("WR",), "tRTP": ("RTP",), "tWTR": ("WTR", "WTR_L"),
    "tCCD": ("CCD", "CCD_L"), "tRRD": ("RRD", "RRD_L"), "tFAW": ("FAW",),
    "tRFCab": ("RFCab", "RFC1", "RFC"), "tREFI": ("REFI", "REFI1"), "tXP": ("XP",),
    "tCKE": ("CKE",), "tXSR": ("XSR", "XS"), "tSR": ("SR", "CKESR"),
}  # fmt: skip
_CURRENTS = ("IDD0", "IDD2P", "IDD2N", "IDD3N", "IDD4R", "IDD4W", "IDD5", "IDD6")
# Rails of a part, and what a memspec appends to the name of a current on it.
_RAILS = {"VDD1": "1", "VDD2": "2", "VDDQ": "q"}
_LPDDR = ("LPDDR", "WIDEIO")
_REFRESH = ("tRFCab", "tREFI")
Part = dict[str, Any]


def read_memspec(text: str, file: str) -> Mapping[str, Any]:
    """Return the ``memspec`` of a file. Raises ConfigError for what is no such JSON."""
    try:
        found = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise ConfigError(f"{file}: no JSON: {error}") from None
    spec = found.get(MARK) if isinstance(found, dict) else None
    if not isinstance(spec, dict):
        raise ConfigError(f"{file}: expected a memspec of DRAMSys: a JSON object with 'memspec'")
    return spec


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


class Memspec:
    """The groups of a memspec; all that is missing is told at once."""

    def __init__(self, spec: Mapping[str, Any], file: str) -> None:
        self._spec, self._file = spec, file
        self._asked: set[str] = set()
        self._missing: list[str] = []

    def number(self, group: str, *names: str) -> Decimal:
        """Return a number of a group that is not negative; one that is missing is noted."""
        values = self.group(group)
        # A memspec says idd2nQ and idd0ql for what others call idd2nq and idd0q.
        known = {name.lower(): name for name in values}
        own = next((known[name.lower()] for name in names if name.lower() in known), None)
        if own is None:
            self._missing.append(f"{group}.{names[0]}")
            return Decimal(1)
        self._asked.add(f"{group}.{own}")
        found = values[own]
        if not isinstance(found, Decimal) or not 0 <= found < 10**12:
            where = f"{self._file}: {group}.{own}"
            raise ConfigError(f"{where}: expected a number, got {found!r:.60}")
        return found

    def has(self, group: str, name: str) -> bool:
        """Return whether a group has a number of a name that is not zero."""
        values = {key.lower(): value for key, value in self.group(group).items()}
        return bool(values.get(name.lower()))

    def group(self, name: str) -> Mapping[str, Any]:
        """Return the values of a group; none where there is no such group."""
        found = self._spec.get(name)
        return found if isinstance(found, dict) else {}

    def check(self) -> tuple[str, ...]:
        """Return what nobody asked for, by group. Raises ConfigError with all that is missing."""
        if self._missing:
            named = ", ".join(dict.fromkeys(self._missing))
            raise ConfigError(f"{self._file}: the memspec has no {named}; a DRAM part needs them")
        return tuple(filter(None, map(self._unused, self._spec)))

    def _unused(self, group: str) -> str:
        names = self.group(group)
        unasked = [name for name in names if f"{group}.{name}" not in self._asked]
        some = 0 < len(unasked) < len(names)
        return f"{group} ({', '.join(unasked)})" if some else group * bool(unasked)


def read_dramsys(text: str, file: str, like: Mapping[str, Any]) -> tuple[Part, tuple[str, ...]]:
    """Return the DRAM part of a memspec as a technology file has it, and what was passed over.

    ``like`` is the data of another DRAM part: its self-refresh is taken, and its currents if its
    name is under ``currents_of``. Raises ConfigError.
    """
    spec = read_memspec(text, file)
    found = Memspec(spec, file)
    kind, name = str(spec.get("memoryType", "DRAM")), str(spec.get("memoryId", "DRAMSys part"))
    source = f"DRAMSys memspec {name}"
    timing, notes = _timing(found, kind)
    part: Part = {
        "kind": "dram",
        "name": name,
        "organisation": {"source": f"{source}, memarchitecturespec"} | _organisation(found),
        "timing": {"source": f"{source}, memtimingspec"} | timing,
        "power": _power(found, kind, f"{source}, mempowerspec", file, like),
        "self_refresh": {
            **like["self_refresh"],
            "source": f"assumed to be that of {like['name']}: {like['self_refresh']['source']}",
        },
    }
    part["description"] = "; ".join([f"{kind}, a memspec of DRAMSys", *notes])
    return part, found.check()


def _organisation(found: Memspec) -> Part:
    def number(*names: str) -> int:
        return int(found.number("memarchitecturespec", *names))

    width = number("width")
    return {
        "device_width": f"{width} b",
        "burst_length": number("burstLength", "defaultBurstLength", "maxBurstLength"),
        "banks": number("nbrOfBanks"),
        "page_size": f"{number('nbrOfColumns') * width // 8} B",
        "rows": number("nbrOfRows"),
    }


def _timing(found: Memspec, kind: str) -> tuple[Part, list[str]]:
    group = "memtimingspec"
    old = found.has(group, "clkMhz")
    clock = 1000 / found.number(group, "clkMhz") if old else found.number(group, "tCK").scaleb(9)
    clocks, notes, never = dict(_CLOCKS), list[str](), Part()
    if "MRAM" in kind and not found.has(group, "REFI"):
        # It never forgets: refreshed once in 30 years, at the price of nothing.
        clocks = {name: names for name, names in clocks.items() if name not in _REFRESH}
        never = {"refreshed": False, "tRFCab": f"{plain(clock)} ns", "tREFI": "1e9 s"}
        notes.append("never refreshed; that it keeps its contents without supply is not modelled")
    known = {name: found.number(group, *names) for name, names in clocks.items()}
    times = {name: f"{plain(count * clock)} ns" for name, count in known.items()}
    return {"tCK": f"{plain(clock)} ns", **times, **never}, notes


def _power(found: Memspec, kind: str, source: str, file: str, like: Mapping[str, Any]) -> Part:
    group = "mempowerspec"
    low_power = kind.startswith(_LPDDR)
    rails = _RAILS if low_power else {"VDD1": "p", "VDD2": ""}
    if not found.has(group, "vdd2" if low_power else "vdd"):
        if "currents_of" not in like:
            raise ConfigError(
                f"{file}: the memspec has no currents (mempowerspec is missing or 0): name a part "
                "whose currents to take with --currents-of, such as lpddr4_3200"
            )
        return {**like["power"], "source": f"currents of {like['currents_of']}"}
    milli = Decimal(1) if found.has("memtimingspec", "clkMhz") else Decimal(1000)
    power: Part = {"source": source}
    for rail, suffix in rails.items():
        voltage = rail.lower() if low_power else {"VDD1": "vpp", "VDD2": "vdd"}[rail]
        if rail != "VDD2" and not found.has(group, voltage):
            continue
        volts = found.number(group, voltage)
        power[rail] = {"voltage": f"{plain(volts)} V"}
        for name in _CURRENTS:
            current = found.number(group, *_names(name, suffix, low_power=low_power)) * milli
            power[rail][name] = f"{plain(current)} mA"
    return power


def _names(name: str, suffix: str, *, low_power: bool) -> tuple[str, ...]:
    """Return what a memspec may call a current of a rail."""
    plain = name.lower()
    if low_power:
        return f"{plain}{suffix}", f"{plain}{suffix}l"
    if suffix == "p":
        plain = plain.replace("idd", "ipp")
    return plain, f"{plain}n", f"{plain}B", f"{plain}0"
