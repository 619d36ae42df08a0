"""What pads vectors, tiles and folds costs what it takes, or the machine says that it is gated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_workload import small_results

from accelsim.evaluation import single
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.program import Product
from accelsim.units import ceil_div

SIZES = st.integers(1, 100)
PRODUCTS = st.builds(Product, SIZES, SIZES, SIZES)


def edgebert(padding: str = "gated") -> HardwareConfig:
    return load_hardware("hwconfigs/edgebert_overlapped.yaml", (f"pe_array.padding={padding}",))


def systolic(*settings: str) -> HardwareConfig:
    return load_hardware("hwconfigs/systolic_npu.yaml", settings)


GATED, COMPUTED = edgebert(), edgebert("computed")
SYSTOLIC = {flow: systolic(f"pe_array.dataflow={flow}_stationary") for flow in ("weight", "output")}


@given(PRODUCTS)
def test_all_slots_of_whole_tiles_are_paid_or_null_vectors_are_gated(asked: Product) -> None:
    rows, columns, depth = (16 * ceil_div(n, 16) for n in (asked.rows, asked.columns, asked.depth))
    computed = COMPUTED.datapath.padded_macs(asked)
    assert asked.amount + computed == rows * columns * depth
    # The multipliers have a slot each in every cycle of the tiles.
    assert asked.amount + computed == 256 * (rows // 16) * (columns // 16) * depth
    gated = GATED.datapath.padded_macs(asked)
    assert asked.amount + gated == asked.rows * asked.columns * depth
    assert 0 <= gated <= computed


@given(PRODUCTS, st.sampled_from(sorted(SYSTOLIC)))
def test_folds_pay_for_elements_that_are_left_over(asked: Product, dataflow: str) -> None:
    machine = SYSTOLIC[dataflow]
    padded = machine.datapath.padded_macs(asked)
    assert padded >= 0
    alone = single.run_alone(
        machine, single.matmul(machine, asked.rows, asked.columns, asked.depth)
    )
    assert asked.amount + padded <= 256 * alone.cycles
    whole = Product(*(16 * ceil_div(n, 16) for n in (asked.rows, asked.columns, asked.depth)))
    assert machine.datapath.padded_macs(whole) == 0


@pytest.mark.parametrize("machine", [GATED, COMPUTED, SYSTOLIC["weight"]])
def test_padding_costs_a_slot_and_no_time(machine: HardwareConfig) -> None:
    padded, whole = (single.run_alone(machine, single.matmul(machine, n, n, n)) for n in (17, 32))
    mac = machine.datasheets["pe_array"].prices["mac"].joules
    slots = machine.datapath.padded_macs(Product(17, 17, 17))
    assert padded.dynamic["pe_array", "padded_mac"] == pytest.approx(slots * mac)
    assert ("pe_array", "padded_mac") not in whole.amounts
    assert padded.cycles <= whole.cycles


def test_lanes_of_functions_compute_whole_vectors() -> None:
    padded, whole = (
        single.run_alone(GATED, single.special_function(GATED, "softmax", 8, n)) for n in (17, 32)
    )
    assert padded.amounts["sfu", "padded_softmax"] == 8 * 15
    own = sum(padded.dynamic["sfu", action] for action in ("softmax", "padded_softmax"))
    assert own == pytest.approx(whole.dynamic["sfu", "softmax"])
    assert padded.cycles == whole.cycles


@pytest.mark.parametrize("case", ["adapter_slc", "vanilla_mixed"])
def test_a_sentence_of_17_tokens_pays_for_its_slots(case: str) -> None:
    settings = ("sequence_length=17", "attention_spans={}")
    gated, computed = (
        small_results(*settings, f"hardware.pe_array.padding={padding}")[case]
        for padding in ("gated", "computed")
    )
    macs = gated.run.ledger.amount("pe_array", "mac")
    few, many = (r.run.ledger.amount("pe_array", "padded_mac") for r in (gated, computed))
    assert computed.run.ledger.amount("pe_array", "mac") == macs
    assert 0 < few < macs / 10
    # 17 rows are 32, and so are the columns of scores.
    assert 32 / 17 - 1 <= many / macs < 1.2
    assert computed.run.makespan == gated.run.makespan
    assert computed.figures.account.total > gated.figures.account.total
