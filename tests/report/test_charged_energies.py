"""The energies of a memory that are printed are those that its accesses are charged."""

from __future__ import annotations

from math import fsum

import pytest
from small_workload import MAIN, SMALL

import accelsim
from accelsim.machine.schema import load_hardware
from accelsim.memory.arrays import find_array
from accelsim.memory.technology import load_technology
from accelsim.report.machine import machine_report
from accelsim.report.results import results_document
from accelsim.report.table import Table
from accelsim.report.technology import array_report

PICO = 1e-12
# The words for the least of built banks, with typical logic at 22 nm.
FLOOR = "built banks of SRAM, at least 90.0 fJ a bit"


@pytest.mark.parametrize(
    ("workload", "design"),
    [(MAIN, "adapter_mixed"), ("workloads/mti_systolic_npu.yaml", "adapter")],
)
def test_what_is_printed_of_a_word_is_what_the_ledger_charges(workload: str, design: str) -> None:
    result = accelsim.examine(accelsim.Point(workload, SMALL))
    case = result.cases[design]
    document = results_document(result, [])["cases"][design]
    rows = [row for row in case.breakdown if row.action in ("read", "write")]
    sheets, compared = case.design.hardware.datasheets, 0
    for memory in document["memories"]:
        for action in ("read", "write"):
            own = [r for r in rows if (r.block, r.action) == (memory["name"], action) and r.amount]
            accesses = sum(r.amount for r in own) / sheets[memory["name"]].prices[action].access
            if own:
                charged = fsum(r.dynamic for r in own) / accesses
                assert memory[f"{action}_energy_pJ"] * PICO == pytest.approx(charged)
                compared += 1
    assert compared > 8
    for memory in document["memories"]:
        raised = [memory[f"{a}_energy_pJ"] - memory[f"array_{a}_energy_pJ"] for a in _BOTH]
        assert bool(memory["raised_by"]) == any(more > 1e-9 for more in raised), memory["name"]


_BOTH = ("read", "write")


@pytest.mark.parametrize(
    ("machine", "name", "array", "charged", "raised_by"),
    [
        ("adapter_mixed", "sram", 4.1023, 11.52, FLOOR),
        ("adapter_mixed", "weight_buffer", 4.64605, 14.72, f"{FLOOR}; wires to the datapath"),
        ("adapter_mixed", "rram", 7.92015, 7.92015, None),
        ("gap9", "l2", 19.1481, 21.7592, "losses of the regulator"),
    ],
)
def test_a_machine_shows_what_is_charged_and_why(
    machine: str, name: str, array: float, charged: float, raised_by: str | None
) -> None:
    report = machine_report(load_hardware(f"hwconfigs/{machine}.yaml"), [], {})
    shown = {each["component"]: each for each in report.document["components"]}[name]
    assert shown["array_read_energy_pJ"] == pytest.approx(array, rel=1e-5)
    assert shown["read_energy_pJ"] == pytest.approx(charged, rel=1e-5)
    assert shown["raised_by"] == raised_by
    (table,) = (t for t in report.sections if isinstance(t, Table) and t.title == "Arrays")
    told = [note for note in table.notes if f"{name} {array:.3g}" in note]
    assert [note.endswith(f": {raised_by}") for note in told] == [True] * bool(raised_by)


def test_a_technology_tells_what_a_machine_charges_at_least() -> None:
    found = find_array(load_technology("sram_htree"), capacity=2**17, word=128)
    report = array_report(found)
    assert report.document["least_charged_pJ"] == pytest.approx(11.52)
    assert "no less than 11.5 pJ an access" in report.notes[-1]
    larger = find_array(load_technology("sram_htree"), capacity=2**21, word=128)
    assert not any("charges" in note for note in array_report(larger).notes)
    rram = array_report(find_array(load_technology("rram"), capacity=2**17, word=128))
    assert rram.document["least_charged_pJ"] is None
