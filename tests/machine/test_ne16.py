"""The NE16 engine: phases equal DORY's published model; nothing passes a port too fast."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.accelerators import load_machine
from accelsim.machine.components.ne16 import Ne16Config, as_job
from accelsim.machine.timing.ne16 import MODES, Filtered, Ne16Timing
from accelsim.program import Product
from accelsim.units import ceil_div

REFERENCE = Path(__file__).parents[1] / "reference" / "ne16_cycles.csv"
TAPS = {"3x3": 9, "1x1": 1, "depthwise": 9, "linear": 1}
TIMING = Ne16Timing(8, shift=True, bias=True)


def rows() -> list[dict[str, str]]:
    lines = REFERENCE.read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def job(mode: str, height: int, width: int, channels_out: int, channels_in: int) -> Filtered:
    depth = TAPS[mode] * (1 if mode == "depthwise" else channels_in)
    patches = ceil_div(height, 3) * ceil_div(width, 3)
    return Filtered(mode, height * width, channels_out, depth, patches)


def test_the_reference_covers_modes_remainders_and_scales() -> None:
    assert {row["mode"] for row in rows()} == {"3x3", "1x1", "depthwise"}
    assert {(row["scale_bits"], row["shift"]) for row in rows()} == {("8", "1"), ("32", "0")}
    assert any(int(row["channels_out"]) % 32 for row in rows())


@pytest.mark.parametrize("row", rows(), ids=lambda row: "-".join(row.values()))
def test_cycles_equal_dorys_model(row: dict[str, str]) -> None:
    sizes = (int(row[name]) for name in ("height", "width", "channels_out", "channels_in"))
    timing = Ne16Timing(int(row["scale_bits"]), shift=row["shift"] == "1", bias=row["bias"] == "1")
    assert timing.cycles(job(row["mode"], *sizes)) == int(row["cycles"])


def test_a_single_row_takes_the_phases_of_gvsoc() -> None:
    # 6 + 16 to load 256 inputs, 10 and 6 around 32 x 8 bits, 2; 37 to scale, 5 to write.
    step = 6 + 16 + 10 + 6 + 32 * 8 + 2
    assert TIMING.cycles(job("linear", 1, 1, 64, 640)) == 2 * (3 * step + 37 + 5)


JOBS = st.builds(
    job,
    st.sampled_from(("3x3", "1x1", "depthwise")),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 200),
    st.integers(1, 200),
)


@given(JOBS)
def test_nothing_is_faster_than_the_array_and_its_port(asked: Filtered) -> None:
    cycles = TIMING.cycles(asked)
    assert TIMING.slots(asked) >= asked.amount
    assert asked.amount <= 162 * cycles  # 1,296 products of one bit, 8 bits a weight
    reads, writes = TIMING.reads(asked), TIMING.writes(asked)
    assert reads[1] + writes[1] <= cycles
    assert reads[0] <= 32 * reads[1]
    assert writes[0] <= 32 * writes[1]
    # Every weight is read again for each patch.
    shared = asked.depth if asked.mode != "depthwise" else 9
    assert reads[0] >= asked.patches * asked.columns * shared


@given(JOBS, st.integers(1, 3))
def test_more_patches_take_as_many_times_the_cycles(asked: Filtered, times: int) -> None:
    more = Filtered(asked.mode, asked.rows * times, asked.columns, asked.depth, asked.patches)
    assert TIMING.cycles(more) == TIMING.cycles(asked)
    patched = Filtered(asked.mode, asked.rows, asked.columns, asked.depth, asked.patches * times)
    assert TIMING.cycles(patched) == times * TIMING.cycles(asked)


def test_a_product_is_laid_out_in_patches_or_is_one_row() -> None:
    assert as_job(Product(1, 8, 128)).mode == "linear"
    assert as_job(Product(10, 8, 128)) == Filtered("1x1", 10, 8, 128, 2)
    assert set(MODES) == set(TAPS)


def test_padding_is_what_patches_and_blocks_leave_over() -> None:
    engine = load_machine("hwconfigs/gap9.yaml").component("engine", Ne16Config)
    assert engine.padding(job("3x3", 3, 3, 32, 16)) == 0
    assert engine.padding(job("3x3", 3, 3, 32, 3)) == 9 * 32 * 9 * 13
    assert engine.padding(job("depthwise", 2, 3, 5, 5)) == 3 * 5 * 9
    assert engine.padded_macs(Product(8, 4, 16)) == 4 * 16
