"""A seeded fuzzer of every door: ``python tests/fuzz/fuzz.py [--count 10000] [--seed 1]``.

Each input is run in a process of its own, forked from one that has imported everything. It breaks
the rules with a traceback, a signal, more than 20 s of CPU, more than 1 GB, an exit code that
stands for a bug or belongs to another door, a message that does not begin with ``accelsim:``, and
with anything left in its output folder after a failure. What broke is printed with its number;
``--from N --count 1 --keep FOLDER`` makes that input again and leaves its files.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random

from given import (
    DONE,
    MACHINE,
    MAIN,
    ROOT,
    SMALL,
    TABLES,
    TOO_SMALL,
    UNWRITABLE,
    WRONG,
    Door,
    Input,
    run,
    settings_of,
    write,
)
from model_doors import adapter, huggingface, onnx, study
from mutations import broken_bytes, broken_text, odd_path, odd_value, scaled_numbers

from accelsim.cli.main import run_command_line

SAMPLES = ROOT / "tests" / "memory" / "imports"
CPU, MEMORY, MESSAGE = 20, 1_000_000_000, 6000
TRACE = "arrival[s],task,tokens\n" + "".join(
    f"{number * 0.25},{task},{8 + number}\n" for number, task in enumerate(["MNLI", "QNLI"] * 4)
)
LINES = '{"timestamp": 20, "task": "MNLI", "input_length": 9}\n' * 5
# Settings that are valid until their numbers are scaled.
PLAUSIBLE = (
    "model.layers=2",
    "model.hidden_size=64",
    "model.heads=2",
    "model.vocabulary_size=500",
    "model.intermediate_size=128",
    "sequence_length=16",
    "requests.rounds=1",
    "tasks.MNLI.classes=3",
    "cases.adapter_slc.adaptation.bottleneck=32",
    "cases.adapter_slc.storage.backbone.density=0.27",
    "cases.adapter_slc.storage.task.bits=8",
    "hardware.clock.frequency=1 GHz",
    "hardware.clock.voltage=0.8 V",
    "hardware.pe_array.rows=16",
    "hardware.pe_array.vector_size=16",
    "hardware.memories.rram.capacity=4 MiB",
    "hardware.memories.sram.capacity=128 KiB",
    "hardware.memories.sram.word=128 b",
    "hardware.weight_buffer.capacity=32 KiB",
    "hardware.process.temperature=350 K",
    "hardware.bus.width=128 b",
    "idle={policy: timeout, off_after: 2 s}",
    "requests={pattern: poisson, rate: 2 /s, duration: 10 s, seed: 1}",
    "requests={pattern: periodic, period: 200 ms, duration: 5 s}",
    "requests={pattern: bursts, rate: 1 /s, size: 3, duration: 5 s, seed: 2}",
)


def workload(random: Random, folder: Path) -> Input:
    """Break a shipped workload."""
    source = random.choice(sorted((ROOT / "workloads").glob("*.yaml")))
    text = source.read_text().replace("../hwconfigs", str(MACHINE.parent))
    path = write(folder, "workload.yaml", broken_text(random, text))
    return run(str(path), "requests={pattern: round_robin, rounds: 1}")


def machine(random: Random, folder: Path) -> Input:
    """Break a shipped machine."""
    source = random.choice(sorted(MACHINE.parent.glob("*.yaml")))
    for other in {*MACHINE.parent.glob("*.yaml"), TABLES} - {source}:
        (folder / other.name).symlink_to(other)
    path = write(folder, source.name, broken_text(random, source.read_text()))
    return run(MAIN, f"cases.adapter_slc.hardware={path}")


def technology(random: Random, folder: Path) -> Input:
    """Break a shipped technology, whatever it is used for."""
    source = random.choice(sorted(TABLES.glob("*.yaml")))
    path = write(folder, source.name, broken_text(random, source.read_text()))
    for table in TABLES.glob("*.csv"):
        (folder / table.name).symlink_to(table)
    text = source.read_text()
    where = random.choice(["memories.rram.technology", "memories.sram.technology"])
    where = "dram.technology" if "kind: array" not in text else where
    where = "process.logic" if "logic" in source.name else where
    return run(MAIN, f"hardware.{where}={path}")


def trace(random: Random, folder: Path) -> Input:
    """Break a request trace in either format."""
    name, text = random.choice([("trace.csv", TRACE), ("trace.jsonl", LINES)])
    path = write(folder, name, broken_text(random, text))
    columns = ""
    if name.endswith("jsonl"):
        columns = ", columns: {arrival: 'timestamp [ms]', task: task, tokens: input_length}"
    return run(MAIN, f"requests={{pattern: file, path: {path}{columns}}}")


def weights(random: Random, folder: Path) -> Input:
    """Break a file of weights."""
    name, content = random.choice(_backbones())
    path = folder / name
    path.write_bytes(broken_bytes(random, content))
    return run(MAIN, f"cases.adapter_slc.weights={{shared: [{path}], seed: 1}}")


@cache
def _backbones() -> list[tuple[str, bytes]]:
    """Return the small model's encoder in two formats."""
    import numpy as np
    from safetensors.numpy import save

    from accelsim.evaluation.graphs import task_graph
    from accelsim.inputs.memo import Memo
    from accelsim.weights.synthetic import synthetic_weights
    from accelsim.workload.schema import load_workload

    found = load_workload(MAIN, SMALL)
    case = found.cases["adapter_slc"]
    graph = task_graph(found.config, case, "MNLI", 16, Memo())
    drawn = synthetic_weights(graph, 1, "MNLI").tensors
    backbone = {n: v for n, v in drawn.items() if n.startswith(("embeddings", "encoder"))}
    packed = BytesIO()
    np.savez(packed, **backbone)  # type: ignore[arg-type]
    return [("w.safetensors", save(backbone)), ("w.npz", packed.getvalue())]


def setting(random: Random, folder: Path) -> Input:
    """Set paths that exist, nearly exist or do not, to whatever."""
    if random.random() < 0.5:
        chosen = random.sample(PLAUSIBLE, random.randint(1, 3))
        return run(MAIN, *(scaled_numbers(random, text) for text in chosen))
    return run(MAIN, f"{odd_path(random)}={odd_value(random)}")


def output(random: Random, folder: Path) -> Input:
    """Write where one cannot, or should not."""
    place = random.choice(["file", "folder/x", "\x1b[31m", "x" * 300, "a\nb", "[/red]", "", "."])
    if random.random() < 0.5:
        (folder / "file").write_text("mine")
    arguments = ("run", MAIN, "--no-trace", "--out", f"{folder}/{place}", *settings_of())
    return Input(arguments, frozenset({DONE, WRONG, TOO_SMALL, UNWRITABLE}))


def operator(random: Random, folder: Path) -> Input:
    """Run one operator of odd sizes on odd machines."""
    kind, names = random.choice(
        [
            ("matmul", ["--rows", "--columns", "--depth", "--beside", "--density"]),
            (random.choice(["softmax", "layer_norm", "gelu"]), ["--rows", "--columns"]),
            (random.choice(["load data", "load mask", odd_value(random)]), ["--bytes"]),
        ]
    )
    sizes = ["1", "7", "64", "4096", "64", "0", "-1", "1e9", "x", "99999999999", ""]
    options = [text for name in names for text in (name, random.choice(sizes))]
    settings = ["--set", f"{odd_path(random)}={odd_value(random)}"] if random.random() < 0.5 else []
    return Input(("op", *kind.split(), *options, *settings))


def array(random: Random, folder: Path) -> Input:
    """Ask for one array of the table."""
    names = ["SRAM", "RRAM", "STT", "PCM", "FeFET", "SRAM_htree", odd_value(random)]
    arguments = ["tech", random.choice(names)]
    for option in random.sample(["--capacity", "--word", "--bits-per-cell", "--target"], 2):
        arguments += [option, odd_value(random)]
    return Input((*arguments, *random.sample(["--extrapolate", "--extrapolate"], 1)))


def imported(random: Random, folder: Path) -> Input:
    """Import what another tool printed, broken."""
    source = random.choice(sorted(SAMPLES.glob("*_*.[tcj]*")))
    path = write(folder, source.name, broken_text(random, source.read_text()))
    options = random.sample(
        [
            "--node=22nm",
            "--bits-per-cell=2",
            "--cell=best",
            "--word=96",
            "--currents-of=lpddr4_3200",
            "--volatile",
            "--capacity=1.5MiB",
        ],
        2,
    )
    return Input(("tech", "import", str(path), "--out", str(folder / "got.yaml"), *options))


DOORS: dict[str, Door] = {
    door.__name__: door
    for door in (
        workload,
        machine,
        technology,
        trace,
        weights,
        setting,
        output,
        operator,
        array,
        imported,
        study,
        huggingface,
        adapter,
        onnx,
    )
}


def make(seed: int, number: int, folder: Path, doors: list[str]) -> tuple[str, Input]:
    """Return the input of a number and the name of its door; its files are in the folder."""
    random = Random(f"{seed} {number}")
    name = doors[number % len(doors)]
    return name, DOORS[name](random, folder)


def judge(given: Input, folder: Path) -> tuple[int, list[str]]:
    """Run an input; return its exit code and the rules that it broke."""
    said, before = folder / "said", set(os.listdir(folder))
    child = os.fork()
    if child == 0:
        _run_in_child(given, folder, said)
    _, status, usage = os.wait4(child, 0)
    text = said.read_text(encoding="utf-8", errors="replace")
    code = os.waitstatus_to_exitcode(status)
    broken = {
        f"exit code {code}": code not in given.codes,
        "a traceback": "Traceback (most recent" in text,
        "CPU": usage.ru_utime + usage.ru_stime > CPU,
        f"{usage.ru_maxrss / 1e6:.1f} GB": usage.ru_maxrss * 1024 > MEMORY,
        "no message": code in (WRONG, TOO_SMALL) and not _says(text),
        "a long message": len(text) > MESSAGE,
        "an escape": "\x1b" in text,
        "left in the folder": code != DONE and bool(set(os.listdir(folder)) - before - {"said"}),
    }
    return code, [rule for rule, is_broken in broken.items() if is_broken]


def _says(text: str) -> bool:
    """Return whether it was told what is wrong: by accelsim, or by click for a wrong option."""
    return "accelsim: " in text or "Error: " in text


def _run_in_child(given: Input, folder: Path, said: Path) -> None:
    """Run the command line with what it says of errors in a file; never return."""
    code = 70
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU + 1, CPU + 1))
        resource.setrlimit(resource.RLIMIT_AS, (4 * MEMORY, 4 * MEMORY))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT), 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(folder)
        code = run_command_line(list(given.arguments))
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def fuzz(seed: int, first: int, count: int, doors: list[str], keep: Path | None) -> Iterator[str]:
    """Yield a line for every input that broke a rule, and the counts at the end."""
    codes: Counter[str] = Counter()
    for number in range(first, first + count):
        with tempfile.TemporaryDirectory() as temporary:
            folder = keep or Path(temporary)
            name, given = make(seed, number, folder, doors)
            code, broken = judge(given, folder)
            codes[f"{name} {code}"] += 1
            if broken:
                last = (folder / "said").read_text(errors="replace").strip().splitlines()[-1:]
                shown = " ".join(given.arguments)[-300:]
                yield f"{number} {name}: {', '.join(broken)}: {shown!r}: {''.join(last)[:300]}"
    yield f"{count} inputs: " + ", ".join(f"{k} x {n}" for k, n in sorted(codes.items()))


def main() -> None:
    """Fuzz; exit with 1 when a rule was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--doors", default=",".join(DOORS))
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    _warm()
    _backbones()
    found = 0
    given = (chosen.first, chosen.count, chosen.doors.split(","), chosen.keep)
    for line in fuzz(chosen.seed, *given):
        found += 1
        print(line, flush=True)  # noqa: T201
    sys.exit(found > 1)


def _warm() -> None:
    """Import what every input needs, before the processes part."""
    silent = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with tempfile.TemporaryDirectory() as folder:
        run_command_line(["run", MAIN, "--no-trace", "--out", folder, *settings_of()])
    sys.stdout.flush()
    os.dup2(silent, 1)


if __name__ == "__main__":
    main()
