"""The clock follows the supply, and what does not go together is refused."""

from __future__ import annotations

import pytest

from accelsim.account.prices import price_list
from accelsim.errors import ConfigError
from accelsim.machine.chip_state import NOMINAL, ChipState, PowerState
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.memory.protection import Code

SHIPPED = ["edgebert_overlapped", "systolic_npu"]
IDEAL = "power.regulator={kind: buck, efficiency: 1}"


def machine(*settings: str, name: str = "edgebert_overlapped") -> HardwareConfig:
    return load_hardware(f"hwconfigs/{name}.yaml", settings)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_clock_of_a_voltage_is_that_of_the_operating_point(name: str) -> None:
    shipped = machine(name=name)
    assert shipped.clock.frequency == 1e9
    assert len(shipped.lower_points) == 6
    for point in shipped.lower_points:
        lower = machine(f"clock.voltage={point.voltage} V", name=name)
        assert lower.clock.frequency == point.frequency
    assert shipped.lower_points[0].frequency == 620e6


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("clock.frequency=2 GHz", r"clock\.frequency: 2\.00 GHz does not go with 0\.8 V, where "
         r"clock\.law allows at most 1\.00 GHz; change one of the two$"),
        ("clock.voltage=0.2 V", r"clock\.voltage: .*0\.2 V, where clock\.law allows no clock"),
        ("scaling.points=[{voltage: 0.6 V, frequency: 800 MHz}]", r"points\[0\]\.frequency: 800"),
        ("clock.voltage=0.9 V", "a linear regulator makes no 0.9 V of 0.8 V; raise it"),
        ("clock.law.threshold=0.8 V", "0.8 V is not above the threshold"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        machine(setting)


def test_the_refusal_names_the_clock_that_would_go() -> None:
    with pytest.raises(ConfigError, match=r"625 MHz does not go with 0\.5 V, .* at most 620 MHz;"):
        machine("clock.voltage=0.5 V", "clock.frequency=625 MHz")
    assert machine("clock.voltage=0.5 V", "clock.frequency=620 MHz").clock.frequency == 620e6


def test_a_slower_clock_than_the_fastest_is_a_choice() -> None:
    assert machine("clock.frequency=500 MHz").clock.frequency == 500e6


@pytest.mark.parametrize(("clock", "told"), [("1 GHz", False), ("1.25 GHz", True)])
def test_a_clock_beyond_the_account_of_logic_is_told(clock: str, told: bool) -> None:
    notes = price_list(machine(f"clock.law.frequency={clock}")).unpriced["power"]
    assert (f"a clock of {clock}, beyond the 1 GHz of the account of logic" in notes) == told


def test_a_regulator_of_another_kind_alone_is_one_problem() -> None:
    with pytest.raises(ConfigError) as refused:
        machine("power.regulator.kind=buck")
    assert "\n" not in str(refused.value)
    assert "power.regulator: a buck has an efficiency where an ldo has an input" in str(
        refused.value
    )


@pytest.mark.parametrize(
    ("regulator", "energy", "leakage"),
    [
        ("{kind: ldo, input: 0.8 V}", 1, 0),
        ("{kind: buck, efficiency: 1}", 2, 1),
        ("{kind: buck, efficiency: 0.85}", 2, 1),
    ],
)
def test_a_linear_regulator_saves_a_power_of_the_voltage_less(
    regulator: str, energy: int, leakage: int
) -> None:
    prices = price_list(machine(f"power.regulator={regulator}"))
    low = ChipState(PowerState.ACTIVE, "0.50 V")
    assert prices.supplies.dynamic(low.point, "pe_array") == pytest.approx(0.625**energy)
    assert prices.supplies.leakage(low, "pe_array") == pytest.approx(0.625**leakage)
    assert prices.supplies.dynamic(low.point, "rram") == 1


def test_a_lower_nominal_voltage_costs_what_the_operating_point_does() -> None:
    for regulator in (IDEAL, "power.regulator={kind: ldo, input: 0.8 V}"):
        scaled, own = (
            price_list(machine(regulator)),
            price_list(machine(regulator, "clock.voltage=0.5 V")),
        )
        low = ChipState(PowerState.ACTIVE, "0.50 V")
        for block, action in (("pe_array", "mac"), ("sfu", "softmax"), ("weight_buffer", "read")):
            at = scaled.unit(block, action, low.point)
            assert own.joules[block, action] == pytest.approx(at)
            leaked = scaled.watts[block] * scaled.supplies.leakage(low, block)
            assert own.watts[block] == pytest.approx(leaked)


@pytest.mark.parametrize(
    ("regulator", "left"),
    [
        ("{kind: ldo, input: 0.8 V}", 0.625),
        ("{kind: buck, efficiency: 1}", 0.625**2),
        ("{kind: buck, efficiency: 0.85}", 0.625**2 / 0.85),
    ],
)
def test_wires_of_a_buffer_follow_the_logic_and_its_array_does_not(
    regulator: str, left: float
) -> None:
    """18,432 B at 0.2 pJ of wires each are 3.69 of 17.0 nJ: 15.6, 14.75, 15.0 nJ at 0.5 V."""
    usual = price_list(machine())
    low = price_list(machine(f"power.regulator={regulator}", "clock.voltage=0.5 V"))
    wires = 8 * 25e-15
    for buffer in ("weight_buffer", "activation_buffer", "auxiliary_memory"):
        saved = usual.joules[buffer, "read"] - low.joules[buffer, "read"]
        assert saved == pytest.approx((1 - left) * wires)
        # What comes off the bus passes none of these wires.
        assert usual.joules[buffer, "write"] == low.joules[buffer, "write"]


def test_a_codec_at_a_memory_is_logic() -> None:
    code = Code("secded", 64)
    regulators = (IDEAL, "power.regulator={kind: buck, efficiency: 0.5}")
    ideal, lossy = (price_list(machine(each), [("rram", code)]) for each in regulators)
    for action in (f"correct_{code.name}", f"encode_{code.name}"):
        assert lossy.joules["rram", action] == 2 * ideal.joules["rram", action]
        at = ideal.unit("rram", action, "0.50 V")
        assert at == pytest.approx(0.625**2 * ideal.joules["rram", action])
    assert lossy.joules["rram", "read"] == ideal.joules["rram", "read"]


def test_losses_of_a_regulator_are_paid_at_the_nominal_voltage_too() -> None:
    ideal = price_list(machine(IDEAL))
    lossy = price_list(machine("power.regulator={kind: buck, efficiency: 0.8}"))
    assert lossy.joules["pe_array", "mac"] == ideal.joules["pe_array", "mac"] / 0.8
    assert lossy.watts["pe_array"] == pytest.approx(ideal.watts["pe_array"] / 0.8)
    assert lossy.joules["rram", "read"] == ideal.joules["rram", "read"]
    assert lossy.supplies.dynamic(NOMINAL, "pe_array") == 1
