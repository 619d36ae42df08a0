"""Time and memory of studies, whole commands with their start; run on demand, on an idle machine.

python tests/benchmarks/studies.py           all of it
python tests/benchmarks/studies.py price     10,000 points that differ in prices: under 30 s
python tests/benchmarks/studies.py simulate  1,000 points that need a simulation each: under 60 s
python tests/benchmarks/studies.py scaling   the same with one process and with two: 1.8x
python tests/benchmarks/studies.py memory    peak memory of the parent, 1,000 and 10,000 points
python tests/benchmarks/studies.py kills     50 kills at random instants, then the rest

Beside it: one simulation of one ALBERT layer takes ONNXim 1.5 s, AccelForge 17 s of processor time
and ZigZag 74 s, measured on such a machine: 1,000 points take 25 min, 4.7 h and 21 h on one core.
"""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import accelsim
from accelsim.study.store import Store

MAIN = "workloads/mti_mnli_mrpc_qnli.yaml"
STUDY = """\
name: benchmark
workload: {main}
cases: [vanilla_mixed, adapter_mixed]
axes:
  x: {axis}
"""
SMALL = """\
set:
  model: {name: custom, family: albert, vocabulary_size: 1000, embedding_size: 32, hidden_size: 64,
    layers: 3, heads: 2, intermediate_size: 256, maximum_positions: 128, type_vocabulary_size: 2,
    shared_layers: true, pooler: true}
  sequence_length: 32
"""
# Changes nothing but prices.
PRICE = "{{path: hardware.bus.length, from: 0.5 mm, to: 4 mm, steps: {points}}}"
# New cycles for every point.
CYCLES = "{{path: hardware.sfu.setup_cycles, from: 1, to: {points}, steps: {points}}}"


def study(folder: str, axis: str, points: int, *, small: bool = False) -> Path:
    """Write a study, of a small model if need be, and return its file."""
    path = Path(folder) / f"study{points}.yaml"
    text = STUDY.format(main=MAIN, axis=axis.format(points=points))
    path.write_text(text + SMALL if small else text)
    return path


def command(path: Path, *more: str, store: str = "store") -> list[str]:
    """Return the words of a sweep."""
    words = ["-m", "accelsim", "sweep", str(path), "--quiet", "--store", str(path.parent / store)]
    return [sys.executable, *words, *more]


def timed(axis: str, points: int, jobs: int) -> tuple[float, float]:
    """Return wall and processor seconds of a sweep, workers included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(command(study(folder, axis, points), "--jobs", str(jobs)), check=True)
        wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def price() -> None:
    """Print the time of points that differ in prices."""
    say("10,000 price-only points, two processes", *timed(PRICE, 10_000, 2))


def simulate() -> None:
    """Print the time of points that need a simulation each."""
    say("1,000 simulated points, two processes", *timed(CYCLES, 1000, 2))


def scaling() -> None:
    """Print what a second process brings."""
    one, two = timed(CYCLES, 300, 1)[0], timed(CYCLES, 300, 2)[0]
    sys.stdout.write(f"300 simulated points: one {one:.1f} s, two {two:.1f} s: {one / two:.2f}x\n")


def memory() -> None:
    """Print the peak memory of the parent for two numbers of points, all known and all new."""
    for points in (1000, 10_000):
        with tempfile.TemporaryDirectory() as folder:
            path = study(folder, PRICE, points)
            watched = (
                "import resource, subprocess, sys; "
                "subprocess.run(sys.argv[1:], check=True); "
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3)"
            )
            done = subprocess.run(
                [sys.executable, "-c", watched, *command(path, "--jobs", "2")],
                check=True,
                capture_output=True,
                text=True,
            )
        sys.stdout.write(f"{points} points: {float(done.stdout):.0f} MB in the largest process\n")


def kills(times: int = 50) -> None:
    """Kill a sweep at random instants, let it go on each time, and compare its rows at the end."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        path, before = study(folder, CYCLES, 400, small=True), 0
        for _ in range(times):
            running = subprocess.Popen(command(path, "--jobs", "2"))
            # Starting takes longest by far; most instants are to be behind it.
            while running.poll() is None and rows_in(path.parent / "store") == before:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.1))
            running.send_signal(signal.SIGKILL)
            running.wait()
            before = rows_in(path.parent / "store")
        rest = accelsim.sweep(path, store=path.parent / "store")
        whole = accelsim.sweep(path, store=path.parent / "other")
        assert rest.tally is not None
        assert repr(list(rest.records())) == repr(list(whole.records()))
        told = f"{times} kills: {rest.tally.known} of 400 rows outlived them"
        sys.stdout.write(f"{told}, all 400 equal those of a sweep without\n")


def rows_in(store: Path) -> int:
    """Return how many rows a store has while others write into it."""
    if not store.is_file():
        return 0
    with Store(store) as opened:
        return opened.count()


def say(name: str, wall: float, processor: float) -> None:
    """Print a time."""
    sys.stdout.write(f"{name:45} {wall:7.1f} s, {processor:7.1f} s of processor time\n")
    sys.stdout.flush()


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["price", "simulate", "scaling", "memory", "kills"]
    parts = {
        "price": price,
        "simulate": simulate,
        "scaling": scaling,
        "memory": memory,
        "kills": kills,
    }
    for part in chosen:
        parts[part]()
