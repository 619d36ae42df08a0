from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.memory.arrays import Array, find_array
from accelsim.memory.banks import compose, join, load_wires, merit
from accelsim.memory.other_conditions import leakage_slope
from accelsim.memory.tables import Columns, Conditions, Row
from accelsim.memory.technology import MemoryTechnology, list_technologies, load_technology

KIB, MIB = 2**10, 2**20
FIGURES = ("area", "read_latency", "write_latency", "read_energy", "write_energy", "leakage")
REFERENCE = Conditions(1, 22e-9, "LOP", 350.0)
RRAM = load_technology("RRAM")
SRAM = load_technology("SRAM")

# Technologies whose table has four words at the reference point, with bits per cell.
WIDE = [("SRAM", 1), ("RRAM", 1), ("RRAM", 2)]
wide = st.sampled_from(WIDE)
targets = st.sampled_from(["ReadEDP", "ReadLatency", "ReadEnergy", "WriteEDP", "Leakage", "Area"])
capacities = st.integers(64 * KIB, 16 * MIB)
words = st.integers(1, 512)


def columns_of(technology: MemoryTechnology) -> Iterator[tuple[Conditions, str, Columns]]:
    for conditions, targets in technology.tables.items():
        for target, columns in targets.items():
            yield conditions, target, columns


def figures(array: Array | Row) -> list[float]:
    return [getattr(array, name) for name in FIGURES]


@pytest.mark.parametrize("name", list_technologies())
def test_a_point_of_the_table_is_returned_to_the_last_bit(name: str) -> None:
    """At the grade that corrects nothing: a row comes back unchanged, reads and area always."""
    technology = load_technology(name)
    for conditions, target, columns in columns_of(technology):
        for row in (row for rows in columns.values() for row in rows):
            array = find_array(
                technology,
                capacity=row.capacity,
                word=row.word,
                target=target,
                grade="low",
                **conditions._asdict(),
            )
            assert array.exact != bool(row.interpolated)
            assert (array.area, array.leakage) == (row.area, row.leakage)
            assert (array.read_latency, array.read_energy) == (row.read_latency, row.read_energy)
            if name in ("SRAM", "SRAM_htree") or (name == "RRAM" and array.bits_per_cell == 1):
                assert figures(array) == figures(row)


def test_a_point_is_recognised_in_spite_of_rounded_conditions() -> None:
    computed = find_array(
        RRAM, capacity=MIB, word=64, node=22 * 1e-9, temperature=350 * (1 + 1e-12)
    )
    assert computed == find_array(RRAM, capacity=MIB, word=64)


@given(wide, targets, capacities, words)
def test_an_array_is_the_sum_of_its_banks_and_what_joins_them(
    kind: tuple[str, int], target: str, capacity: int, word: int
) -> None:
    """Areas and leakages add, energies are a mean, the slowest bank decides."""
    name, bits_per_cell = kind
    query: dict[str, Any] = {"target": target, "bits_per_cell": bits_per_cell}
    array = find_array(load_technology(name), capacity=capacity, word=word, **query)
    banks = [find_array(load_technology(name), capacity=c, word=word, **query) for c in array.banks]
    area = sum(bank.area for bank in banks)
    columns = load_technology(name).tables[REFERENCE._replace(bits_per_cell=bits_per_cell)][target]
    built = next(w for w in columns if w >= word)
    address = math.ceil(math.log2(8 * sum(array.banks) / built))
    joint = join(load_wires(), area, len(banks), word, address, 22e-9, "LOP")
    assert array.area == pytest.approx(area + joint.area)
    assert array.leakage == pytest.approx(sum(bank.leakage for bank in banks))
    for figure, added in (("latency", joint.delay), ("energy", joint.energy)):
        for action in ("read", "write"):
            values = [getattr(bank, f"{action}_{figure}") for bank in banks]
            weights = array.banks if figure == "energy" else [v == max(values) for v in values]
            mean = sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
            assert getattr(array, f"{action}_{figure}") == pytest.approx(mean + added)
    assert sum(array.banks) >= capacity
    assert list(array.banks) == sorted(array.banks, reverse=True)


@given(wide, targets, capacities)
def test_no_bank_could_be_left_out_and_one_larger_array_is_no_better(
    kind: tuple[str, int], target: str, capacity: int
) -> None:
    name, bits_per_cell = kind
    conditions = REFERENCE._replace(bits_per_cell=bits_per_cell)
    rows = load_technology(name).tables[conditions][target][128]
    banks = compose(rows, capacity)
    assert sum(row.capacity for row in banks) - banks[-1].capacity < capacity
    assert merit(banks) <= min(merit([row]) for row in rows if row.capacity >= capacity)


@given(st.sampled_from(list_technologies()), st.data())
def test_no_larger_memory_costs_less(name: str, data: Any) -> None:
    """What a target asks for, such as area x leakage x latency, never falls with capacity."""
    _, _, columns = data.draw(st.sampled_from(list(columns_of(load_technology(name)))))
    rows = data.draw(st.sampled_from(list(columns.values())))
    sizes = st.integers(1, 2 * rows[-1].capacity)
    small, large = sorted((data.draw(sizes), data.draw(sizes)))
    assert merit(compose(rows, small)) <= merit(compose(rows, large)) * (1 + 1e-12)


@given(
    st.sampled_from(["SRAM_htree", "RRAM"]),
    st.sampled_from(["LOP", "LSTP", "HP"]),
    st.integers(64 * KIB, 4 * MIB),
    st.integers(64 * KIB, 4 * MIB),
)
def test_who_asks_for_the_least_leakage_never_gets_less_from_more(
    name: str, roadmap: str, one: int, other: int
) -> None:
    query: dict[str, Any] = {"word": 128, "roadmap": roadmap, "target": "Leakage"}
    small, large = (
        find_array(load_technology(name), capacity=size, laid_out=True, **query).leakage
        for size in sorted((one, other))
    )
    assert small <= large * (1 + 1e-12)


def test_a_low_leakage_memory_may_leave_capacity_unused() -> None:
    """NVSim lays 4 MiB out four times thriftier than 2 MiB; its own point says so and stays."""
    query: dict[str, Any] = {"word": 128, "roadmap": "LSTP"}
    htree = load_technology("SRAM_htree")
    own = find_array(htree, capacity=2 * MIB, **query)
    taken = find_array(htree, capacity=2 * MIB, laid_out=True, **query)
    assert (own.composition, taken.composition) == ("2 MiB", "4 MiB")
    assert own.warnings == ("NVSim's own point; machines take 4 MiB, 2.555 mm2 at any temperature",)
    assert find_array(htree, capacity=5 * MIB // 2, **query).leakage == taken.leakage


@given(
    st.sampled_from(["SRAM_htree", "RRAM"]),
    st.sampled_from(["LOP", "LSTP", "HP"]),
    st.integers(16 * KIB, 4 * MIB),
    st.lists(st.floats(300, 350), min_size=2, max_size=2),
)
def test_a_temperature_changes_no_area_and_heat_saves_no_leakage(
    name: str, roadmap: str, capacity: int, kelvins: list[float]
) -> None:
    cold, hot = (
        find_array(
            load_technology(name), capacity=capacity, word=128, roadmap=roadmap,
            temperature=kelvin, laid_out=True, spare=True,
        )
        for kelvin in sorted(kelvins)
    )  # fmt: skip
    assert cold.area == pytest.approx(hot.area, rel=1e-12)
    assert cold.banks == hot.banks
    assert cold.leakage <= hot.leakage * (1 + 1e-12)


def test_the_memories_of_the_headline_are_composed_as_a_designer_would() -> None:
    htree = load_technology("SRAM_htree")
    found = {
        (technology.name, mebibytes): find_array(
            technology, capacity=int(mebibytes * MIB), word=128
        ).composition
        for technology, mebibytes in (
            (htree, 2.5), (RRAM, 1.5), (RRAM, 3), (RRAM, 4.5), (htree, 1 / 32), (htree, 144 / 1024)
        )
    }  # fmt: skip
    assert found == {
        ("SRAM_htree", 2.5): "2 MiB + 512 KiB",
        ("RRAM", 1.5): "1 MiB + 512 KiB",
        ("RRAM", 3): "2 MiB + 1 MiB",
        ("RRAM", 4.5): "4 MiB + 512 KiB",
        ("SRAM_htree", 1 / 32): "32 KiB",
        # 16 KiB of this target reads in 1.5 ns, slower than 256 KiB alone.
        ("SRAM_htree", 144 / 1024): "128 KiB + 32 KiB",
    }


def test_wires_grow_with_the_side_of_the_memory() -> None:
    """Energy with its length, delay of a distributed line with the square; one bank has none."""
    small, large = (join(load_wires(), area, 2, 128, 14, 22e-9, "LOP") for area in (1e-6, 4e-6))
    select = 128 * 3.75e-15 * (22 / 45) * (0.5 / 0.9) ** 2
    assert small.energy - select == pytest.approx(142 * 0.121e-12 * (0.5 / 0.9) ** 2 / 2)
    assert large.energy - select == pytest.approx(2 * (small.energy - select))
    assert small.delay == pytest.approx(0.23e-9 + 15e-12)
    assert large.delay == pytest.approx(4 * 0.23e-9 + 15e-12)
    assert join(load_wires(), 1e-6, 1, 128, 14, 22e-9, "LOP") == (0, 0, 0)
    four = join(load_wires(), 1e-6, 4, 128, 14, 22e-9, "LOP")
    assert four.energy - small.energy == pytest.approx(select)
    with pytest.raises(ConfigError, match=r"^bank_wires.yaml has no supply for 7 nm, LOP; add it"):
        join(load_wires(), 1e-6, 2, 128, 14, 7e-9, "LOP")


def test_copies_of_an_array_share_wires_as_long_as_all_of_them() -> None:
    one, two = (find_array(RRAM, capacity=MIB, word=128, copies=n) for n in (1, 2))
    joint = join(load_wires(), 2 * one.area, 2, 128, 17, 22e-9, "LOP")
    assert two.read_energy == pytest.approx(one.read_energy + joint.energy)
    assert two.read_latency == pytest.approx(one.read_latency + joint.delay)
    assert 2 * two.area == pytest.approx(2 * one.area + joint.area)


def test_more_than_the_largest_and_less_than_the_smallest_are_asked_for() -> None:
    assert find_array(RRAM, capacity=20 * MIB, word=128).composition == "16 MiB + 4 MiB"
    array = find_array(RRAM, capacity=40 * MIB, word=128, extrapolate=True)
    assert array.composition == "2 x 16 MiB + 8 MiB"
    small = find_array(RRAM, capacity=1, word=128, spare=True)
    smallest = find_array(RRAM, capacity=4 * KIB, word=128)
    assert figures(small) == figures(smallest)
    assert small.warnings == ("the banks of the table that hold it hold 4 KiB, 1 B are used",)


def test_a_word_that_the_table_lacks_lies_in_the_next_wider_one() -> None:
    array = find_array(RRAM, capacity=MIB, word=100)
    assert figures(array) == figures(find_array(RRAM, capacity=MIB, word=128))
    assert (array.word, array.exact) == (100, False)
    assert array.warnings == ("a word of 100 b lies in the table's next wider one, 128 b",)


@given(wide, capacities, words)
def test_density_and_bandwidth_follow_from_the_figures(
    kind: tuple[str, int], capacity: int, word: int
) -> None:
    name, bits_per_cell = kind
    array = find_array(
        load_technology(name), capacity=capacity, word=word, bits_per_cell=bits_per_cell
    )
    assert array.density * array.area == pytest.approx(8 * capacity, rel=1e-12)
    assert array.read_bandwidth * array.read_latency == pytest.approx(word / 8, rel=1e-12)


def test_two_bits_per_cell_hold_data_capacity_not_cells() -> None:
    """RRAM, 1 MiB of data at 2 bits per cell: 0.133 mm2; counting cells it would be twice that."""
    array = find_array(RRAM, capacity=MIB, word=64, bits_per_cell=2)
    assert array.area == pytest.approx(0.133e-6, abs=0.0005e-6)


@pytest.mark.parametrize(
    ("grade", "bits_per_cell", "read_latency", "read_energy", "pulses", "joules"),
    [
        ("low", 1, 1, 1, 10e-9, 0.6e-12),
        ("typical", 1, 1, 1, 100e-9, 0.6e-12),
        ("high", 1, 2.6, 3.6, 10e-6, 4e-12),
        ("low", 2, 1, 1, 90e-9, 5.4e-12),
        ("typical", 2, 1.27, 1.5, 1700e-9, 10.2e-12),
        ("high", 2, 3.3, 3.6, 240e-6, 96e-12),
    ],
)
def test_grades_correct_the_table_by_the_stated_rule(
    grade: Any,
    bits_per_cell: int,
    read_latency: float,
    read_energy: float,
    pulses: float,
    joules: float,
) -> None:
    """RRAM: multipliers on reads; 10 ns and 0.6 pJ a cell replaced by pulses x verify steps."""
    array = find_array(RRAM, capacity=MIB, word=128, bits_per_cell=bits_per_cell, grade=grade)
    conditions = REFERENCE._replace(bits_per_cell=bits_per_cell)
    (row,) = (r for r in RRAM.tables[conditions]["ReadEDP"][128] if r.capacity == MIB)
    assert array.read_latency == pytest.approx(row.read_latency * read_latency, rel=1e-12)
    assert array.read_energy == pytest.approx(row.read_energy * read_energy, rel=1e-12)
    assert array.write_latency == pytest.approx(row.write_latency - 10e-9 + pulses, rel=1e-12)
    cells = 128 / bits_per_cell
    assert array.write_energy == pytest.approx(
        row.write_energy + cells * (joules - 0.6e-12), rel=1e-12
    )
    assert (array.area, array.leakage) == (row.area, row.leakage)


def test_limits_of_the_cell() -> None:
    assert find_array(SRAM, capacity=MIB, word=64).endurance is None
    assert find_array(SRAM, capacity=MIB, word=64).volatile
    array = find_array(RRAM, capacity=MIB, word=64, grade="high")
    assert (array.endurance, array.retention, array.volatile) == (1e3, 2.4e3, False)


def test_default_roadmap_is_that_of_the_technology() -> None:
    assert find_array(load_technology("FeFET"), capacity=MIB, word=64).roadmap == "LSTP"
    leakages = [
        find_array(SRAM, capacity=MIB, word=64, roadmap=roadmap).leakage
        for roadmap in ("LSTP", "LOP", "HP")
    ]
    assert leakages == sorted(leakages)
    assert leakages[2] > 100 * leakages[0]


def test_latencies_that_the_table_interpolates_are_said() -> None:
    array = find_array(SRAM, capacity=MIB // 2, word=128)
    assert not array.exact
    assert array.warnings == (
        "interpolated in the table itself, between neighbours in capacity: "
        "read latency and write latency of 512 KiB x 128 b",
    )
    # Of a composed array too, once for each bank.
    assert find_array(SRAM, capacity=3 * MIB // 2, word=128).warnings == array.warnings


def test_the_source_names_rows_device_and_wires() -> None:
    rows = "NVSim run: lpentecost/nvsim-merged 282038a, NVMExplorer cell/cfg defaults"
    device = "; device rows: rram.yaml, typical"
    assert find_array(RRAM, capacity=4 * MIB, word=128).source == rows + device
    two = find_array(RRAM, capacity=5 * MIB, word=128).source
    assert two == f"{rows}{device}; between banks: bank_wires.yaml"


@given(st.floats(300, 350, width=32), st.sampled_from(["LOP", "LSTP", "HP"]), wide)
def test_figures_between_two_temperatures_follow_them_exponentially(
    temperature: float, roadmap: str, kind: tuple[str, int]
) -> None:
    name, bits_per_cell = ("SRAM_htree", 1) if kind[0] == "SRAM" else kind
    query: dict[str, Any] = {"word": 128, "bits_per_cell": bits_per_cell, "roadmap": roadmap}
    technology = load_technology(name)
    cold, array, hot = (
        find_array(technology, capacity=3 * MIB, temperature=kelvin, **query)
        for kelvin in (300, temperature, 350)
    )
    share = (temperature - 300) / 50
    for figure in FIGURES:
        low, high = getattr(cold, figure), getattr(hot, figure)
        assert getattr(array, figure) == pytest.approx(low * (high / low) ** share)
    said = f"{temperature:g} K lies between the table's 300 and 350 K"
    assert (said in array.warnings) == (min(share, 1 - share) > 1e-9)


@pytest.mark.parametrize(("name", "slope"), [("SRAM_htree", 0.676), ("RRAM", 0.958)])
def test_a_point_that_is_missing_at_a_temperature_is_carried_over(name: str, slope: float) -> None:
    """32 KiB are in the table at 350 K alone; its leakage takes the slope of arrays built alike."""
    technology = load_technology(name)
    cold, hot = (
        find_array(technology, capacity=32 * KIB, word=128, temperature=kelvin)
        for kelvin in (300, 350)
    )
    at = [REFERENCE._replace(temperature=kelvin) for kelvin in (350, 300)]
    assert leakage_slope(technology, *at) == pytest.approx(slope, abs=1e-3)
    assert cold.leakage == pytest.approx(leakage_slope(technology, *at) * hot.leakage)
    assert (cold.area, cold.read_energy) == (hot.area, hot.read_energy)
    assert cold.warnings == (
        "not in the table at this temperature, leakage carried over: 32 KiB x 128 b",
    )
    assert (hot.exact, cold.exact) == (True, False)
    assert leakage_slope(technology, at[0], at[0]._replace(roadmap="HP")) == 0


def test_outside_the_temperatures_of_the_tables_is_refused() -> None:
    for kelvin in (299, 351):
        with pytest.raises(
            ConfigError, match=rf"^RRAM: no arrays of .* LOP, {kelvin} K; rram.yaml"
        ):
            find_array(RRAM, capacity=MIB, word=128, temperature=kelvin)


def test_a_warning_of_the_device_goes_with_every_array() -> None:
    array = find_array(load_technology("PCM"), capacity=MIB, word=64)
    assert array.exact
    assert array.warnings == (
        "the write energy of the default PCM cell, 1 pJ, is far below that of measured cells; "
        "the high grade, 30 nJ, is the other end",
    )


ADVICE = "; choose one inside"
RRAM_HAS = (
    "rram.yaml has: 1 b/cell at 22 nm, LOP, 350 K; 1 b/cell at 22 nm, HP, 350 K; "
    "1 b/cell at 22 nm, LSTP, 350 K; 1 b/cell at 22 nm, LOP, 300 K; 1 b/cell at 45 nm, LOP, 350 K; "
    "2 b/cell at 22 nm, LOP, 350 K; 2 b/cell at 22 nm, HP, 350 K; 2 b/cell at 22 nm, LSTP, 350 K; "
    "2 b/cell at 22 nm, LOP, 300 K; 2 b/cell at 45 nm, LOP, 350 K; 1 b/cell at 22 nm, HP, 300 K; "
    "1 b/cell at 22 nm, LSTP, 300 K; 2 b/cell at 22 nm, HP, 300 K; 2 b/cell at 22 nm, LSTP, 300 K"
)
TARGETS = (
    "known: Area, Leakage, ReadEDP, ReadEnergy, ReadLatency, WriteEDP, WriteEnergy, WriteLatency"
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"capacity": 2 * KIB, "extrapolate": True},
            "RRAM, ReadEDP, 1 b/cell at 22 nm, LOP, 350 K, 64 b: capacity 2 KiB is outside the "
            f"table, 4 KiB to 16 MiB{ADVICE}",
        ),
        (
            {"capacity": 32 * MIB, "spare": True},
            "RRAM, ReadEDP, 1 b/cell at 22 nm, LOP, 350 K, 64 b: capacity 32 MiB is outside the "
            "table, 4 KiB to 16 MiB; choose less than twice the largest, or allow several of them "
            "(in a file `extrapolate: true`, of `accelsim tech` --extrapolate)",
        ),
        (
            {"word": 1024, "extrapolate": True},
            "RRAM, ReadEDP, 1 b/cell at 22 nm, LOP, 350 K: word 1024 b is wider than the table's, "
            "64, 128, 256, 512 b; choose one of them",
        ),
        (
            {"bits_per_cell": 3},
            "RRAM: no arrays of 3 b/cell at 22 nm, LOP, 350 K; RRAM_3bit has such cells: name it "
            f"as technology; {RRAM_HAS}",
        ),
        ({"node": 12e-9}, f"RRAM: no arrays of 1 b/cell at 12 nm, LOP, 350 K; {RRAM_HAS}"),
        ({"roadmap": "lop"}, f"RRAM: no arrays of 1 b/cell at 22 nm, lop, 350 K; {RRAM_HAS}"),
        ({"temperature": 360}, f"RRAM: no arrays of 1 b/cell at 22 nm, LOP, 360 K; {RRAM_HAS}"),
        (
            {"target": "ReadEPD"},
            "RRAM: no arrays optimised for 'ReadEPD' with 1 b/cell at 22 nm, LOP, 350 K: "
            f"did you mean ReadEDP? {TARGETS}",
        ),
        (
            {"target": "x"},
            f"RRAM: no arrays optimised for 'x' with 1 b/cell at 22 nm, LOP, 350 K: {TARGETS}",
        ),
        (
            {"capacity": 0, "extrapolate": True},
            "RRAM: expected a capacity and a word of at least 1, got 0 B and 64 b",
        ),
        (
            {"grade": "usual"},
            "RRAM: unknown grade 'usual'; known: low, typical, high",
        ),
    ],
)
def test_errors_say_what_the_table_has(change: dict[str, Any], message: str) -> None:
    query: dict[str, Any] = {"capacity": MIB, "word": 64, **change}
    with pytest.raises(ConfigError) as error:
        find_array(RRAM, **query)
    assert str(error.value) == message


def test_what_joins_banks_by_hand() -> None:
    file = load_wires()
    mux, wire, shrink = file.multiplexer, file.wire, 22e-9 / file.multiplexer.node
    volts = file.supply(22e-9, "LOP")
    assert join(file, 4e-6, 1, 64, 20, 22e-9, "LOP") == (0.0, 0.0, 0.0)
    # 2 mm a side, of which a bit of word or address goes half; of five banks three levels choose.
    five = join(file, 4e-6, 5, 64, 20, 22e-9, "LOP")
    carried = (64 + 20) * wire.energy_per_bit_mm * (volts / wire.voltage) ** 2
    chosen = 3 * 64 * mux.energy_per_bit * shrink * (volts / mux.voltage) ** 2
    assert five.energy == pytest.approx(carried + chosen)
    assert five.delay == pytest.approx(4 * wire.delay_per_mm2 + 3 * mux.delay)
    assert five.area == pytest.approx(4 * 64 * mux.area_per_bit * shrink**2)
    assert shrink != 1
