"""Small inputs that would take all time or memory; each in a process of bounded CPU and memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

MAIN = "workloads/mti_mnli_mrpc_qnli.yaml"
# A hang ends here, and the test fails: seconds of CPU, not of a clock.
CPU, MEMORY = 20, 2 << 30


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def accelsim(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "accelsim", *arguments],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_bounded,
    )


def refused(done: subprocess.CompletedProcess[str], what: str) -> None:
    assert done.returncode == 2, done.stderr[-2000:]
    assert what in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 4000


@pytest.mark.parametrize("device", ["/dev/zero", "fifo"])
@pytest.mark.parametrize("door", [(), ("--set", "hardware=FILE")], ids=["workload", "machine"])
def test_what_has_no_end_is_no_file(tmp_path: Path, device: str, door: tuple[str, ...]) -> None:
    path = Path(device)
    if device == "fifo":
        path = tmp_path / "fifo.yaml"
        os.mkfifo(path)
    if not door:
        refused(accelsim("run", str(path)), "cannot be read: it is no regular file")
    else:
        setting = f"cases.adapter_slc.hardware={path}"
        refused(accelsim("run", MAIN, "--set", setting), "no such file")


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("arrival[" + " " * 3000 + "x,task,tokens", "1 s,MNLI,4"),
        ("arrival,task,tokens", "1" * 2000 + " a b,MNLI,4"),
        ("arrival,task,tokens", "1" * 200_000 + "x y,MNLI,4"),
        ("a," * 1_000_000 + "b", "1 s,MNLI,4"),
    ],
    ids=["heading", "time", "digits", "columns"],
)
def test_a_cell_of_a_trace_takes_one_pass(tmp_path: Path, header: str, row: str) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text(f"{header}\n{row}\n")
    done = accelsim("run", MAIN, "--set", f"requests={{pattern: file, path: {trace}}}")
    refused(done, "trace.csv:")


@pytest.mark.parametrize(
    "value", ["1" * 20_000 + " a b", "1" + " " * 20_000 + "x\n", " " * 20_000 + "x" + " " * 20_000]
)
def test_a_quantity_takes_one_pass(value: str) -> None:
    refused(accelsim("run", MAIN, "--set", f'hardware.clock.frequency="{value}"'), "frequency")


@pytest.mark.parametrize("door", ["published" + ".a" * 3000, "[" * 3000, "{a: " * 3000])
def test_nesting_without_end_is_refused(door: str) -> None:
    setting = f"{door}=1" if door.startswith("p") else f"published={door}"
    refused(accelsim("run", MAIN, "--set", "published=null", "--set", setting), "--set")


def test_a_name_without_end_is_told_in_short() -> None:
    refused(accelsim("tech", "a" * 5000), "unknown memory technology 'aaa")


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", MAIN, "--plugins", "a" * 5000),
        ("report", "a" * 5000),
        ("run", MAIN, "--set", "cases.adapter_slc.weights={shared: [/dev/zero], seed: 1}"),
    ],
)
def test_what_cannot_be_read_is_no_output(arguments: tuple[str, ...]) -> None:
    refused(accelsim(*arguments), "cannot be read")


def test_sizes_of_an_operator_are_bounded() -> None:
    size = ("--rows", "9" * 400, "--columns", "1", "--depth", "1")
    refused(accelsim("op", "matmul", *size), "Invalid value for '--rows'")


def test_an_archive_that_swells_is_not_unpacked(tmp_path: Path) -> None:
    packed = tmp_path / "w.npz"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(100 << 20))
    assert packed.stat().st_size < 1 << 20
    done = accelsim("run", MAIN, "--set", f"cases.adapter_slc.weights={{shared: [{packed}]}}")
    refused(done, "which no weights do")
