from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from fault_parts import bit_error_rate
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.errors import ConfigError
from accelsim.memory.faults.levels import Transitions
from accelsim.memory.faults.model import (
    FaultConfig,
    ReadDisturbConfig,
    RelaxationConfig,
    StatedTransitions,
    fault_model,
)
from accelsim.memory.technology import load_technology

RRAM = load_technology("RRAM")
bits = st.integers(1, 3)


def stated(up: list[float], down: list[float], **more: object) -> FaultConfig:
    entry = StatedTransitions(bits_per_cell=len(up).bit_length(), up=up, down=down)
    return FaultConfig(transitions=[entry], **more)  # type: ignore[arg-type]


@given(bits, st.floats(0, 50))
def test_fault_scale_multiplies_every_probability(width: int, scale: float) -> None:
    plain, scaled = (fault_model(RRAM, width, FaultConfig(fault_scale=s)) for s in (1.0, scale))
    assert scaled.up == pytest.approx([scale * p for p in plain.up], rel=1e-12)
    assert scaled.down == pytest.approx([scale * p for p in plain.down], rel=1e-12)


def test_a_probability_beyond_one_is_refused_with_the_largest_scale() -> None:
    entry = FaultConfig(fault_scale=200)
    message = (
        r"fault_scale 200 makes the probability of misreading a 3-bit cell 1\.87; "
        r"expected at most 1, lower it to (\S+) or less"
    )
    with pytest.raises(ConfigError, match=f"^{message}$") as error:
        fault_model(RRAM, 3, entry)
    largest = float(re.search(r"to (\S+) or", str(error.value))[1])  # type: ignore[index]
    fault_model(RRAM, 3, FaultConfig(fault_scale=largest))


@pytest.mark.parametrize("width", [2, 3])
def test_wider_levels_are_misread_more(width: int) -> None:
    rates = [
        fault_model(RRAM, width, FaultConfig(sigma_scale=scale)).fault_probability()
        for scale in (0.5, 0.8, 1.0, 1.2, 1.4)
    ]
    assert rates == sorted(rates)
    assert rates[0] < rates[2] / 10


def test_stated_probabilities_replace_the_computed_ones() -> None:
    config = stated([0.1, 0.2, 0.3], [0.4, 0.5, 0.6], fault_scale=0.5)
    found = fault_model(RRAM, 2, config)
    assert found == Transitions((0.05, 0.1, 0.15), (0.2, 0.25, 0.3))
    assert fault_model(RRAM, 3, config) == fault_model(RRAM, 3, FaultConfig(fault_scale=0.5))


def test_one_bit_cells_fail_only_where_that_is_stated() -> None:
    assert fault_model(RRAM, 1, FaultConfig()).fault_probability() == 0
    masks = fault_model(RRAM, 1, FaultConfig(one_bit_error_rate=1e-5))
    assert masks == Transitions((1e-5,), (1e-5,))
    assert bit_error_rate(masks, "binary") == pytest.approx(1e-5)


@pytest.mark.parametrize("elapsed", [1.0, 1e4, 3e8])
@pytest.mark.parametrize("width", [2, 3])
def test_relaxation_without_coefficients_changes_nothing(elapsed: float, width: int) -> None:
    still = RelaxationConfig.model_construct(
        elapsed=elapsed, mean_shift=0.0, sigma_start=0.0, sigma_growth=0.0
    )
    assert fault_model(RRAM, width, FaultConfig(relaxation=still)) == fault_model(
        RRAM, width, FaultConfig()
    )


def relaxed(**values: object) -> FaultConfig:
    return FaultConfig(relaxation=RelaxationConfig(**values))  # type: ignore[arg-type]


def test_relaxation_moves_the_means_below_fixed_thresholds() -> None:
    fresh = fault_model(RRAM, 2, FaultConfig())
    shifted = fault_model(
        RRAM,
        2,
        relaxed(elapsed=f"{math.e!r} s", mean_shift=-0.01, sigma_start=0.0, sigma_growth=0.0),
    )
    assert all(after < before for after, before in zip(shifted.up, fresh.up, strict=True))
    assert all(after > before for after, before in zip(shifted.down, fresh.down, strict=True))
    # By hand: level 2 lies at 0.721657 - 0.01, the threshold stays at 0.569457.
    expected = math.erfc((0.711657 - 0.569457) / 0.027417 / math.sqrt(2)) / 2
    assert shifted.down[1] == pytest.approx(expected, rel=2e-3)


def test_relaxation_adds_an_independent_error_that_grows_with_log_time() -> None:
    spread = 0.004 + 0.001 * math.log(1e6)
    found = fault_model(
        RRAM, 2, relaxed(elapsed="1e6 s", mean_shift=0.0, sigma_start=0.004, sigma_growth=0.001)
    )
    sigma = math.hypot(0.027417, spread)
    expected = math.erfc((0.721657 - 0.569457) / sigma / math.sqrt(2)) / 2
    assert found.down[1] == pytest.approx(expected, rel=2e-3)


def test_cells_relax_more_the_longer_they_wait() -> None:
    waits = ["1 s", "1 h", "30 d", "3e8 s"]
    rates = [fault_model(RRAM, 2, relaxed(elapsed=t)).fault_probability() for t in waits]
    assert rates == sorted(rates)
    assert fault_model(RRAM, 2, FaultConfig()).fault_probability() < rates[0]


def disturbed(probability: float, reads: int, toward: str = "up") -> FaultConfig:
    disturb = ReadDisturbConfig(probability=probability, reads=reads, toward=toward)  # type: ignore[arg-type]
    return stated([0.1] * 3, [0.2] * 3, read_disturb=disturb)


@given(st.floats(0, 1), st.integers(0, 10**9), st.sampled_from(["up", "down"]))
def test_read_disturb_moves_what_is_not_misread(p: float, reads: int, toward: str) -> None:
    found = fault_model(RRAM, 2, disturbed(p, reads, toward))
    moved = 1 - (1 - p) ** reads
    expected = {"up": [0.1 + moved * 0.9, 0.1 + moved * 0.7], "down": [0.2] * 2}
    if toward == "down":
        expected = {"up": [0.1, 0.1], "down": [0.2 + moved * 0.7, 0.2 + moved * 0.7]}
    assert found.up[:2] == pytest.approx(expected["up"], abs=1e-6)
    assert found.down[:2] == pytest.approx(expected["down"], abs=1e-6)
    assert all(sum(found.of_level(level)) <= 1 + 1e-12 for level in range(4))


def test_rare_read_disturb_keeps_its_digits() -> None:
    rare = fault_model(
        RRAM,
        1,
        FaultConfig(read_disturb=ReadDisturbConfig(probability=1e-19, reads=1000, toward="up")),
    )
    assert rare == Transitions((pytest.approx(1e-16, rel=1e-12),), (0.0,))
    assert fault_model(RRAM, 2, disturbed(0.5, 0)) == fault_model(RRAM, 2, disturbed(0.0, 9))


def test_volatile_cells_are_read_right_and_unknown_ones_are_refused() -> None:
    sram = fault_model(load_technology("SRAM"), 1, FaultConfig())
    assert sram == Transitions((0.0,), (0.0,))
    message = (
        "PCM: no levels are known of cells with 1 bits; add them under cell_levels of pcm.yaml, "
        "or state transitions for 1 bits per cell"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        fault_model(load_technology("PCM"), 1, FaultConfig())
    assert fault_model(load_technology("PCM"), 1, FaultConfig(one_bit_error_rate=0.5)).up == (0.5,)


@pytest.mark.parametrize(
    ("up", "down", "message"),
    [
        ([0.1, 0.1], [0.1] * 3, "up has 2 entries; expected 3 for 2 bits per cell"),
        ([0.1] * 3, [0.1] * 4, "down has 4 entries; expected 3 for 2 bits per cell"),
        ([0.6] * 3, [0.6] * 3, "up and down of one level add up to more than 1; lower one of them"),
    ],
)
def test_stated_transitions_that_are_refused(up: list[float], down: list[float], message: str):
    with pytest.raises(ValidationError, match=re.escape(message)):
        StatedTransitions(bits_per_cell=2, up=up, down=down)


def test_a_cell_is_stated_once() -> None:
    entry = StatedTransitions(bits_per_cell=1, up=[0.1], down=[0.1])
    message = "cells of 1 bits are stated twice; keep one, or leave out one_bit_error_rate"
    with pytest.raises(ValidationError, match=message):
        FaultConfig(transitions=[entry], one_bit_error_rate=0.1)
    with pytest.raises(ValidationError, match=message):
        FaultConfig(transitions=[entry, entry])


@pytest.mark.parametrize("elapsed", ["0.9 s", "0 s"])
def test_relaxation_is_known_from_one_second_on(elapsed: str) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        RelaxationConfig(elapsed=elapsed)  # type: ignore[arg-type]


SOURCE = (Path(RRAM.path)).read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "means: [0, 1]",
            "means: [0, 1, 2]",
            r"cell_levels\[0\]\S*: means has 3 entries; expected 2 for 1 bits per cell",
        ),
        (
            "sigmas: [0.008646, 0.003400]",
            "sigmas: [0.008646]",
            r"cell_levels\[0\]\S*: sigmas has 1 entries; expected 2 for 1 bits per cell",
        ),
        (
            "means: [0, 1]",
            "means: [1, 0]",
            r"cell_levels\[0\]\S*: means are not in rising order; expected the lowest level first",
        ),
        (
            "means: [0, 0.384644, 0.721657, 1]",
            "means: [0, 1]",
            r"cell_levels\[1\]\S*: means has 2 entries; expected 4 for 2 bits per cell",
        ),
        (
            "sigmas: [0.008646, 0.003400]",
            "sigmas: [0.008646, 0]",
            r"cell_levels\[0\]\.sigmas\[1\]: .*greater than 0.*",
        ),
    ],
)
def test_bad_levels_in_a_technology_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    assert old in SOURCE
    path.write_text(SOURCE.replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        load_technology(path)
    pattern = re.escape(str(path)) + r":\d+: " + message
    assert any(re.fullmatch(pattern, line) for line in str(error.value).splitlines()), str(
        error.value
    )


def test_levels_of_a_cell_stand_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    entry = (
        "cell_levels:\n  - {bits_per_cell: 1, means: [0, 1], sigmas: [0.1, 0.1], source: mine}\n"
    )
    path.write_text(SOURCE.replace("cell_levels:\n", entry, 1))
    message = r":\d+: cell_levels: two entries have the same bits_per_cell; keep one"
    with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}{message}$"):
        load_technology(path)
