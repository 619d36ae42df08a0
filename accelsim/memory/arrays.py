"""On-chip arrays: area, latency, energy and leakage of a memory of some capacity and word."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import fsum, isclose
from typing import get_args

from accelsim.errors import ConfigError
from accelsim.memory.bank_figures import Figures, added, corrected, joined
from accelsim.memory.banks import compose
from accelsim.memory.other_conditions import (
    CARRIED,
    at_temperature,
    floorplan,
    with_carried,
    with_tables,
)
from accelsim.memory.tables import Columns, Conditions, Row
from accelsim.memory.technology import Device, Grade, MemoryTechnology, technologies_with
from accelsim.units import format_bytes

# [ours] What a memory holds beyond what was asked is said above this share.
_SPARE = 0.05
# [ours] A memory of more banks than this is a slip of the pen.
_MOST_BANKS = 16384
# What of an array nobody measured where nobody measured anything.
ALL_FIGURES = ("all figures",)


@dataclass(frozen=True)
class Array:
    """One on-chip array in SI units.

    ``area`` [m2], ``read_latency`` and ``write_latency`` [s], ``read_energy`` and ``write_energy``
    [J for one access of a whole word], ``leakage`` [W], ``capacity`` [B of data], ``word`` [b],
    ``node`` [m], ``temperature`` [K], ``endurance`` [writes of a cell; None: no limit or none
    known], ``retention`` [s; None: volatile or not known], both by grade in ``device``. ``banks``
    are the capacities [B] of the table's points that it is composed of; ``exact`` says that it is
    one of them and none of its figures interpolated; ``warnings`` are for the reader of a result,
    ``beyond`` says in what the array lies outside the table, if it does; ``retained_leakage`` [W]
    is that of a state which keeps the contents alone, where it is known. ``unmeasured`` names the
    figures of an array as built that are not. ``own`` figures were brought by the user: they stand
    as they are.
    """

    technology: str
    bits_per_cell: int
    capacity: int
    word: int
    target: str
    node: float
    roadmap: str
    temperature: float
    grade: Grade
    volatile: bool
    area: float
    read_latency: float
    write_latency: float
    read_energy: float
    write_energy: float
    leakage: float
    endurance: float | None
    retention: float | None
    source: str
    banks: tuple[int, ...]
    exact: bool
    warnings: tuple[str, ...]
    device: Device
    beyond: tuple[str, ...] = ()
    retained_leakage: float | None = None
    unmeasured: tuple[str, ...] = ()
    own: bool = False

    @property
    def composition(self) -> str:
        """The banks in words, such as ``2 MiB + 512 KiB``."""
        counts = Counter(self.banks).items()
        named = ((count, format_bytes(size)) for size, count in counts)
        return " + ".join(f"{count} x {size}" if count > 1 else size for count, size in named)

    @property
    def density(self) -> float:
        """Data bits per area, periphery included [b/m2]."""
        return self.capacity * 8 / self.area

    @property
    def read_bandwidth(self) -> float:
        """Bytes per second when each read waits for the one before [B/s]; no pipelining."""
        return self.word / 8 / self.read_latency


@lru_cache(maxsize=1024)
def find_array(
    technology: MemoryTechnology,
    *,
    capacity: int,
    word: int,
    target: str = "ReadEDP",
    bits_per_cell: int = 1,
    node: float = 22e-9,
    roadmap: str | None = None,
    temperature: float = 350.0,
    grade: Grade = "typical",
    extrapolate: bool = False,
    spare: bool = False,
    copies: int = 1,
    laid_out: bool = False,
) -> Array:
    """Return the array of a capacity [B of data] and word [b] for an optimisation target.

    A point of the table is returned as it is, unless the array is ``laid_out`` for a machine. Any
    other array is composed of banks that are points of the table (``accelsim.memory.banks``), one
    of them alone where that costs least; which, the hottest table decides, whatever the
    temperature. Areas and leakages add, an access costs the
    energy of the bank that it falls into (their mean, weighted by capacity) and takes as long as
    the slowest, and wires and a multiplexer join the banks. A word that the table lacks takes
    the next wider one, of which a part is used. ``copies`` such arrays make up the memory: they
    lengthen the wires. ``node`` is in metres, ``temperature`` in kelvin (figures between the
    tables' follow it exponentially); without ``roadmap`` the technology's default holds.

    Outside the table ConfigError is raised: from twice the largest array on, unless
    ``extrapolate`` allows several of them, and below the smallest, unless with ``spare`` that one
    stands for less; figures that are used as they are stated allow both. ConfigError also for a
    word wider than the table's, and for conditions or a target that the table does not have; the
    message lists what it has.

    The device rows of the technology change the table's figures at each point, by one rule:

    - read latency and read energy: times the multiplier of the grade;
    - write latency: the table's (the slower of SET and RESET), less the pulse that it contains,
      plus the grade's pulse times its verify steps;
    - write energy: the table's, plus for each cell of the word (word / bits per cell) the grade's
      cell energy times its verify steps, less the cell energy that it contains;
    - where the device states no pulse or energy (SRAM), the table's write figure stands.
    """
    if grade not in get_args(Grade):
        raise ConfigError(
            f"{technology.name}: unknown grade '{grade}'; known: {', '.join(get_args(Grade))}"
        )
    if capacity < 1 or word < 1:
        raise ConfigError(
            f"{technology.name}: expected a capacity and a word of at least 1, "
            f"got {capacity} B and {word} b"
        )
    wanted = Conditions(bits_per_cell, node, roadmap or technology.default_roadmap, temperature)
    if technology.stated or technology.nvsim:
        technology = with_tables(technology, wanted, target, word, capacity)
        extrapolate, spare = True, True
    asked = (technology, capacity, word, target, grade, copies)
    known = find_conditions(technology, wanted)
    found = [
        _array_at(each, *asked, above=extrapolate, below=spare, laid_out=laid_out) for each in known
    ]
    return found[0] if len(found) == 1 else _between(found[0], found[1], temperature)


def _array_at(
    conditions: Conditions, technology: MemoryTechnology, capacity: int, word: int, target: str,
    grade: Grade, copies: int, *, above: bool, below: bool, laid_out: bool,
) -> Array:  # fmt: skip
    plan = floorplan(technology, conditions)
    rows = _find_rows(technology, plan, target, word)
    what = f"{technology.name}, {target}, {conditions}, {rows[0].word} b"
    _check_capacity(rows, capacity, what, above=above, below=below)
    banks = [at_temperature(technology, plan, conditions, row) for row in compose(rows, capacity)]
    columns, marks = technology.tables[conditions].get(target, {}), tuple[str, ...]()
    points = {w: row for w, each in columns.items() for row in each if row.capacity == capacity}
    if (own := points.get(rows[0].word)) and not laid_out:
        narrower = [points[w] for w in range(64, own.word, 64) if w in points]
        marks = (*_unlike([own], banks), *_dearer(own, narrower))
        banks = [own]
    device = technology.devices[conditions.bits_per_cell]
    figures = [corrected(row, device, technology.simulated_cell, grade) for row in banks]
    return Array(
        technology=technology.name,
        bits_per_cell=conditions.bits_per_cell,
        capacity=capacity,
        word=word,
        target=target,
        node=conditions.node,
        roadmap=conditions.roadmap,
        temperature=conditions.temperature,
        grade=grade,
        volatile=technology.volatile,
        **joined(added(banks, figures), banks, word, copies, conditions, technology)._asdict(),
        endurance=device.endurance.at(grade) if device.endurance else None,
        retention=device.retention.at(grade) if device.retention else None,
        source=_source(technology, banks, grade),
        banks=tuple(row.capacity for row in banks),
        exact=(banks[0].capacity, banks[0].word) == (capacity, word) and not banks[0].interpolated,
        warnings=(*_warnings(banks, capacity, word, device), *marks),
        device=device,
        beyond=tuple(_beyond(rows, capacity, banks)),
        own=bool(technology.stated or technology.nvsim),
    )


def _unlike(banks: Sequence[Row], laid_out: Sequence[Row]) -> Iterator[str]:
    """Say of a point of the table that no machine is built of it: a larger costs less, or heat."""
    own, taken = (fsum(row.area for row in each) for each in (banks, laid_out))
    if len(banks) != len(laid_out) or not isclose(own, taken, rel_tol=1e-3):
        named = " + ".join(format_bytes(row.capacity) for row in laid_out)
        yield f"NVSim's own point; machines take {named}, {taken * 1e6:.4g} mm2 at any temperature"


def _dearer(own: Row, narrower: Sequence[Row]) -> Iterator[str]:
    worst = max(narrower, key=lambda row: row.read_energy, default=own)
    if worst.read_energy > own.read_energy:
        dearer = f"{worst.read_energy * 1e12:.3g} pJ of its {worst.word} b"
        yield f"NVSim's own point; machines pay no less for a read than the {dearer}"


def _between(colder: Array, hotter: Array, temperature: float) -> Array:
    """Return the array at a temperature between two of the tables: the hotter one, cooled down.

    The logarithm of each figure is linear in temperature, as that of leakage is: NVSim's own
    transistor currents between its 300 and 350 K are missed by 3 % (LOP), 8 % (LSTP), 24 % (HP)
    at most (SEAL-UCSB/NVSim 4bc8fbb, Technology.cpp).
    """
    share = (temperature - colder.temperature) / (hotter.temperature - colder.temperature)
    ends = {name: (getattr(colder, name), getattr(hotter, name)) for name in Figures._fields}
    figures = {name: cold ** (1 - share) * hot**share for name, (cold, hot) in ends.items()}
    said = f"{temperature:g} K lies between the table's {colder.temperature:g} and "
    warnings = (*hotter.warnings, f"{said}{hotter.temperature:g} K")
    beyond = (*hotter.beyond, warnings[-1])
    return replace(
        hotter, **figures, temperature=temperature, exact=False, warnings=warnings, beyond=beyond
    )


def find_conditions(technology: MemoryTechnology, wanted: Conditions) -> tuple[Conditions, ...]:
    """Return those of one table or two. Raises ConfigError where there are none."""
    conditions = technology.find_conditions(wanted)
    if not conditions:
        bits, known = wanted.bits_per_cell, {each.bits_per_cell for each in technology.tables}
        others = [] if bits in known else technologies_with(bits)
        has = f"{', '.join(others)} {'have' if others[1:] else 'has'} such cells"
        hint = f"{has}: name it as technology; " if others else ""
        advice = f"{hint}{technology.path.name} has: {'; '.join(map(str, technology.tables))}"
        raise ConfigError(f"{technology.name}: no arrays of {wanted}; {advice}")
    return conditions


def _find_rows(
    technology: MemoryTechnology, conditions: Conditions, target: str, word: int
) -> tuple[Row, ...]:
    """Return the points of a word, or of the next wider one."""
    columns = _find_columns(technology, conditions, target)
    wider = [known for known in columns if known >= word]
    if not wider:
        raise ConfigError(
            f"{technology.name}, {target}, {conditions}: word {word} b is wider than the table's, "
            f"{', '.join(map(str, columns))} b; choose one of them"
        )
    return with_carried(technology, conditions, target, columns[wider[0]])


def _find_columns(technology: MemoryTechnology, conditions: Conditions, target: str) -> Columns:
    targets = technology.tables[conditions]
    if target in targets:
        return targets[target]
    close = difflib.get_close_matches(target, targets, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    wrong = f"no arrays optimised for '{target}' with {conditions}"
    raise ConfigError(f"{technology.name}: {wrong}: {hint}known: {', '.join(targets)}")


def _check_capacity(
    rows: Sequence[Row], capacity: int, what: str, *, above: bool, below: bool
) -> None:
    least, most = rows[0].capacity, rows[-1].capacity
    if capacity < least and not below:
        advice = "choose one inside"
    elif capacity > _MOST_BANKS * most:
        advice = f"choose less than {_MOST_BANKS} times the largest"
    elif capacity >= 2 * most and not above:
        advice = (
            "choose less than twice the largest, or allow several of them (in a file "
            "`extrapolate: true`, of `accelsim tech` --extrapolate)"
        )
    else:
        return
    raise ConfigError(
        f"{what}: capacity {format_bytes(capacity)} is outside the table, {format_bytes(least)} "
        f"to {format_bytes(most)}; {advice}"
    )


def _source(technology: MemoryTechnology, banks: Sequence[Row], grade: Grade) -> str:
    rows = "; ".join(dict.fromkeys(row.source for row in banks))
    wires = f"; between banks: {technology.wires.name}.yaml" if len(banks) > 1 else ""
    return f"{rows}; device rows: {technology.path.name}, {grade}{wires}"


def _warnings(banks: Sequence[Row], capacity: int, word: int, device: Device) -> list[str]:
    found = [device.warning] if device.warning else []
    holds = sum(row.capacity for row in banks)
    if holds > (1 + _SPARE) * capacity:
        smallest = f"the banks of the table that hold it hold {format_bytes(holds)}"
        found.append(f"{smallest}, {format_bytes(capacity)} are used")
    if banks[0].word > word:
        found.append(f"a word of {word} b lies in the table's next wider one, {banks[0].word} b")
    return found + [_latency_warning(row) for row in dict.fromkeys(banks) if row.interpolated]


def _beyond(rows: Sequence[Row], capacity: int, banks: Sequence[Row]) -> Iterator[str]:
    least, most = rows[0].capacity, rows[-1].capacity
    if capacity >= 2 * most:
        yield f"{len(banks)} of the table's largest, {format_bytes(most)}, stand for one"
    elif capacity < least:
        yield f"the table's smallest, {format_bytes(least)}, stands for {format_bytes(capacity)}"
    if any(CARRIED in row.interpolated for row in banks):
        yield "the table has no leakage at this temperature: it is carried over from another"


def _latency_warning(row: Row) -> str:
    point = f"{format_bytes(row.capacity)} x {row.word} b"
    if CARRIED in row.interpolated:
        return f"not in the table at this temperature, leakage carried over: {point}"
    names = " and ".join(name.replace("_", " ") for name in row.interpolated)
    return f"interpolated in the table itself, between neighbours in capacity: {names} of {point}"
