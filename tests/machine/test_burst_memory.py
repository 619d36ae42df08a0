"""A memory that answers with bursts: its times and states by hand, its figures by their sources."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_workload import MAIN, small_results, small_workload

from accelsim import Point, evaluate
from accelsim.errors import CapacityError, ConfigError, MappingError, ProgramError
from accelsim.evaluation.stages import run_workload
from accelsim.machine.components.burst_memory import BurstMemory
from accelsim.machine.schema import load_hardware
from accelsim.memory.burst_memory import CurrentKind, list_burst_memories, load_burst_memory
from accelsim.memory.temperature import at_temperature
from accelsim.program import Range, Use
from accelsim.units import to_seconds, to_ticks

CASE = "adapter_mixed"
PARTS = list_burst_memories()
US = to_ticks(1e-6)


def memory(name: str, rests_in: str = "") -> BurstMemory:
    part = load_burst_memory(name)
    return BurstMemory("dram", part, rests_in or part.rests_in)  # type: ignore[arg-type]


def read(size: int, address: int = 0) -> Use:
    return Use("dram", "read", Range(address, size))


def test_an_access_is_wake_up_commands_and_bytes() -> None:
    octal = memory("psram_octal", "half_sleep")
    first = octal.occupancy(read(1500), 0)
    assert first == to_ticks(150e-6) + 2 * to_ticks(60e-9) + to_ticks(1500 / 400e6)
    assert octal.extra_amounts() == {"read_command": 2, "read_transfer": 750}
    # A pause as long as the wake-up is spent in standby, a longer one in the deeper state.
    awake = octal.occupancy(read(2), first + 150 * US)
    assert awake == to_ticks(60e-9) + to_ticks(2 / 400e6)
    asleep = octal.occupancy(read(2), first + 150 * US + awake + 151 * US)
    assert asleep == 150 * US + awake
    end = first + 150 * US + awake + 151 * US + asleep
    octal.take_background(end + 400 * US)
    assert octal.residency == {
        "access": first - 150 * US + 2 * awake,
        "standby": (150 + 150 + 150 + 150 + 150) * US,
        "half_sleep": (1 + 250) * US,
    }


accesses = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 9000)), max_size=8)


@given(st.sampled_from(PARTS), accesses, accesses)
def test_ticks_add_up_and_equal_states_have_equal_futures(
    name: str, past: list[tuple[int, int]], future: list[tuple[int, int]]
) -> None:
    one = memory(name)
    now = serve(one, 0, past) + 7
    key, state = one.state_key(now), one.state_at(now)
    assert sum(one.residency.values()) == now
    other = memory(name)
    before = 3 * now + 5
    other.take_background(before)
    other.resume(state, before, one.residency)
    assert other.state_key(before) == key
    assert serve(other, before, future) - before == serve(one, now, future) - now


def serve(server: BurstMemory, now: int, accesses: list[tuple[int, int]]) -> int:
    for pause, size in accesses:
        now += pause * US
        now += server.occupancy(read(size), now)
    server.take_background(now)
    return now


# By hand, at 350 K: volts x microamperes, which grow between two temperatures as an exponential;
# typical, and at most. The same where a data sheet has one kind.
_HOT = 52 / 60
IDLE_MICROWATTS = {
    ("psram_octal", "standby"): (1.8 * 100 * 2**_HOT,) * 2,
    ("psram_octal", "half_sleep"): (1.8 * 20 * 2**_HOT,) * 2,
    ("psram_octal", "deep_power_down"): (1.8 * 10,) * 2,
    ("psram_quad", "standby"): (1.8 * 25 * 4**_HOT,) * 2,
    ("hyperram", "standby"): (1.8 * 300,) * 2,
    ("hyperram", "deep_power_down"): (1.8 * 20,) * 2,
    ("nor_quad", "standby"): (3.3 * 30,) * 2,
    ("nor_quad", "deep_power_down"): (3.3 * 0.2 * 50**_HOT, 3.3 * 10),
    ("nor_octal", "standby"): (1.8 * 50 * 4**_HOT, 1.8 * 200),
    ("nor_octal", "deep_power_down"): (1.8 * 3 * (50 / 3) ** _HOT, 1.8 * 50),
    ("nand_spi", "standby"): (1.8 * 10 * 5**_HOT, 1.8 * 50),
    ("nand_spi", "deep_power_down"): (1.8 * 10**_HOT, 1.8 * 10),
    ("emmc", "standby"): (3.3 * 12_000, 3.3 * 18_000),
    ("emmc", "deep_power_down"): (3.3 * 200 * 1.5**_HOT, 3.3 * 300),
}
KINDS: tuple[CurrentKind, ...] = ("typical", "maximum")
EXITS = {"psram_octal": 150e-6, "hyperram": 150e-6, "nor_quad": 10e-6, "nor_octal": 30e-6}
EXITS |= {"nand_spi": 50e-6, "emmc": 1e-3}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "state"), IDLE_MICROWATTS, ids=str)
def test_an_idle_hour_costs_what_the_data_sheet_says(
    name: str, state: str, kind: CurrentKind
) -> None:
    """After an access standby for as long as waking takes, then the state, and nothing else."""
    settings = (f"dram.technology={name}", f"dram.idle_state={state}", f"dram.currents={kind}")
    found = load_hardware("hwconfigs/edgebert_overlapped.yaml", settings)
    server = memory(name, state)
    busy = server.occupancy(read(1024), 0)
    hour = busy + to_ticks(3600.0)
    server.take_background(hour)
    watts = found.datasheets["dram"].states
    joules = math.fsum(watts[at] * to_seconds(ticks) for at, ticks in server.residency.items())
    exit_time = 0.0 if state == "standby" else EXITS[name]
    awake = IDLE_MICROWATTS[name, "standby"][KINDS.index(kind)] * exit_time
    # The first access had to wake it.
    rest = IDLE_MICROWATTS[name, state][KINDS.index(kind)]
    expected = 2 * awake + rest * (3600 - exit_time)
    assert joules == pytest.approx(1e-6 * expected, rel=1e-9)


def test_every_cold_home_is_worked_out_by_hand() -> None:
    known = {(n, s) for n in PARTS for s in load_burst_memory(n).rests}
    assert {pair for pair in known if not pair[0].startswith("lpddr5")} == set(IDLE_MICROWATTS)


@pytest.mark.parametrize("name", PARTS)
def test_deeper_is_less_and_flash_forgets_nothing(name: str) -> None:
    part = load_burst_memory(name)
    for kind in KINDS:
        powers = [part.rest_power(state, 350, kind) for state in part.rests]
        assert powers == sorted(powers, reverse=True)
    assert part.keeps(part.rests_in)
    assert part.volatile == (part.power.write is not None)


def test_a_current_is_exponential_between_temperatures() -> None:
    points = {318.0: 0.5, 358.0: 1.0}
    assert at_temperature(points, 338) == pytest.approx(math.sqrt(0.5))
    assert at_temperature(points, 278) == pytest.approx(0.25)
    assert at_temperature(points, 398) == pytest.approx(2.0)
    assert at_temperature({**points, 378.0: 8.0}, 368) == pytest.approx(math.sqrt(8))
    assert {at_temperature({300.0: 3.0}, kelvin) for kelvin in (1, 300, 400)} == {3.0}


@pytest.mark.parametrize("name", PARTS)
def test_what_a_part_typically_draws_is_below_what_none_exceeds(name: str) -> None:
    """At every temperature: rules for the two kinds are the same for every part."""
    part = load_burst_memory(name)
    moving = part.power.read
    assert moving.of("typical") <= moving.of("maximum")
    for state in part.rests:
        for kelvin in (298, 318, 350, 358):
            typical, most = (part.rest_power(state, kelvin, kind) for kind in KINDS)
            assert typical <= most * (1 + 1e-12)


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("nor_quad", "typical", []),
        ("nor_quad", "maximum", ["deep_power_down is stated at 358 K alone and does not follow"]),
        ("hyperram", "typical", ["no typical current of read and standby", "at 378 K alone"]),
        ("psram_octal", "maximum", ["read current, latency and half_sleep are recollected"]),
        ("lpddr5_6400", "maximum", ["no maximum current of read and self_refresh", "+-50 %"]),
        ("emmc", "maximum", ["currents and latency are recollected or estimated, +-50 %"]),
    ],
)
def test_a_run_is_told_of_figures_that_are_estimates_or_of_another_kind_or_temperature(
    name: str, kind: str, told: list[str]
) -> None:
    settings = (f"dram.technology={name}", f"dram.currents={kind}")
    machine = load_hardware("hwconfigs/edgebert_overlapped.yaml", settings)
    found = machine.datasheets["dram"].unpriced
    assert bool(found) == bool(told)
    assert all(text in found for text in told)


@given(st.dictionaries(st.integers(250, 400), st.floats(1e-7, 1e-2), min_size=2, max_size=4))
def test_a_current_is_exact_where_it_is_stated(points: Mapping[float, float]) -> None:
    for kelvin, current in points.items():
        assert at_temperature(points, kelvin) == pytest.approx(current)


@pytest.mark.parametrize(
    "current",
    ["{300 K: 0 A}", "{300 K: -1 uA}", "{300 K: 0 A, 360 K: 1 uA}", "{300 K: 2 uA, 360 K: 1 uA}"],
)
def test_nothing_rests_for_free_nor_for_less_when_hot(tmp_path: Path, current: str) -> None:
    text = Path("hwconfigs/technologies/psram_octal.yaml").read_text(encoding="utf-8")
    path = tmp_path / "psram.yaml"
    new = re.sub(r"maximum: \{[^}]*\}", f"maximum: {current}", text)
    path.write_text(new, encoding="utf-8")
    assert path.read_text() != text
    with pytest.raises(ConfigError, match=r"psram\.yaml:\d+: rests\."):
        load_burst_memory(path)


def edited(folder: Path, name: str, old: str, new: str) -> Path:
    text = Path(f"hwconfigs/technologies/{name}.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1, text
    path = folder / "part.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("nor_quad", "typical: 7 mA", "typical: 20 mA", r"power\.read\.typical: .* maximum read; "),
        (
            "nor_quad",
            "358 K: 10 uA}, m",
            "358 K: 11 uA}, m",
            r"deep_power_down\.current\.typical: ",
        ),
        ("nor_quad", "358 K: 30 uA", "358 K: 9 uA", r"rests\.deep_power_down\.current\..* standby"),
        (
            "nor_quad",
            "358 K: 30 uA",
            "358 K: 19 mA",
            r"rests\.standby\.current\.maximum: .* read; ",
        ),
        (
            "nor_quad",
            "83 MB/s",
            "83 GB/s",
            r"access\.bandwidth: .* 83\.00 MB/s, what its pins carry",
        ),
        (
            "nor_quad",
            "pins: 4",
            "pins: 2",
            r"access\.bandwidth: 83\.00 MB/s is more than 41\.50 MB",
        ),
        (
            "nor_quad",
            "pins: 4",
            "pins: 40",
            r"access\.pins: 40 is that of no part; expected one of ",
        ),
        (
            "nor_quad",
            "166 MHz\n",
            "16.6 MHz\n",
            r"access\.bandwidth: .* what its pins carry at its",
        ),
        ("nor_quad", "166 MHz\n", "16.6 GHz\n", r"access\.clock: 16\.60 GHz is more than 4\.808"),
        (
            "nor_quad",
            "edges: 1",
            "edges: 3",
            r"access\.edges: 3 is that of no part; expected one of",
        ),
        (
            "nor_quad",
            "653.4 pJ/B",
            "0 pJ/B",
            r"power\.bus: 0 J/B is less than 2\.400 pJ/B, 0\.3 pJ",
        ),
        (
            "nor_quad",
            "typical: 7 mA",
            "typical: 0 mA",
            r"power\.read\.typical: 0 A is less than 301",
        ),
        ("nor_quad", "8 MiB", "8 TiB", r"capacity: 8\.796 TB is more than 1\.100 TB, the largest"),
        ("nor_quad", "8 MiB", "1 KiB", r"capacity: 1024 is that of no part; expected whole blocks"),
        (
            "nor_quad",
            "0.12 us",
            "0 s",
            r"access\.latency: 0 s is less than 20\.00 ns, tRCD and tRL",
        ),
        (
            "nor_quad",
            "3.3 V\n",
            "0.1 V\n",
            r"power\.voltage: 100\.0 mV is less than 870\.0 mV, VDD",
        ),
        ("nor_quad", "3.3 V\n", "5 V\n", r"power\.voltage: 5\.000 V is more than 3\.600 V"),
        (
            "nor_quad",
            "exit: 10 us",
            "exit: 0 s",
            r"rests\.deep_power_down\.exit: 0 s is less than 3",
        ),
        (
            "nor_quad",
            "{298 K: 0.2",
            "{98 K: 0.2",
            r"current\.typical\..*: 98 K is too small; expec",
        ),
        (
            "psram_octal",
            "1 KiB",
            "16 MiB",
            r"access\.burst: 16\.78 MB is more than 8\.389 MB, the cap",
        ),
        (
            "psram_octal",
            "1 KiB",
            "1 B",
            r"access\.burst: 1\.000 B is less than 2\.000 B, a transfer",
        ),
        (
            "psram_octal",
            "fer: 2 B",
            "fer: 20 B",
            r"access\.transfer: 20 is that of no part; expected",
        ),
        (
            "psram_octal",
            "fer: 2 B",
            "fer: 1 B",
            r"access\.transfer: .* what its pins move in a clock",
        ),
        (
            "psram_octal",
            "8 MiB",
            "8 GiB",
            r"capacity: 8\.590 GB is more than 4\.295 GB, 32 Gb of a",
        ),
        (
            "psram_octal",
            ", keeps: false",
            "",
            r"rests\.deep_power_down: a volatile part .* keeps: f",
        ),
        (
            "psram_octal",
            "write: {",
            "# {",
            r"power: a volatile part that nobody writes; expected 'w",
        ),
        (
            "psram_octal",
            "{298 K: 20 uA,",
            "{298 K: 1 uA,",
            r"half_sleep\.current.* half of the thrif",
        ),
        (
            "psram_octal",
            "exit: 150 us, keeps",
            "exit: 99 us, keeps",
            r"deep_.*exit: .* half_sleep, ",
        ),
        ("lpddr5_6400", "exit: 0.3 us", "exit: 30 ns", r"self_refresh\.exit: .* a refresh \(tRFC4"),
    ],
)
def test_what_no_part_is_says_where_what_and_what_to_do(
    tmp_path: Path, name: str, old: str, new: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_burst_memory(edited(tmp_path, name, old, new))
    text = str(caught.value)
    assert re.search(rf"(?m)^{re.escape(str(tmp_path))}/part\.yaml:\d+: .*{said}", text), text
    assert "expected" in text


# -- in a machine ----------------------------------------------------------------------------------

QUIET = "requests={pattern: poisson, mean_interval: 2 ms, duration: 20 ms, seed: 2}"


def on(name: str, *more: str) -> tuple[str, ...]:
    return (f"hardware.dram.technology={name}", QUIET, "idle={policy: break_even}", *more)


@pytest.mark.parametrize("name", ["psram_octal", "nor_quad"])
def test_a_run_pays_for_bytes_commands_and_rest(name: str) -> None:
    result = small_results(*on(name))[CASE]
    ledger, part = result.run.ledger, load_burst_memory(name)
    counts = {action: ledger.amount("dram", f"read_{action}") for action in ("command", "transfer")}
    moved = counts["transfer"] * part.access.transfer
    assert ledger.amount("dram", "read") <= moved
    watts = part.power.voltage * part.power.read.of("maximum")
    spent = counts["command"] * watts * part.access.latency
    spent += moved * (watts / part.access.bandwidth + part.power.bus)
    account = result.figures.account
    assert account.dynamic_by(lambda key: key.block)["dram"] == pytest.approx(spent)
    rest = {
        state: part.rest_power(state, 350.0, "maximum")  # type: ignore[arg-type]
        * to_seconds(ticks)
        for state, ticks in ledger.dram_states.items()
        if state != "access"
    }
    assert account.standby == {"access": 0.0, **rest}
    assert sum(ledger.dram_states.values()) == result.run.makespan


def test_replay_changes_nothing() -> None:
    from accelsim.engine.run import Options

    workload = small_workload(*on("nor_quad"))
    plain = run_workload(workload, options=Options(replay=False))[CASE].run
    assert plain.ledger.digest() == small_results(*on("nor_quad"))[CASE].run.ledger.digest()


def test_what_does_not_go_is_refused() -> None:
    with pytest.raises(CapacityError, match=r"ends 1 B beyond the 8 MiB of quad NOR flash 64 Mb"):
        memory("nor_quad").occupancy(read(2, 2**23 - 1), 0)
    assert memory("nor_quad").occupancy(read(1, 2**23 - 1), 0) > 0
    for address, fits in ((2**23 - 300, True), (2**23 - 299, False)):
        apart = Use("dram", "read", Range(address, 100, pieces=3, stride=100))
        with nullcontext() if fits else pytest.raises(CapacityError, match="ends 1 B beyond"):
            memory("nor_quad").occupancy(apart, 0)
    with pytest.raises(ProgramError, match=r"asks 'dram' for 'write', which it does not do"):
        evaluate(Point(MAIN, ("sequence_length=256", "hardware.dram.technology=nor_quad"), (CASE,)))
    with pytest.raises(ConfigError, match=r"half_sleep'; it has standby, deep_power_down"):
        small_results(*on("nor_quad", "hardware.dram.idle_state=half_sleep"))
    lost = "hardware.dram.idle_state=deep_power_down"
    with pytest.raises(ConfigError, match=r"devices: unknown key; other kinds of 'dram' have it, "):
        small_workload(*on("nor_quad", "hardware.dram.devices=2"))
    homes = "hardware.placement.backbone={values: dram, masks: dram}"
    with pytest.raises(MappingError, match=r"lies in dram, which loses it"):
        small_results(*on("psram_octal", lost, homes))


def test_what_keeps_nothing_is_no_home_and_all_tasks_stay_on_the_chip() -> None:
    lost = on("psram_octal", "hardware.dram.idle_state=deep_power_down")
    homes = "hardware.placement.task={values: rram_masks, masks: rram_masks}"
    alone = tuple(f"cases.{CASE}.{setting}" for setting in (homes,))
    workload = small_workload(*lost, *alone)
    case = {CASE: workload.cases[CASE]}
    result = run_workload(type(workload)(workload.config, case, workload.path, ()))[CASE]
    assert result.figures.switches == 0
    assert result.run.ledger.dram_states.keys() <= {"deep_power_down", "standby"}


def test_a_technology_of_ones_own_is_found_by_its_kind(tmp_path: Path) -> None:
    shipped = Path("hwconfigs/technologies/psram_quad.yaml").read_text()
    own = tmp_path / "mine.yaml"
    own.write_text(shipped.replace("name: quad PSRAM 16 Mb", "name: mine"))
    machine = load_hardware(Path("hwconfigs/adapter_mixed.yaml"), (f"dram.technology={own}",))
    assert "mine" in machine.datasheets["dram"].source
