from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.memory.faults.measured import MeasuredCells
from accelsim.memory.faults.model import FaultConfig, RelaxationConfig, fault_model
from accelsim.memory.technology import load_technology

RRAM = load_technology("rram")
CELLS = RRAM.measured_cells
GRADES = ("low", "typical", "high")
DAY = 86_400.0


def rate(bits: int, **changes: object) -> float:
    """Return the share of misread cells, levels equally frequent."""
    config = FaultConfig.model_validate({"levels": "measured", **changes})
    return fault_model(RRAM, bits, config).fault_probability()


@pytest.mark.parametrize(
    ("bits", "bit_errors"), [(1, (1.4e-4, 4e-4, 5.4e-4)), (2, (5.9e-4, 1.3e-3, 2.6e-3))]
)
def test_bits_fail_after_programming_as_the_macro_says(
    bits: int, bit_errors: tuple[float, ...]
) -> None:
    for grade, errors in zip(GRADES, bit_errors, strict=True):
        table = fault_model(RRAM, bits, FaultConfig(levels="measured", grade=grade))
        # In Gray code a misread cell has one wrong bit.
        assert table.flips("gray").one == pytest.approx(bits * errors)
        assert table.flips("gray").more == 0


def test_a_day_later_half_a_percent_to_nine_are_misread() -> None:
    for grade, cells in zip(GRADES, (0.0045, 0.0179, 0.0883), strict=True):
        found = rate(2, grade=grade, relaxation={"elapsed": "1e5 s"})
        assert found == pytest.approx(cells)
    # The middle levels carry nearly all errors.
    table = fault_model(RRAM, 2, FaultConfig(levels="measured"))
    outer = [sum(table.of_level(level)) for level in (0, 3)]
    assert outer == [0, 0]
    assert sum(table.of_level(1)) == pytest.approx(0.053 / 0.018 * sum(table.of_level(2)))


@given(st.sampled_from(sorted(CELLS)), st.sampled_from(GRADES), st.data())
def test_errors_only_grow_with_time_and_heat(bits: int, grade: str, data: st.DataObject) -> None:
    times = sorted(data.draw(st.tuples(*[st.floats(1, 1e9)] * 2)))
    warmth = sorted(data.draw(st.tuples(*[st.floats(290, 450)] * 2)))
    errors = [
        CELLS[bits].cell_error(grade, time, warm)  # type: ignore[arg-type]
        for time, warm in zip(times, warmth, strict=True)
    ]
    fresh = CELLS[bits].cell_error(grade, None, None)  # type: ignore[arg-type]
    assert fresh <= errors[0] * (1 + 1e-12)
    assert errors[0] <= errors[1] * (1 + 1e-12)
    assert errors[1] <= 1
    table = CELLS[bits].transitions(grade, times[1], warmth[1])  # type: ignore[arg-type]
    assert all(sum(table.of_level(level)) <= 1 + 1e-12 for level in range(2**bits))


def test_between_two_times_errors_are_powers() -> None:
    cells = CELLS[2]
    middle = cells.cell_error("typical", 10, None)
    assert middle == pytest.approx(math.sqrt(0.0074 * 0.0117))
    assert cells.cell_error("typical", 1e8, None) == cells.cell_error("typical", 1e5, None)


@pytest.mark.parametrize(("celsius", "elapsed", "bit_error"), [(65, 5e7, 3.4e-4), (100, 2e5, 8e-4)])
def test_retention_at_other_temperatures_is_near_the_published(
    celsius: float, elapsed: float, bit_error: float
) -> None:
    retention = CELLS[2].retention
    assert retention is not None
    assert retention.at(1e7, 358.15) == pytest.approx(2e-3)
    assert retention.at(elapsed, celsius + 273.15) == pytest.approx(bit_error, rel=0.1)


def test_a_day_at_room_temperature_is_no_loss_and_a_month_at_100_degrees_is() -> None:
    relaxed = rate(2, relaxation={"elapsed": "1 d"})
    assert rate(2, relaxation={"elapsed": "1 d", "temperature": "300 K"}) < 1.001 * relaxed
    hot = {"elapsed": "30 d", "temperature": "373 K"}
    assert rate(2, relaxation=hot) > 3 * relaxed


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"levels": "measured", "sigma_scale": 2.0}, "sigma_scale belongs to levels: nvmfi"),
        ({"grade": "low"}, "grade belongs to levels: measured"),
        (
            {"relaxation": {"elapsed": "1 d", "temperature": "300 K"}},
            r"relaxation\.temperature belongs to levels: measured",
        ),
        (
            {"levels": "measured", "relaxation": {"elapsed": "1 d", "mean_shift": 0.1}},
            "the form of relaxation belongs to levels: nvmfi",
        ),
    ],
)
def test_choices_that_do_not_go_together_are_refused(
    config: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        FaultConfig.model_validate(config)


def test_what_nobody_measured_is_refused() -> None:
    pcm = load_technology("pcm")
    with pytest.raises(ConfigError, match=r"cells with 1 bits have not been measured; .*nvmfi"):
        fault_model(pcm, 1, FaultConfig(levels="measured"))
    # Volatile cells are read without faults, however levels are known.
    assert fault_model(load_technology("sram"), 1, FaultConfig(levels="measured")).up == (0.0,)


def test_relaxation_of_nvmfi_is_as_it_was() -> None:
    config = FaultConfig(relaxation=RelaxationConfig.model_validate({"elapsed": "30 d"}))
    assert fault_model(RRAM, 2, config).fault_probability() > 1e-8


def test_rows_out_of_order_are_refused() -> None:
    stated = CELLS[2].model_dump(mode="python")
    with pytest.raises(ValueError, match="not in the order of elapsed"):
        MeasuredCells.model_validate({**stated, "errors": CELLS[2].errors[::-1], "retention": None})
