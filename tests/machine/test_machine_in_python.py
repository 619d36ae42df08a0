"""A machine is put together in Python from the components that files are made of."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from pydantic import ValidationError
from small_workload import MAIN, SMALL

from accelsim.errors import ConfigError
from accelsim.evaluation.examine import evaluate, examine
from accelsim.evaluation.point import Point
from accelsim.machine.components.memory import MemoryConfig
from accelsim.machine.components.vector_mac_array import PeArrayConfig
from accelsim.machine.schema import HardwareConfig, load_hardware

BASE = load_hardware("hwconfigs/edgebert_overlapped.yaml")


def wide_machine() -> HardwareConfig:
    array = PeArrayConfig(
        kind="vector_mac_array",
        vector_size=32,
        tile_schedule="overlapped",
        write_port="own",
        command_cycles=6,
        padding="gated",
    )
    flash = MemoryConfig(technology="rram", capacity="8 MiB", word="128 b")
    return BASE.changed(name="wide", pe_array=array, memories={**BASE.memories, "rram": flash})


def test_it_equals_the_machine_of_a_file_with_the_same_changes() -> None:
    settings = ("name=wide", "pe_array.vector_size=32", "memories.rram.capacity=8 MiB")
    assert wide_machine() == load_hardware("hwconfigs/edgebert_overlapped.yaml", settings)


def test_it_runs_a_workload() -> None:
    point = Point(MAIN, SMALL, ("adapter_slc",))
    before = examine(point)["adapter_slc"]
    after = examine(replace(point, machines={"adapter_slc": wide_machine()}))["adapter_slc"]
    macs = [case.run.ledger.amount("pe_array", "mac") for case in (before, after)]
    busy = [case.run.ledger.busy["pe_array"] for case in (before, after)]
    assert macs[0] == macs[1]
    assert busy[0] > 2 * busy[1]


def test_null_leaves_a_component_out() -> None:
    assert "sfu" not in BASE.changed(sfu=None).components


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ValidationError, match="there is no memory 'rram'"):
        BASE.changed(memories={"activation_sram": BASE.memories["activation_sram"]})


def test_a_row_is_a_mapping_from_names_to_figures() -> None:
    row = evaluate(Point(MAIN, list(SMALL), ["adapter_slc"]))
    assert dict(row) == {**row} == dict(row.figures)
    assert len(row) == len(list(row)) > 10
    assert "adapter_slc.energy.system" in row
    with pytest.raises(ConfigError, match=r"there is no figure 'adapter_slc[.]enrgy"):
        row["adapter_slc.enrgy.system"]


@pytest.mark.parametrize(
    "assignment",
    [
        "hardware.dram.devices=4",
        "cases.adapter_slc.hardware.dram.devices=4",
        "cases.adapter_slc.hardware=../hwconfigs/edgebert.yaml",
    ],
)
def test_assignments_that_do_not_reach_a_machine_are_refused(assignment: str) -> None:
    point = Point(MAIN, SMALL, ("adapter_slc",), {"adapter_slc": BASE})
    told = f"{assignment}: the machine of case 'adapter_slc' was made in Python"
    with pytest.raises(ConfigError, match=re.escape(told)):
        evaluate(point.with_assignments(assignment))


def test_points_refuse_a_text_for_a_sequence_and_no_case() -> None:
    with pytest.raises(ConfigError, match=r"^assignments: expected a sequence such as \('a=1',\)"):
        Point(MAIN, "a=1")
    with pytest.raises(ConfigError, match=r"^cases: expected at least one name"):
        Point(MAIN, cases=())
    with pytest.raises(ConfigError, match="there is no case 'slc'"):
        evaluate(Point(MAIN, SMALL, machines={"slc": BASE}))
    assert hash(Point(MAIN, ["a=1"])) == hash(Point(MAIN, ("a=1",)))


@pytest.mark.parametrize("name", ["edgebert", "edgebert_overlapped", "systolic_npu"])
def test_what_was_read_is_valid_once_more(name: str) -> None:
    machine = load_hardware(f"hwconfigs/{name}.yaml")
    parts = {key: getattr(machine, key) for key in HardwareConfig.model_fields}
    assert machine.changed(**parts, **machine.further) == machine
    assert all(each.checked() == each for each in machine.components.values())


@pytest.mark.parametrize(
    ("name", "update", "message"),
    [
        ("sfu", {"setup_cycles": -5}, "greater than or equal to 0"),
        ("weight_buffer", {"data": -1}, "greater than 0"),
        ("weight_buffer", {"data": 1.5}, "data"),
        ("power", {"wake_up_time": 1e9}, "is too large"),
        ("memories", {"capacity": 0}, "greater than 0"),
        ("memories", {"banks": 7}, "does not divide into 7 equal banks"),
    ],
)
def test_a_copy_with_anything_in_it_is_checked(
    name: str, update: dict[str, object], message: str
) -> None:
    if name == "memories":
        spoilt: object = {**BASE.memories, "rram": BASE.memories["rram"].model_copy(update=update)}
    else:
        spoilt = BASE.components[name].model_copy(update=update)  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match=message):
        BASE.changed(**{name: spoilt})
