"""DRAM parts: the files, their errors, and the energies derived from them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from accelsim.errors import ConfigError
from accelsim.inputs.shipped import shipped_folder
from accelsim.memory.dram import DRAM_STATES, DramTechnology, list_drams, load_dram, prices

_REFERENCE = Path(__file__).resolve().parents[1] / "reference" / "dram_energies.csv"
_SHIPPED = shipped_folder("hwconfigs") / "technologies" / "lpddr4_3200.yaml"


def _reference() -> dict[str, dict[str, str]]:
    with _REFERENCE.open(encoding="utf-8") as file:
        lines = (line for line in file if not line.startswith("#"))
        return {row["part"]: row for row in csv.DictReader(lines)}


_OBSERVED = {
    "peak_bandwidth_GBps": lambda t: t.peak_bandwidth / 1e9,
    "activate_pJ": lambda t: t.activate_energy * 1e12,
    "read_core_pJ_per_byte": lambda t: (
        t.burst_energy("read", t.power.core) / t.organisation.burst_size * 1e12
    ),
    "write_core_pJ_per_byte": lambda t: (
        t.burst_energy("write", t.power.core) / t.organisation.burst_size * 1e12
    ),
    "read_interface_pJ_per_byte": lambda t: (
        t.burst_energy("read", t.power.interface) / t.organisation.burst_size * 1e12
    ),
    "write_interface_pJ_per_byte": lambda t: (
        t.burst_energy("write", t.power.interface) / t.organisation.burst_size * 1e12
    ),
    "active_standby_mW": lambda t: t.standby_power("active_standby", t.power.core) * 1e3,
    "precharge_standby_mW": lambda t: t.standby_power("precharge_standby", t.power.core) * 1e3,
    "power_down_mW": lambda t: t.standby_power("power_down", t.power.core) * 1e3,
    "self_refresh_mW": lambda t: t.standby_power("self_refresh", t.power.core) * 1e3,
    "refresh_nJ": lambda t: t.refresh_energy * 1e9,
    "read_stream_pJ_per_byte": lambda t: t.stream_energy("read") * 1e12,
    "write_stream_pJ_per_byte": lambda t: t.stream_energy("write") * 1e12,
}


def test_reference_covers_every_shipped_part():
    assert set(_reference()) == set(list_drams())
    assert set(next(iter(_reference().values()))) == {"part", *_OBSERVED}


@pytest.mark.parametrize("quantity", _OBSERVED)
@pytest.mark.parametrize("name", list_drams())
def test_derived_value_agrees_with_the_reference(name: str, quantity: str):
    expected = float(_reference()[name][quantity])
    assert _OBSERVED[quantity](load_dram(name)) == pytest.approx(expected, rel=0.005)


def test_lpddr4x_interface_is_scaled_from_lpddr4_as_its_file_says():
    base, scaled = load_dram("lpddr4_3200"), load_dram("lpddr4x_3200")
    assert "currents of the data pins are recollected or estimated" in scaled.unpriced
    assert not base.unpriced
    assert scaled.timing == base.timing
    assert scaled.power.core == base.power.core
    old, new = base.power.vddq, scaled.power.vddq
    assert old is not None
    assert new is not None
    assert new.read - new.active_standby == pytest.approx(
        (old.read - old.active_standby) * 0.300 / 0.367, rel=1e-3
    )
    assert new.write - new.active_standby == pytest.approx(
        (old.write - old.active_standby) * new.voltage / old.voltage, rel=1e-3
    )


@pytest.mark.parametrize("name", list_drams())
def test_file_names_a_source_for_every_group(name: str):
    part = load_dram(name)
    assert all(group.source for group in (part.organisation, part.timing, part.power))


def test_capacity_is_that_of_the_name():
    assert load_dram("lpddr4_3200").organisation.capacity * 8 == 8 * 2**30
    assert load_dram("lpddr3_1600").organisation.capacity * 8 == 4 * 2**30


def test_self_refresh_exit_is_the_refresh_cycle_and_the_margin_of_the_standard():
    for name, margin in (("lpddr4_3200", 7.5e-9), ("lpddr4x_3200", 7.5e-9), ("lpddr3_1600", 10e-9)):
        timing = load_dram(name).timing
        assert timing.self_refresh_exit == pytest.approx(timing.refresh_cycle + margin, rel=1e-12)


def test_precharge_of_all_banks_is_that_of_one_bank_where_the_source_has_none():
    assert load_dram("lpddr3_1600").timing.precharge_all_time == pytest.approx(18.75e-9)
    assert load_dram("lpddr4_3200").timing.precharge_all_time == pytest.approx(21.25e-9)


def test_prices_cover_core_and_data_pins_of_all_devices():
    part = load_dram("lpddr4_3200")
    one, three = prices(part), prices(part, 3)
    assert one["joules"]["read_burst"] == pytest.approx(32 * (42.11e-12 + 25.65e-12), rel=1e-3)
    assert one["watts"]["self_refresh"] == pytest.approx(1.8 * 0.3e-3 + 1.1 * 0.6e-3, rel=1e-12)
    assert tuple(one["watts"]) == DRAM_STATES
    for group in ("joules", "watts"):
        assert three[group] == {
            key: pytest.approx(3 * value, rel=1e-12) for key, value in one[group].items()
        }


def test_self_refresh_follows_temperature_and_share():
    # Micron's LPDDR, table 9: 0.5 mA at 45 C and 1 mA at 85 C, 0.5 of it for a sixteenth at 85 C.
    part = load_dram("lpddr4_3200")
    assert part.self_refresh_factor(298.0) == 1
    assert part.self_refresh_factor(338.0) == pytest.approx(2)
    assert part.self_refresh_factor(338.0, "1/16") == pytest.approx(1)
    stated = prices(part)["watts"]
    hot = prices(part, 2, part.self_refresh_factor(338.0))["watts"]
    assert hot == {
        state: pytest.approx(2 * watts * (2 if state == "self_refresh" else 1))
        for state, watts in stated.items()
    }
    known = {**part.self_refresh.partial}
    known.pop("1/8")
    lacking = part.model_copy(
        update={"self_refresh": part.self_refresh.model_copy(update={"partial": known})}
    )
    with pytest.raises(ConfigError, match=r"^refreshed: .* states 1/2, 1/4, 1/16, not '1/8'$"):
        lacking.self_refresh_factor(350.0, "1/8")


def test_deeper_states_draw_less():
    for name in list_drams():
        watts = prices(load_dram(name))["watts"]
        ordered = [watts["active_standby"], watts["precharge_standby"], watts["power_down"]]
        assert ordered == sorted(ordered, reverse=True)
        assert watts["self_refresh"] < watts["precharge_standby"]


def test_loading_is_cached_and_a_path_gives_an_equal_part():
    assert load_dram("lpddr4_3200") is load_dram("lpddr4_3200")
    assert load_dram(_SHIPPED) == load_dram("lpddr4_3200")
    assert load_dram("hwconfigs/technologies/lpddr4_3200.yaml") == load_dram("lpddr4_3200")


def test_a_part_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        load_dram("lpddr4_3200").name = "other"


def _edited(folder: Path, old: str, new: str) -> DramTechnology:
    text = _SHIPPED.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file = folder / "part.yaml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    return load_dram(file)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  tRCD: 18.125 ns", "  tRDC: 18.125 ns", r"timing\.tRDC: unknown key; did you mean 'tR"),
        ("  tRCD: 18.125 ns", "", r"timing\.tRCD: this key is missing"),
        (
            "  tRCD: 18.125 ns",
            "  tRCD: 29",
            r"timing\.tRCD: expected a quantity in s such as '1\.5 ns', got the bare number 29",
        ),
        (
            "  tRCD: 18.125 ns",
            "  tRCD: 18.125 mA",
            r"timing\.tRCD: expected a unit of s, got 'mA', a unit of A",
        ),
        ("IDD4R: 150 mA", "IDD4R: 150 mV", r"power\.VDDQ\.IDD4R: expected a unit of A, got 'mV'"),
        (
            "IDD0: 45 mA",
            "IDD0: 20 mA",
            r"power\.VDD2\.IDD0: 20\.00 mA is less than 29\.10 mA, the mean of IDD3N \(tRAS\) and "
            r"IDD2N \(tRP\); a command would give energy; expected at least 29\.10 mA: correct it",
        ),
        (
            "IDD4R: 150 mA",
            "IDD4R: 0.1 mA",
            r"power\.VDDQ\.IDD4R: 100\.0 uA is less than 750\.0 uA, IDD3N; a command would give",
        ),
        (
            "IDD2P: 3 mA",
            "IDD2P: 28 mA",
            r"power\.VDD2\.IDD2N: 27\.00 mA is less than 28\.00 mA, IDD2P of a deeper state",
        ),
        (
            "IDD2N: 27 mA",
            "IDD2N: 31 mA",
            r"power\.VDD2\.IDD3N: 30\.00 mA is less than 31\.00 mA, IDD2N of a deeper state",
        ),
        (
            "IDD6: 0.5 mA",
            "IDD6: 0 mA",
            r"power\.VDD2\.IDD6: 0 A is no more than 0 A, nothing rests for free; expected more",
        ),
        (
            "tCCD: 5 ns",
            "tCCD: 0.5 ns",
            r"timing\.tCCD: 500\.0 ps is less than 625\.0 ps, a clock \(tCK\); expected at least",
        ),
        (
            "tXSR: 287.5 ns",
            "tXSR: 100 ns",
            r"timing\.tXSR: 100\.0 ns is less than 280\.0 ns, tRFCab within it; expected at least",
        ),
        (
            "tREFI: 3903.75 ns",
            "tREFI: 1 s",
            r"timing\.tREFI: 1\.000 s is more than 15\.63 us, the interval of the least demanding",
        ),
        (
            "page_size: 2 KiB",
            "page_size: 2 MiB",
            r"organisation\.page_size: 2097152 is",
        ),
        (
            "device_width: 16 b",
            "device_width: 1024 b",
            r"organisation\.device_width: 1024 is that of no part; expected one of 4, ",
        ),
        (
            "1/16: 0.50",
            "1/16: 0.56",
            r"self_refresh\.partial\.1/16: 0\.56 is more than 0\.55 of 1/8",
        ),
        (
            "358 K: 1000 uA",
            "358 K: 400 uA",
            r"self_refresh\.relative: 0\.0004 A at 358 K is less than 0\.0005 A at 318 K; expected",
        ),
        ("tRFCab: 280 ns", "tRFCab: 1 ns", r"timing\.tRFCab: 1\.000 ns is less than 130\.0 ns, th"),
        (
            "rows: 65536 ",
            "rows: 65536000 ",
            r"organisation\.rows: 65536000 is that of no part; expected 2\^n or 3 x 2\^n, dens",
        ),
        ("rows: 65536 ", "rows: 524288 ", r"organisation\.rows: 524288 is more than 262144, row"),
        (
            "IDD6: 0.5 mA",
            "IDD6: 20 mA",
            r"power\.VDD2\.IDD6: 20\.00 mA is more than 11\.61 mA, IDD2P and refreshes twice as",
        ),
        (
            "IDD6: 0.5 mA",
            "IDD6: 1 nA",
            r"power\.VDD2\.IDD6: 1\.000 nA is less than .*, half of the thriftiest refresh kn",
        ),
        ("IDD4R: 275 mA", "IDD4R: 30 mA", r"power\.VDD2\.IDD4R: .*; a command would be free; "),
        ("IDD4R: 150 mA", "IDD4R: 0.75 mA", r"power\.VDDQ\.IDD4R: .*; a command would be free; "),
        (
            "tCCD: 5 ns",
            "tCCD: 3 ns",
            r"timing\.tCCD: 3\.000 ns is less than 5\.000 ns, a burst of BL/2 clocks; expected",
        ),
        ("tRAS: 42.5 ns", "tRAS: 18 ns", r"timing\.tRAS: 18\.00 ns is less than 25\.00 ns, "),
        ("tRPab: 21.25 ns", "tRPab: 17 ns", r"timing\.tRPab: 17\.00 ns is less than 18\.12 ns"),
        ("tCK: 0.625 ns", "tCK: 0.0625 ns", r"timing\.tCK: 62\.50 ps is less than 208\.0 ps, th"),
        ("stated_at: 298 K", "stated_at: 29 K", r"self_refresh\.stated_at: 29 K is too small; e"),
        ("1/16: 0.50", "1/16: 0.05", r"self_refresh\.partial\.1/16: 0\.05 is less than 0\.0625,"),
        ("banks: 8", "banks: 0", r"organisation\.banks: input should be greater than 0, got 0"),
        (
            "page_size: 2 KiB",
            "page_size: 48 B",
            r"organisation\.page_size: 48 is that of no part; expected one of 512, ",
        ),
        (
            "tREFI: 3903.75 ns",
            "tREFI: 300 ns",
            r"document: timing\.tREFI of 300 ns leaves no time between refreshes; "
            r"expected more than 376\.875 ns",
        ),
    ],
)
def test_wrong_file_says_where_and_what(tmp_path: Path, old: str, new: str, message: str):
    with pytest.raises(ConfigError) as caught:
        _edited(tmp_path, old, new)
    place = re.escape(str(tmp_path / "part.yaml")) + r":\d+: "
    assert re.search(f"(?m)^{place}{message}", str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    ("rail", "volts", "wrong"),
    [
        ("VDD1", 1.8, "0.18 V"),
        ("VDD2", 1.1, "0.1 V"),
        ("VDD2", 1.1, "3.3 V"),
        ("VDDQ", 1.1, "0.2 V"),
    ],
)
def test_a_supply_is_that_of_a_standard(
    tmp_path: Path, rail: str, volts: float, wrong: str
) -> None:
    old = f"  {rail}:\n    voltage: {volts} V"
    with pytest.raises(ConfigError, match=rf"part\.yaml:\d+: power\.{rail}\.voltage: .* JESD"):
        _edited(tmp_path, old, f"  {rail}:\n    voltage: {wrong}")


def test_what_never_forgets_is_not_held_against_refresh(tmp_path: Path) -> None:
    """An MRAM says so; without that word an interval of years is refreshing for free."""
    never = "tREFI: 1e9 s\n  refreshed: false"
    assert _edited(tmp_path, "tREFI: 3903.75 ns", never).refresh_power == pytest.approx(
        0, abs=1e-15
    )


def test_unknown_part_names_the_shipped_ones():
    message = (
        r"^unknown DRAM part 'lpddr4_3201': did you mean lpddr4_3200\? known: "
        r"emmc, hyperram, lpddr3_1600, .*, psram_quad, or the path of a \.yaml file$"
    )
    with pytest.raises(ConfigError, match=message):
        load_dram("lpddr4_3201")
