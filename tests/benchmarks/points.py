"""CPU time of points and commands, each beside a bare baseline; run on demand, on an idle machine.

python tests/benchmarks/points.py            all of it
python tests/benchmarks/points.py warm       warm points of the main workload's mixed cases
python tests/benchmarks/points.py commands   whole commands, in processes of their own
python tests/benchmarks/points.py day        100,000 requests
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import accelsim
from accelsim.inputs.memo import Memo

MAIN = "workloads/mti_mnli_mrpc_qnli.yaml"
MIXED = ("vanilla_mixed", "adapter_mixed")
REPEATED = 7
# Each value is new to the memo: one more in every repetition.
CHANGES: dict[str, Callable[[int], str]] = {
    "nothing": lambda n: "hardware.bus.length=2 mm",
    "price: bus length": lambda n: f"hardware.bus.length={2 + n / 100} mm",
    "DRAM devices": lambda n: f"hardware.dram.devices={1 + n}",
    "clock frequency": lambda n: f"hardware.clock.frequency={0.9 - n / 100} GHz",
    "SRAM capacity": lambda n: f"hardware.memories.sram.capacity={3 + n / 8} MiB",
    "bottleneck": lambda n: f"cases.adapter_mixed.adaptation.bottleneck={16 + n}",
    "bus width": lambda n: f"hardware.bus.width={64 + 8 * n} b",
    "weight buffer": lambda n: f"hardware.weight_buffer.data={64 + 4 * n} KiB",
    "activation buffer": lambda n: f"hardware.activation_buffer.data={128 + n} KiB",
    "special functions": lambda n: f"hardware.sfu.setup_cycles={9 + n}",
    "mask port": lambda n: f"hardware.bus.masks_per_cycle={2 + n}",
}
COMMANDS = {
    "bare imports": ("-c", "import numpy, pydantic, simpy, yaml, rich"),
    "--help": ("-m", "accelsim", "--help"),
    "op matmul": ("-m", "accelsim", "op", "matmul", "--rows=64", "--columns=64", "--depth=64"),
    "run --no-trace": ("-m", "accelsim", "run", MAIN, "--no-trace", "--out", "OUT"),
    "run": ("-m", "accelsim", "run", MAIN, "--out", "OUT"),
}


def warm() -> None:
    """Print the CPU time of points after one of them has been evaluated."""
    for name, change in CHANGES.items():
        memo = Memo()
        accelsim.evaluate(accelsim.Point(MAIN, (change(0),), MIXED), memo)
        spent = []
        for number in range(1, REPEATED + 1):
            start = time.process_time()
            accelsim.evaluate(accelsim.Point(MAIN, (change(number),), MIXED), memo)
            spent.append(time.process_time() - start)
        _say(f"warm: {name}", spent)


def commands() -> None:
    """Print the CPU time of commands, their bytecode compiled, as that of installed ones is."""
    for name, command in COMMANDS.items():
        _child(command)
        _say(name, [_child(command) for _ in range(REPEATED)])


def day() -> None:
    """Print the CPU time of a day of 100,000 requests in two cases."""
    start = time.process_time()
    accelsim.evaluate(accelsim.Point("workloads/poisson_day.yaml"))
    _say("day of 100,000 requests, two cases", [time.process_time() - start])


def _child(command: tuple[str, ...]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        words = [folder if word == "OUT" else word for word in command]
        compiled = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
        command = (sys.executable, *words)
        subprocess.run(command, check=True, capture_output=True, env=compiled)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _say(name: str, spent: list[float]) -> None:
    middle, least = statistics.median(spent), min(spent)
    sys.stdout.write(f"{name:36} {1e3 * middle:9.1f} ms median {1e3 * least:9.1f} ms least\n")
    sys.stdout.flush()


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["commands", "warm", "day"]
    for part in chosen:
        {"warm": warm, "commands": commands, "day": day}[part]()
