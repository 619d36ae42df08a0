"""A machine is put together in Python from the components that files are made of."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from small_workload import small_workload

from accelsim.evaluation.stages import run_workload
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
    )
    flash = MemoryConfig(technology="rram", capacity="8 MiB", word="128 b")
    return BASE.changed(name="wide", pe_array=array, memories={**BASE.memories, "rram": flash})


def test_it_equals_the_machine_of_a_file_with_the_same_changes() -> None:
    settings = ("name=wide", "pe_array.vector_size=32", "memories.rram.capacity=8 MiB")
    assert wide_machine() == load_hardware("hwconfigs/edgebert_overlapped.yaml", settings)


def test_it_runs_a_workload() -> None:
    workload = small_workload()
    before = run_workload(workload).cases["adapter_slc"]
    after = run_workload(workload.with_machine("adapter_slc", wide_machine())).cases["adapter_slc"]
    macs = [case.run.ledger.amount("pe_array", "mac") for case in (before, after)]
    busy = [case.run.ledger.busy["pe_array"] for case in (before, after)]
    assert macs[0] == macs[1]
    assert busy[0] > 2 * busy[1]


def test_null_leaves_a_component_out() -> None:
    assert "sfu" not in BASE.changed(sfu=None).components


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ValidationError, match="there is no memory 'rram'"):
        BASE.changed(memories={"activation_sram": BASE.memories["activation_sram"]})
