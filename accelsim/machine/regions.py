"""A memory of a machine as banks and lanes of arrays, points of the technology table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from accelsim.errors import AccelsimError, ConfigError
from accelsim.machine.operating_points import ProcessConfig
from accelsim.memory.arrays import Array, find_array
from accelsim.memory.nvsim_search import NvsimTechnology, Search, run_searches, searches
from accelsim.memory.other_conditions import as_stated, floorplan
from accelsim.memory.tables import Conditions
from accelsim.memory.technology import MemoryTechnology, load_technology
from accelsim.units import format_bytes

Target = Literal[
    "ReadLatency", "WriteLatency", "ReadEnergy", "WriteEnergy",
    "ReadEDP", "WriteEDP", "Leakage", "Area",
]  # fmt: skip


@dataclass(frozen=True)
class ArrayQuery:
    """What a memory asks of the technology table: capacity [bytes] and word [bits] of the whole.

    Without a ``roadmap`` or ``temperature`` [K] of its own it has those of the process.
    ``extrapolate`` lets several of the table's largest arrays stand for more, and its smallest for
    less, than the table has.
    """

    technology: str | NvsimTechnology
    capacity: int
    word: int
    target: Target
    bits_per_cell: int = 1
    banks: int = 1
    roadmap: str | None = None
    temperature: float | None = None
    extrapolate: bool = False

    def conditions(self, technology: MemoryTechnology, process: ProcessConfig) -> Conditions:
        """Return the memory's own conditions, else those of the process or the technology."""
        roadmaps = (self.roadmap, process.roadmap)
        roadmap = next((each for each in roadmaps if each is not None), technology.default_roadmap)
        temperature = self.temperature or process.temperature
        return Conditions(self.bits_per_cell, process.node, roadmap, temperature)


@dataclass(frozen=True)
class Region:
    """A memory of the machine made of ``banks`` equal banks of ``lanes`` equal arrays.

    Banks take turns; the lanes of a bank work in lock step, where the table knows no array as
    wide as the word. Each array may itself be composed of banks of the table, one of which answers
    an access. ``kind`` is ``parameters``, ``activations`` or ``buffer``.
    """

    name: str
    kind: str
    array: Array
    banks: int
    lanes: int
    capacity: int

    @property
    def area(self) -> float:
        """Area of all arrays [m2]."""
        return self.array.area * self.banks * self.lanes

    @property
    def leakage(self) -> float:
        """Leakage of all arrays [W]."""
        return self.array.leakage * self.banks * self.lanes

    @property
    def kept(self) -> float | None:
        """What is left of the leakage in retention, as a fraction; None where it is not known."""
        retained = self.array.retained_leakage
        return None if retained is None else retained / self.array.leakage

    @property
    def read_energy(self) -> float:
        """Energy of reading one word [J]."""
        return self.array.read_energy * self.lanes

    @property
    def write_energy(self) -> float:
        """Energy of writing one word [J]."""
        return self.array.write_energy * self.lanes

    @property
    def word_bytes(self) -> float:
        """Bytes of one access."""
        return self.array.word * self.lanes / 8


def find_region(
    machine: str, process: ProcessConfig, name: str, kind: str, query: ArrayQuery, where: str
) -> Region:
    """Return a memory's arrays. Raises ConfigError, with ``machine`` and ``where``, for none."""
    lanes = 1
    try:
        technology = load_technology(query.technology, process.bank_wires_file)
        lanes = _lanes(technology, query, process)
        array = _find_bank(technology, query, process, lanes)
    except AccelsimError as error:
        size = format_bytes(query.capacity)
        built = f"{size} as {query.banks} banks" if query.banks > 1 else size
        built += f" of {lanes} arrays in lock step" if lanes > 1 else ""
        message = f"machine '{machine}': {where} ({query.technology}, {built}): {error}"
        raise type(error)(message) from None
    return Region(name, kind, array, query.banks, lanes, query.capacity)


def _find_bank(
    technology: MemoryTechnology, query: ArrayQuery, process: ProcessConfig, lanes: int
) -> Array:
    """Return one array of one bank; all banks take no less area and leakage than one large bank.

    Of what was built only densities are known: its banks cost more than one by as much as NVSim's.
    """

    def find(banks: int) -> Array:
        return find_array(
            technology,
            capacity=query.capacity // banks // lanes,
            word=query.word // lanes,
            target=query.target,
            **query.conditions(technology, process)._asdict(),
            grade=process.grade,
            extrapolate=query.extrapolate or banks < query.banks,
            spare=query.extrapolate,
            copies=banks * lanes,
            laid_out=True,
        )

    def built(array: Array) -> Array:
        if process.source == "silicon":
            from accelsim.memory.silicon import as_built

            array = as_built(array, process.silicon_file)
        return process.adjusted(array)

    bank, banks = find(query.banks), query.banks
    if banks == 1:
        return built(bank)
    whole, found = find(1), built(bank)

    def cost(name: str) -> float:
        one, more = getattr(whole, name), banks * getattr(bank, name)
        least = getattr(built(whole), name) * max(1.0, more / one) / banks
        return float(max(least, getattr(found, name)))

    return replace(found, area=cost("area"), leakage=cost("leakage"))


def search_ahead(machine: str, process: ProcessConfig, queries: Iterable[ArrayQuery]) -> None:
    """Let NVSim find all arrays of memories that name it, several at a time, and keep them."""
    wanted: list[Search] = []
    for query in queries:
        technology = load_technology(query.technology, process.bank_wires_file)
        conditions = query.conditions(technology, process)
        assert technology.nvsim is not None
        for capacity in dict.fromkeys((query.capacity, query.capacity // query.banks)):
            asked = (conditions, query.target, query.word, capacity)
            wanted += searches(technology.nvsim, *asked)
    try:
        run_searches(wanted)
    except ConfigError as error:
        raise ConfigError(f"machine '{machine}': {error}") from None


def _lanes(technology: MemoryTechnology, query: ArrayQuery, process: ProcessConfig) -> int:
    """Return how many arrays of the table's widest word make up the memory's word."""
    if technology.nvsim:
        return 1
    wanted = query.conditions(technology, process)
    if technology.stated:
        technology = as_stated(technology, wanted, query.target)
    known = technology.find_conditions(wanted)
    # The layout's table alone is asked: no temperature makes other arrays of a memory.
    plans = {floorplan(technology, each) for each in known}
    words = [max(technology.tables[each].get(query.target, (query.word,))) for each in plans]
    widest = min(words, default=query.word)
    return query.word // widest if query.word % widest == 0 else 1
