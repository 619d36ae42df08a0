"""The report of a machine: its components with sizes, costs and the bandwidth of each port."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.inputs.paths import KeyPath, format_path
from accelsim.machine.components.base import Datasheet, Part
from accelsim.machine.fit import Fit
from accelsim.machine.regions import Region
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.servers import Machine
from accelsim.program import Demand, Product, Range, Transfer, Use, Vectors, Words
from accelsim.report.origin import head
from accelsim.report.table import RULE, Column, Field, Report, Row, Table, listed, recorded
from accelsim.report.text import Value
from accelsim.units import format_bytes, format_si, to_seconds

SCHEMA_VERSION = 1
# [ours] Long enough that what comes before the first word does not count.
_BYTES = 2**20
# Stands for what depends on a size that is worked out for a workload.
_FIT = "fit"


@dataclass(frozen=True)
class _Shown:
    """A component: what it is for, its arrays where it has any, its ports in bytes or MACs/s."""

    name: str
    kind: str
    sheet: Datasheet
    region: Region | None
    read: float | None
    write: float | None
    macs: float | None
    fits: bool
    """Whether its size is not known yet, and all that depends on it."""


def machine_report(
    hardware: HardwareConfig, command: Sequence[str], fits: Mapping[KeyPath, Fit]
) -> Report:
    """Return a table of all components, and where parameters and activations are placed.

    ``fits`` are the sizes that are not known yet.
    """
    shown = list(_components(hardware, {str(name) for *_, name, _ in fits}))
    table = listed("Components", _FIELDS, shown)
    arrays = listed("Arrays", _ARRAY, [one for one in shown if one.region])
    arrays = replace(arrays, notes=_raised(shown))
    areas: Value = _FIT if fits else fsum(one.sheet.area or 0.0 for one in shown)
    leakage: Value = _FIT if fits else fsum(one.sheet.leakage or 0.0 for one in shown)
    total: Row = ("all", None, None, areas, leakage, None, None, None)
    clock, process = hardware.clock, hardware.process
    return Report(
        name="machine",
        title=hardware.name,
        about=(
            hardware.description,
            f"compiler: {hardware.accelerator}; {clock.frequency / 1e6:g} MHz at "
            f"{clock.voltage:g} V; {process.node * 1e9:g} nm, {process.temperature:g} K",
        ),
        sections=(
            Table(table.title, table.columns, (*table.rows, RULE, total)),
            arrays,
            _homes(hardware),
        ),
        data=table,
        document={
            **head(SCHEMA_VERSION, command),
            "machine": hardware.name,
            "area_mm2": table.columns[3].plain(areas),
            "components": [_record(one) for one in shown],
            "placement": hardware.placement.model_dump(mode="json"),
        },
        details=(_prices(shown),),
        notes=(
            "bandwidths are those of 1 MiB in one command; GMAC/s of 256 x 256 x 256",
            *(
                f"{format_path(path)}: {fit}, worked out for a workload"
                for path, fit in fits.items()
            ),
        ),
    )


def _record(one: _Shown) -> dict[str, Any]:
    prices = {action: _FIT if one.fits else p.joules for action, p in one.sheet.prices.items()}
    own = recorded(_FIELDS, one) | (recorded(_ARRAY, one) if one.region else {})
    return {**own, "prices_J": prices, "source": one.sheet.source}


def _sized(value: Callable[[_Shown], Value]) -> Callable[[_Shown], Value]:
    """Return what gives a value that depends on a component's size."""
    return lambda one: _FIT if one.fits else value(one)


def _array(value: Callable[[Region], Value]) -> Callable[[_Shown], Value]:
    return lambda one: value(one.region) if one.region else None


_FIELDS: tuple[Field[_Shown], ...] = (
    (Column("component", "component"), lambda one: one.name),
    (Column("kind", "kind"), lambda one: one.kind),
    (Column("part", "for"), lambda one: one.sheet.part.value),
    (Column("area", "area", "mm2"), _sized(lambda one: one.sheet.area)),
    (Column("leakage", "leakage", "mW"), _sized(lambda one: one.sheet.leakage)),
    (Column("read_bandwidth", "read", "GB/s"), _sized(lambda one: one.read)),
    (Column("write_bandwidth", "write", "GB/s"), _sized(lambda one: one.write)),
    (Column("macs", "GMAC/s", "1"), lambda one: one.macs and one.macs / 1e9),
)


_ARRAY: tuple[Field[_Shown], ...] = (
    (Column("component", "array"), _array(lambda one: one.name)),
    (Column("technology", "technology"), _array(lambda one: one.array.technology)),
    (Column("bits_per_cell", "b per\ncell", "1"), _array(lambda one: one.array.bits_per_cell)),
    (Column("", "capacity"), _sized(_array(lambda one: format_bytes(one.capacity)))),
    (Column("capacity", "capacity", "B", brief=False), _sized(_array(lambda one: one.capacity))),
    (Column("word", "word", "b"), _array(lambda one: int(8 * one.word_bytes))),
    (Column("banks", "banks", "1"), _array(lambda one: one.banks)),
    (Column("composition", "composed of"), _sized(_array(lambda one: one.array.composition))),
    (Column("read_latency", "read", "ns"), _sized(_array(lambda one: one.array.read_latency))),
    (Column("write_latency", "write", "ns"), _sized(_array(lambda one: one.array.write_latency))),
    (Column("read_energy", "read", "pJ"), _sized(lambda one: one.sheet.charged("read"))),
    (Column("write_energy", "write", "pJ"), _sized(lambda one: one.sheet.charged("write"))),
    (
        Column("array_read_energy", "array's\nread", "pJ", brief=False),
        _sized(_array(lambda one: one.read_energy)),
    ),
    (
        Column("array_write_energy", "array's\nwrite", "pJ", brief=False),
        _sized(_array(lambda one: one.write_energy)),
    ),
    (
        Column("raised_by", "energies\nraised by", brief=False),
        _sized(lambda one: one.sheet.raised_by or None),
    ),
)


def _raised(shown: Sequence[_Shown]) -> tuple[str, ...]:
    """Return the memories that charge more than their arrays' own figure, by what raises it."""
    reasons: dict[str, list[str]] = {}
    for one in shown:
        if one.region and one.sheet.raised_by and not one.fits:
            own = format_si(one.region.read_energy, "J")
            reasons.setdefault(one.sheet.raised_by, []).append(f"{one.name} {own}")
    return tuple(
        f"charged more than the arrays' own energies ({', '.join(names)} a read): {why}"
        for why, names in reasons.items()
    )


def _components(hardware: HardwareConfig, fits: Collection[str]) -> Iterator[_Shown]:
    for name, each in hardware.components.items():
        sheet, region = hardware.datasheets[name], hardware.regions.get(name)
        kind = str(each.model_dump().get("kind", "dram" if name == "dram" else name))
        ports = {action: _rate(hardware, name, sheet.part, action) for action in _ACTIONS}
        read = ports["read"] or ports["transfer"]
        yield _Shown(
            name, kind, sheet, region, read, ports["write"] or ports["store"], ports["mac"],
            name in fits,
        )  # fmt: skip


_ACTIONS = ("read", "write", "transfer", "store", "mac")


def _rate(hardware: HardwareConfig, name: str, part: Part, action: str) -> float | None:
    """Return what a port serves a second, of a long use on a fresh machine; None without one."""
    if action not in hardware.datasheets[name].prices:
        return None
    demand, amount = _demand(hardware, name, part, action)
    use = Use(name, action, demand)
    server = Machine(hardware).port(name, action)
    try:
        _, end = server.book(use, 0)
    except AccelsimError:
        # A component of a kind of its own takes other demands.
        return None
    # No time: other ports take it, as a cluster's that counts its instructions.
    return amount / to_seconds(end) if end else None


def _demand(hardware: HardwareConfig, name: str, part: Part, action: str) -> tuple[Demand, float]:
    if action == "mac":
        return Product(256, 256, 256), 256.0**3
    if part is Part.DRAM:
        return Range(0, _BYTES), _BYTES
    if part is Part.BUS:
        return Transfer(_BYTES), _BYTES
    region = hardware.regions.get(name)
    word = region.word_bytes if region else hardware.site.lanes
    count = int(_BYTES / word)
    return (Vectors(_BYTES, count) if part is Part.BUFFERS else Words(count)), count * word


def _homes(hardware: HardwareConfig) -> Table:
    placement = hardware.placement
    homes = {role: getattr(placement, role) for role in ("embedding", "backbone", "task")}
    rows: list[Row] = [(role, home.values, home.masks) for role, home in homes.items()]
    rows.append(("activations", placement.activations, placement.activation_spill or "nowhere"))
    rows.append(("cache", placement.cache or "nowhere", None))
    columns = (Column("role", "what"), Column("values", "values in"), Column("masks", "masks in"))
    notes = (
        "of activations: where they lie, and where what does not fit goes; cache: keys and values "
        "that a decoder keeps",
    )
    return Table("Placement", columns, tuple(rows), notes)


def _prices(shown: Sequence[_Shown]) -> Table:
    columns = (
        Column("component", "component"),
        Column("action", "action"),
        Column("unit", "of one"),
        Column("price", "price", "J"),
    )
    rows = tuple(
        (one.name, action, price.unit, None if price.paid_elsewhere else price.joules)
        if not one.fits
        else (one.name, action, price.unit, _FIT)
        for one in shown
        for action, price in one.sheet.prices.items()
    )
    return Table("Prices at the nominal operating point", columns, rows)
