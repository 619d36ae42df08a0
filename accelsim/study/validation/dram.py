"""DRAM channels against the parts' specifications, carried over on their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import fsum
from pathlib import Path

from accelsim.machine.components.burst_memory import BurstMemory
from accelsim.machine.timing.dram_channel import DramChannel
from accelsim.memory.burst_memory import CurrentKind, load_burst_memory
from accelsim.memory.dram import DRAM_STATES, DramTechnology, load_dram, prices
from accelsim.study.validation.check import Check, read_rows
from accelsim.units import TICKS_PER_SECOND, to_ticks

_CURRENTS = "computed from the specification's currents by a calculation of its own"
_SHEETS = "worked out by hand from the data sheets' currents"
_TIMINGS = "sum of the specification's timings"
_LONG_READ = 8 * 2**20

# Column of the reference -> name of the figure, the part's own, scale to the column's unit.
_FIGURES: dict[str, tuple[str, Callable[[DramTechnology], float], float]] = {
    "activate_pJ": ("activate energy", lambda part: part.activate_energy, 1e12),
    "refresh_nJ": ("refresh energy", lambda part: part.refresh_energy, 1e9),
    "read_stream_pJ_per_byte": ("read stream energy", lambda p: p.stream_energy("read"), 1e12),
    "write_stream_pJ_per_byte": ("write stream energy", lambda p: p.stream_energy("write"), 1e12),
    "peak_bandwidth_GBps": ("peak bandwidth", lambda part: part.peak_bandwidth, 1e-9),
}


def dram_checks(folder: Path) -> Iterator[Check]:
    """Compare energies, state powers, latencies, and a long read's bandwidth and energy."""
    timings = {row["part"]: row for row in read_rows(folder, "dram_timings.csv")}
    for row in read_rows(folder, "dram_energies.csv"):
        technology, part = load_dram(row["part"]), row["part"]
        for column, (name, of, scale) in _FIGURES.items():
            told, known, unit = f"{part} {name}", float(row[column]), column.rpartition("_")[2]
            yield Check("DRAM", told, unit, known, scale * of(technology), 0.005, _CURRENTS)
        for state in DRAM_STATES:
            watts = technology.standby_power(state, technology.power.core)
            quantity = f"{part} power in {state.replace('_', ' ')}"
            known = float(row[f"{state}_mW"])
            yield Check("DRAM", quantity, "mW", known, 1e3 * watts, 0.005, _CURRENTS)
        named = {name: float(text) for name, text in timings[part].items() if name != "part"}
        yield from _latency_checks(part, technology, named)
        known = float(row["read_stream_pJ_per_byte"])
        yield from _long_read_checks(part, technology, named, known)


def cold_home_checks(folder: Path) -> Iterator[Check]:
    """Compare reading and rest of memories that answer with bursts: an idle hour, as simulated."""
    for row in read_rows(folder, "cold_homes.csv"):
        part, name = load_burst_memory(row["part"]), row["part"]
        kelvin, hour = float(row["temperature_K"]), to_ticks(3600.0)
        kind: CurrentKind = "maximum" if row["kind"] == "maximum" else "typical"
        watts = part.power.voltage * part.power.read.of(kind) / part.access.bandwidth
        told = f"{name} read energy, {kind}, at {kelvin:g} K"
        known = float(row["read_pJ_per_byte"])
        yield Check("DRAM", told, "pJ/B", known, 1e12 * watts, 0.01, _SHEETS)
        if not row["rest_uW"]:
            continue
        server = BurstMemory(name, part, part.rests_in)
        server.take_background(hour)
        joules = fsum(
            part.rest_power(state, kelvin, kind) * server.residency[state] / TICKS_PER_SECOND
            for state in part.rests
        )
        told = f"{name} power of an idle hour, {kind}, at {kelvin:g} K"
        yield Check("DRAM", told, "uW", float(row["rest_uW"]), 1e6 * joules / 3600, 0.01, _SHEETS)


def _latency_checks(part: str, technology: DramTechnology, ns: dict[str, float]) -> Iterator[Check]:
    """A burst from a closed row, an open row, another row's bank, and at a refresh."""
    size, shape = technology.organisation.burst_size, technology.organisation
    channel = DramChannel(technology, idle_state="standby")
    far = to_ticks(1e-9 * (ns["tRAS"] + ns["burst"]))
    closed = channel.access(0, 0, size, False)
    start = closed + far
    hit = channel.access(start, size, size, False) - start
    start += hit + far
    conflict = channel.access(start, shape.page_size * shape.banks, size, False) - start
    due = to_ticks(1e-9 * ns["tREFI"])
    collision = DramChannel(technology, idle_state="standby").access(due, 0, size, False) - due
    column = ns["tRL"] + ns["burst"]
    for name, ticks, expected in (
        ("a closed row", closed, ns["tRCD"] + column),
        ("a row hit", hit, column),
        ("a row conflict", conflict, ns["tRP"] + ns["tRCD"] + column),
        ("a refresh collision", collision, ns["tRFCab"] + ns["tRCD"] + column),
    ):
        told = f"{part} latency of {name}"
        yield Check("DRAM", told, "ns", expected, ticks / 1e6, 1e-9, _TIMINGS)


def _long_read_checks(
    part: str, technology: DramTechnology, ns: dict[str, float], picojoules: float
) -> Iterator[Check]:
    """A long sequential read: peak bandwidth less refreshes; energy per byte of what happened."""
    channel = DramChannel(technology)
    ticks = channel.access(0, 0, _LONG_READ, False)
    channel.settle(ticks)
    lost = (ns["tRFCab"] + ns["tRP"] + ns["tRCD"]) / ns["tREFI"]
    peak = technology.organisation.burst_size / ns["burst"]
    rate = _LONG_READ / (ticks / TICKS_PER_SECOND) / 1e9
    quantity = f"{part} bandwidth of an 8 MiB read"
    yield Check("DRAM", quantity, "GB/s", peak * (1 - lost), rate, 0.02, _TIMINGS)
    paid = prices(technology)
    joules = fsum(count * paid["joules"][name] for name, count in channel.counts.items())
    for state, stay in channel.residency.items():
        joules += stay / TICKS_PER_SECOND * paid["watts"][state]
    energy = 1e12 * joules / _LONG_READ
    quantity = f"{part} energy of an 8 MiB read"
    yield Check("DRAM", quantity, "pJ/B", picojoules, energy, 0.05, _CURRENTS)
