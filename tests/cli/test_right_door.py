"""A file given at the wrong door is told what it is and which command or key takes it.

The settings in JSON are as in the files of Hugging Face models and PEFT adapters.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.cli.main import run_command_line
from accelsim.inputs.shipped import shipped_file

MAIN = "workloads/mti_mnli_mrpc_qnli.yaml"
MACHINE = "cases.adapter_slc.hardware"
FILES = {
    "model.onnx": b"\x08\x03\xe2\x00",
    "model.pth": b"\x80\x02\xff",
    "model.safetensors": b"\x00" * 9,
    "trace.csv": b"arrival,task\n",
    "mine.py": b"import os\n",
    "config.json": b'{"model_type": "albert", "vocab_size": 30000}',
    "adapter_config.json": b'{"peft_type": "LORA", "r": 8}',
    "results.json": b'{"schema_version": 2}',
    "memspec.json": b'{"memspec": {}}',
    "packed.yaml": b"\x1f\x8b\x08\x00",
    "unknown.yaml": b"a: 1\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run_command_line(arguments) == 2
    [line] = capsys.readouterr().err.strip().split("\n")
    return line.removeprefix("accelsim: ")


WHAT = {
    "model.onnx": "model.onnx: this is an ONNX model; name it in model of a workload: ",
    "model.pth": "model.pth: this is PyTorch weights; save the tensors as .safetensors and name",
    "model.safetensors": "model.safetensors: this is a file of weights; name it in weights of a ",
    "trace.csv": "trace.csv: this is a table, such as a request trace; name it in requests of a "
    "workload: {pattern: file, path: trace.csv}",
    "mine.py": "mine.py: this is Python; load it with --plugins mine.py",
    "config.json": "config.json: this is a Hugging Face configuration; name it in model of a ",
    "adapter_config.json": "adapter_config.json: this is the configuration of a PEFT adapter; "
    "name it in adaptation of a case of a workload: {peft: adapter_config.json}",
    "results.json": "results.json: this is a report of accelsim; run its workload again",
    "packed.yaml": "packed.yaml: packed with gzip; unpack it (gunzip)",
    "memspec.json": "memspec.json: this is a DRAMSys memspec; make a technology of it: ",
    "hwconfigs/edgebert.yaml": "edgebert.yaml: this is a machine; name it in hardware of a case ",
    "hwconfigs/technologies/rram.yaml": "rram.yaml: this is a technology; name it in technology ",
    MAIN: "mti_mnli_mrpc_qnli.yaml: this is a workload; run it: accelsim run ",
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("name", "what"), WHAT.items())
def test_the_right_door_is_told(name: str, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = name if name in FILES else str(shipped_file(name))
    if name != MAIN:
        assert what in refusal(capsys, "run", given)
    if name != "hwconfigs/edgebert.yaml":
        assert what in refusal(capsys, "run", MAIN, "--set", f"{MACHINE}={given}")
        size = ("--rows", "1", "--columns", "1", "--depth", "1")
        assert what in refusal(capsys, "op", "matmul", *size, "--hw", given)
    if given.endswith(".yaml") and "technologies" not in name:
        assert what in refusal(capsys, "tech", given)


@pytest.mark.usefixtures("folder")
def test_what_has_no_mark_is_read_as_what_it_was_given_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_command_line(["run", "unknown.yaml"]) == 2
    assert "a: unknown key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "hardware.dram=none",
            "dram: expected a mapping, got the text 'none'; write null for none",
        ),
        (
            "early_exit=off",
            "early_exit: expected a mapping, got the text 'off'; write null for none",
        ),
        (
            f"{MACHINE}.memories.rram.technology=STT-MRAM",
            "unknown memory technology 'STT-MRAM': did you mean STT? ",
        ),
        (
            f"{MACHINE}.dram.technology=rram",
            "expected a technology of kind 'dram', got 'array'; memories and buffers of a machine "
            "take an array, dram takes a dram or a burst_memory",
        ),
    ],
)
def test_what_was_meant_is_suggested(
    setting: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refusal(capsys, "run", MAIN, "--set", setting)
    assert message in told
    if "null" not in message:
        return
    # Where there must be something, null is no advice.
    assert "null" not in refusal(capsys, "run", MAIN, "--set", "hardware.power=none")


def test_who_has_cells_of_so_many_bits_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    told = refusal(capsys, "tech", "RRAM", "--capacity", "2MiB", "--bits-per-cell", "3")
    assert (
        "no arrays of 3 b/cell at 22 nm, LOP, 350 K; RRAM_3bit has such cells: name it as" in told
    )
    told = refusal(capsys, "tech", "RRAM", "--capacity", "2MiB", "--node", "7nm")
    assert "such cells" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rum", MAIN], "No such command 'rum'; did you mean 'run'?"),
        (["op", "matmull", "--rows", "128"], "did you mean 'matmul'?"),
        (["op", "gelu", "--rows", "128"], "op gelu: expected --rows and --columns"),
        (["uncertainty", MAIN, "--points", "8"], "8 points are too few for bands; ask for 20"),
        (
            ["run", MAIN, "--set", "hardware.memories.flash.word=64 b"],
            "what it lacks is set whole: memories.flash={word: ...}",
        ),
        (
            ["sensitivity", MAIN, "--of", "adapter_slc.gain.energy.swtch"],
            "there is no figure 'gain.energy.swtch' of 'adapter_slc'",
        ),
    ],
)
def test_a_slip_is_told_before_anything_is_simulated(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(arguments) == 2
    assert told in " ".join(capsys.readouterr().err.split())


def test_a_call_without_arguments_gets_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([]) == 2
    assert "Usage: accelsim" in "".join(capsys.readouterr())


def test_a_memory_takes_a_data_sheet_as_it_is_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The machine asks for two bits a cell, the sheet states one."""
    assert run_command_line(["new", "technology", "sheet"]) == 0
    sheet = "cases.adapter_mixed.hardware.memories.rram.technology=sheet.yaml"
    capsys.readouterr()
    arguments = ["--set", sheet, "--set", "sequence_length=16", "--no-trace", "--json"]
    assert run_command_line(["run", MAIN, "--cases", "adapter_mixed", *arguments]) == 0
    assert "sheet.yaml is taken as it is: 1 b/cell for 2 b/cell" in capsys.readouterr().out
